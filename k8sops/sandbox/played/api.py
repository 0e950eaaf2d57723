"""The requests the played parts make of the API server: one object, a list in pages, and a watch that goes on.

Every request but a watch has a deadline. A watch that breaks is taken up where it was, or begun anew with a list.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import msgspec

from k8sops.core.errors import SandboxError
from k8sops.sandbox.ports import LOOPBACK

JsonObject = dict[str, Any]

REQUEST_SECONDS: Final = 15.0
AGAIN_SECONDS: Final = 0.5
PAGE: Final = 1000
LINE_LIMIT: Final = 8 * 1024 * 1024
FIELD_MANAGER: Final = "k8sops-sandbox"
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"


class PlayedApi:
    """A session of the sandbox's own user; use it with `async with`."""

    def __init__(self, apiserver_port: int, pki: Path) -> None:
        self._server: Final = f"https://{LOOPBACK}:{apiserver_port}"
        self._tls: Final = ssl.create_default_context(cafile=str(pki / "cluster-ca.crt"))
        self._tls.load_cert_chain(pki / "played.crt", pki / "played.key")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> PlayedApi:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=32)
        self._session = aiohttp.ClientSession(connector=connector, read_bufsize=LINE_LIMIT // 8)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def raw(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> tuple[int, bytes]:
        """Status and body. Raises SandboxError where the API server does not answer."""
        headers = {"Accept": accept} | ({"Content-Type": content_type} if body is not None else {})
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        data = msgspec.json.encode(body) if body is not None else None
        try:
            async with self._open().request(
                method, self._server + path, data=data, headers=headers, timeout=timeout
            ) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SandboxError(
                f"the sandbox's API server did not answer {method} {path}: {str(error) or type(error).__name__}"
            ) from error

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
        absent: tuple[int, ...] = (404,),
    ) -> JsonObject | None:
        """The answered object; None for a status in `absent`. Raises SandboxError for any other refusal."""
        status, content = await self.raw(method, path, body, content_type=content_type)
        if status in absent:
            return None
        if status >= HTTPStatus.BAD_REQUEST:
            raise SandboxError(f"{method} {path} was refused: {_message(content) or status}")
        answered: JsonObject = msgspec.json.decode(content)
        return answered

    async def apply(self, path: str, body: Mapping[str, Any]) -> None:
        """Server-side apply that takes over what others have set."""
        query = urlencode({"fieldManager": FIELD_MANAGER, "force": "true"})
        await self.request("PATCH", f"{path}?{query}", body, content_type=APPLY, absent=())

    async def pages(
        self, path: str, query: Mapping[str, str] | None = None, accept: str = "application/json"
    ) -> AsyncIterator[bytes]:
        """A list's pages, undecoded. Raises SandboxError for a refusal."""
        following = ""
        while True:
            wanted = {"limit": str(PAGE), **(query or {}), **({"continue": following} if following else {})}
            status, content = await self.raw("GET", f"{path}?{urlencode(wanted)}", accept=accept)
            if status != HTTPStatus.OK:
                raise SandboxError(f"GET {path} was refused: {_message(content) or status}")
            yield content
            following = msgspec.json.decode(content, type=_Listed).metadata.following
            if not following:
                return

    async def follow(
        self, path: str, *, metadata_only: bool = False
    ) -> AsyncIterator[tuple[str, JsonObject]]:
        """Event type and object, for ever: first all there is, then what changes. What is known may come again."""
        list_accept, watch_accept = "application/json", "application/json"
        if metadata_only:
            list_accept = METADATA_ONLY.format(list="List")
            watch_accept = METADATA_ONLY.format(list="")
        while True:
            try:
                version = ""
                async for page in self.pages(path, accept=list_accept):
                    listed: JsonObject = msgspec.json.decode(page)
                    version = listed["metadata"]["resourceVersion"]
                    # An empty list of PartialObjectMetadata is null.
                    for item in listed.get("items") or ():
                        yield "ADDED", item
                async for event, item in self._watch(path, version, watch_accept):
                    yield event, item
            except SandboxError:
                # The API server is away or has forgotten where we were; a list is a fresh start.
                pass
            await asyncio.sleep(AGAIN_SECONDS)

    async def _watch(self, path: str, version: str, accept: str) -> AsyncIterator[tuple[str, JsonObject]]:
        """Events from a version on, until the API server says that it no longer knows it. Raises SandboxError."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS)
        while True:
            query = urlencode({"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"})
            try:
                async with self._open().get(
                    f"{self._server}{path}?{query}", headers={"Accept": accept}, timeout=timeout
                ) as answer:
                    if answer.status != HTTPStatus.OK:
                        raise SandboxError(f"watch {path} was refused: {answer.status}")
                    async for line in _lines(answer.content):
                        event: JsonObject = msgspec.json.decode(line)
                        if event["type"] == "ERROR":
                            return
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            yield event["type"], event["object"]
            except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError) as error:
                raise SandboxError(f"watch {path} broke: {error}") from error
            # The API server ends each watch in time; one that it ends at once must not become a busy loop.
            await asyncio.sleep(AGAIN_SECONDS)

    def _open(self) -> aiohttp.ClientSession:
        assert self._session is not None, "used outside `async with`"  # noqa: S101 - a defect, not a condition
        return self._session


class _ListMetadata(msgspec.Struct):
    following: str = msgspec.field(name="continue", default="")


class _Listed(msgspec.Struct):
    metadata: _ListMetadata


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Whole lines of any length; aiohttp's own reader refuses long ones."""
    kept = bytearray()
    async for chunk in stream.iter_any():
        kept += chunk
        *lines, rest = bytes(kept).split(b"\n")
        kept = bytearray(rest)
        for line in lines:
            if line.strip():
                yield line


def _message(content: bytes) -> str:
    """What a Status says; an API server that is still starting answers in plain text."""
    try:
        return str(msgspec.json.decode(content).get("message", ""))
    except (msgspec.DecodeError, AttributeError):
        return ""
