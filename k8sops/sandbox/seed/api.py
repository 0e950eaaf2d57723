"""The seed's own API client: few verbs, many requests at once, nothing decoded that nobody reads.

It knows client certificates and tokens, as a sandbox's kubeconfig holds them, and no exec plugins, proxies or
impersonation: those are the cluster layer's. Refused connections and 429/5xx answers are tried again, since every
write here is safe to repeat.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import msgspec
import yaml

from k8sops.core.errors import SandboxError, UnreachableError, UsageError

FIELD_MANAGER: Final = "k8sops-seed"
APPLY: Final = "application/apply-patch+yaml"
JSON: Final = "application/json"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
ATTEMPTS: Final = 6
REQUEST_SECONDS: Final = 30.0
PAGE: Final = 500

JsonObject = dict[str, Any]


class ServerMessage(msgspec.Struct, frozen=True):
    """The part of a metav1.Status that a person reads."""

    message: str = ""
    reason: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What the API server answered to a request that it accepted."""

    status: int
    body: bytes

    @property
    def created(self) -> bool:
        """True where the object was not there before."""
        return self.status == 201

    def json(self) -> JsonObject:
        """The body as a JSON object."""
        return msgspec.json.decode(self.body, type=dict[str, Any])


class RefusedError(SandboxError):
    """The API server refused one request; the status tells a caller whether that is expected."""

    code = "sandbox_refused"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status: Final = status


class SeedApi:
    """One session to one API server."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session = session
        self._server = server

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = JSON,
        *,
        accept: str = JSON,
        attempts: int = ATTEMPTS,
    ) -> Answer:
        """One request. Raises RefusedError with the server's message, UnreachableError when nobody answers."""
        answer = b""
        status = 0
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(0.1 * 2**attempt)
            try:
                async with self._session.request(
                    method,
                    self._server + path,
                    data=body,
                    headers={"Content-Type": content_type, "Accept": accept},
                ) as response:
                    answer, status = await response.read(), response.status
            except (aiohttp.ClientConnectionError, TimeoutError) as error:
                if attempt == attempts - 1:
                    raise UnreachableError(
                        f"{self._server} does not answer: {str(error) or type(error).__name__}",
                        hint="`k8sops sandbox status` says which process is gone",
                    ) from error
                continue
            if status < 400:
                return Answer(status, answer)
            if status != 429 and status < 500:
                break
        raise RefusedError(status, f"{method} {path}: {_message(answer) or status}")

    async def apply(self, path: str, body: JsonObject) -> Answer:
        """Server-side apply as `k8sops-seed`, taking over fields that others own."""
        query = urlencode({"fieldManager": FIELD_MANAGER, "force": "true"})
        return await self.send("PATCH", f"{path}?{query}", msgspec.json.encode(body), APPLY)

    async def find(self, path: str) -> JsonObject | None:
        """One object, or None where there is none."""
        try:
            return (await self.send("GET", path)).json()
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    async def items(self, path: str, **query: str) -> AsyncIterator[JsonObject]:
        """Every object of a list, page by page."""
        token = ""
        while True:
            page_query = urlencode({"limit": str(PAGE), **query, **({"continue": token} if token else {})})
            page = (await self.send("GET", f"{path}?{page_query}")).json()
            for item in page.get("items") or ():
                yield item
            token = page.get("metadata", {}).get("continue") or ""
            if not token:
                return


def conditions_of(item: JsonObject) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition by type; the API server writes `null` where there is none yet."""
    conditions = item.get("status", {}).get("conditions") or ()
    return {one["type"]: (one["status"], one.get("reason", "")) for one in conditions}


def _message(answer: bytes) -> str:
    try:
        return msgspec.json.decode(answer, type=ServerMessage).message
    except msgspec.DecodeError:
        return answer[:200].decode("utf-8", "replace")


@asynccontextmanager
async def open_api(kubeconfig: Path, *, connections: int) -> AsyncIterator[SeedApi]:
    """A client for the kubeconfig's current context. Raises UsageError where the file is missing or not one."""
    server, tls, headers = await asyncio.to_thread(_read_kubeconfig, kubeconfig)
    connector = aiohttp.TCPConnector(limit=connections, ssl=tls)
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session:
        yield SeedApi(session, server)


def _read_kubeconfig(kubeconfig: Path) -> tuple[str, ssl.SSLContext, dict[str, str]]:
    try:
        config = yaml.safe_load(kubeconfig.read_bytes())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        server: str = cluster["server"].rstrip("/")
        tls = _tls_context(cluster, user, kubeconfig.parent)
    except (OSError, yaml.YAMLError, KeyError, TypeError, StopIteration, ssl.SSLError, ValueError) as error:
        raise UsageError(
            f"{kubeconfig} is not a usable sandbox kubeconfig: {error!r}",
            hint="`k8sops sandbox kubeconfig` prints where a running sandbox's is",
        ) from error
    headers = {"User-Agent": FIELD_MANAGER, "Accept": JSON}
    if token := user.get("token"):
        headers["Authorization"] = f"Bearer {token}"
    return server, tls, headers


def _named(entries: list[JsonObject], name: str) -> JsonObject:
    return next(entry for entry in entries if entry["name"] == name)


def _tls_context(cluster: JsonObject, user: JsonObject, folder: Path) -> ssl.SSLContext:
    tls = ssl.create_default_context(cadata=_material(cluster, "certificate-authority", folder).decode())
    if certificate := _material(user, "client-certificate", folder):
        # The ssl module takes a key only from a file: mode 0600, gone when the block ends.
        with tempfile.NamedTemporaryFile(suffix=".pem") as pair:
            pair.write(certificate + b"\n" + _material(user, "client-key", folder))
            pair.flush()
            tls.load_cert_chain(pair.name)
    return tls


def _material(entry: JsonObject, field: str, folder: Path) -> bytes:
    if inline := entry.get(f"{field}-data"):
        return base64.b64decode(str(inline))
    if name := entry.get(field):
        return (folder / str(name)).read_bytes()
    return b""
