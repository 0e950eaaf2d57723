"""A sandbox's etcd through its JSON gateway: transactions, a snapshot, nothing else.

For what passes the API server by on purpose: laying in a load before the API server starts, copies of pods, and changes
of pods by the hundred. The key lies in the sandbox's own folder, so this can reach no other database.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from k8sops.core.errors import SandboxError
from k8sops.sandbox.pki import Pki
from k8sops.sandbox.ports import LOOPBACK, Ports
from k8sops.sandbox.state import SandboxFolder

BATCH: Final = 100
"""Keys in one transaction; etcd takes at most 128."""
REQUEST_SECONDS: Final = 60.0
STREAM_SECONDS: Final = 600.0

JsonObject = dict[str, Any]


class _Blob(msgspec.Struct, frozen=True):
    blob: bytes = b""


class _Header(msgspec.Struct, frozen=True):
    revision: str = "0"


class _Exchanged(msgspec.Struct, frozen=True):
    """What a transaction with a condition answers; numbers of 64 bits come as text."""

    header: _Header = _Header()
    succeeded: bool = False


class _Streamed(msgspec.Struct, frozen=True):
    """One line of a streamed answer (grpc-gateway); bytes come in base64."""

    result: _Blob = _Blob()
    error: JsonObject | None = None


class EtcdApi:
    """A session to one sandbox's etcd."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str) -> None:
        self._session: Final = session
        self._endpoint: Final = endpoint

    async def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            async with self._session.get(f"{self._endpoint}/health") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def put_all(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Store at most `BATCH` keys with their values, in one transaction. Raises SandboxError."""
        puts = [{"request_put": {"key": key, "value": value}} for key, value in entries]
        await self.transact(puts)

    async def transact(self, operations: Sequence[JsonObject]) -> Sequence[JsonObject]:
        """What etcd answers to each operation of one transaction; bytes become base64 by themselves.

        Raises SandboxError with etcd's own words; then nothing of it is stored.
        """
        answer = await self._transaction({"success": operations}, len(operations))
        responses: Sequence[JsonObject] = msgspec.json.decode(answer).get("responses", ())
        return responses

    async def replace(self, key: bytes, value: bytes, revision: int) -> int:
        """Store a value in the place of the one of that revision, and return the new one's; 0 where it is another.

        Raises SandboxError.
        """
        there = {"key": key, "target": "MOD", "mod_revision": str(revision)}
        put = {"request_put": {"key": key, "value": value}}
        answer = await self._transaction({"compare": [there], "success": [put]}, 1)
        exchanged = msgspec.json.decode(answer, type=_Exchanged)
        return int(exchanged.header.revision) if exchanged.succeeded else 0

    async def _transaction(self, request: JsonObject, writes: int) -> bytes:
        try:
            async with self._session.post(
                f"{self._endpoint}/v3/kv/txn", data=msgspec.json.encode(request)
            ) as response:
                answer, status = await response.read(), response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _silent(error) from error
        if status != 200:
            said = answer[:200].decode(errors="replace")
            raise SandboxError(f"the sandbox's etcd refused {writes} writes: {said}")
        return answer

    async def snapshot(self) -> AsyncIterator[bytes]:
        """The whole database as `etcdctl snapshot save` writes it: the file, then the SHA-256 over it.

        Raises SandboxError where the stream breaks off.
        """
        timeout = aiohttp.ClientTimeout(total=STREAM_SECONDS)
        try:
            async with self._session.post(
                f"{self._endpoint}/v3/maintenance/snapshot", data=b"{}", timeout=timeout
            ) as response:
                rest = b""
                async for block in response.content.iter_any():
                    *lines, rest = (rest + block).split(b"\n")
                    for line in lines:
                        yield _blob(line)
                if rest.strip():
                    yield _blob(rest)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _silent(error) from error


def _blob(line: bytes) -> bytes:
    streamed = msgspec.json.decode(line, type=_Streamed)
    if streamed.error is not None:
        raise SandboxError(f"the sandbox's etcd broke off its snapshot: {streamed.error.get('message', '')}")
    return streamed.result.blob


def _silent(error: Exception) -> SandboxError:
    return SandboxError(
        f"the sandbox's etcd does not answer: {str(error) or type(error).__name__}",
        hint="`k8sops sandbox status` says whether it runs",
    )


@asynccontextmanager
async def open_etcd(folder: SandboxFolder, ports: Ports) -> AsyncIterator[EtcdApi]:
    """A session with the API server's own certificate for etcd."""
    pki = Pki(folder.pki)
    tls = ssl.create_default_context(cafile=str(pki.certificate("etcd-ca")))
    tls.load_cert_chain(pki.certificate("apiserver-etcd-client"), pki.key("apiserver-etcd-client"))
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    connector = aiohttp.TCPConnector(ssl=tls)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield EtcdApi(session, f"https://{LOOPBACK}:{ports.etcd_gateway or ports.etcd}")


@asynccontextmanager
async def open_etcd_beside(kubeconfig: Path) -> AsyncIterator[EtcdApi | None]:
    """The etcd of the sandbox this kubeconfig administers, or None where it is not one of ours."""
    folder = SandboxFolder(kubeconfig.parent.parent, kubeconfig.parent.name)
    state = folder.load() if kubeconfig == folder.kubeconfig else None
    if state is None:
        yield None
        return
    async with open_etcd(folder, state.ports) as etcd:
        yield etcd
