"""The first reads of a screen, sent before the HTTP client is loaded: importing aiohttp takes a quarter of a start.

One connection, plain GETs, one after the other, under the credentials, the TLS context and the headers of every other
request. Two answers are told: what was asked for, and that it is refused or not there. With anything else this
ends without a word, and the request is sent by the HTTP client, which is the one that retries and explains. Since
loading that would hold up the first frame, it waits until the first table is shown, for `HELD_BACK_S` at most.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncGenerator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from k8sops.cluster.credentials import Credentials
from k8sops.cluster.transport_url import Headers

HELD_BACK_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 3.0
BUFFER_BYTES: Final = 1 << 20
TOLD: Final = frozenset({200, 403, 404})
_GZIP: Final = 16 + zlib.MAX_WBITS


class Answer(NamedTuple):
    """A whole answer, its body as it was before it was compressed."""

    status: int
    body: bytes


class EarlyReads:
    """Those of one transport. Made inside a running event loop, ended by `end`."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials: Final = credentials
        self._turn: Final = asyncio.Lock()
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._over: Final = asyncio.Event()
        if credentials.proxy:
            self._over.set()
        self._held_back: Final = asyncio.get_running_loop().call_later(HELD_BACK_S, self._over.set)

    async def read(self, url: str, headers: Headers) -> Answer | None:
        """The answer to a GET; None where the HTTP client is to ask. Raises CredentialsError.

        How long it may take is for the caller to limit.
        """
        async with self._turn:
            # What is in sight stands on the first page.
            if self._over.is_set() or "&continue=" in url:
                return None
            try:
                return await self._asked(url, headers)
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, zlib.error):
                self._over.set()
                return None
            except BaseException:
                # What is yet to come on this connection answers a question that nobody asks any more.
                self._over.set()
                raise
            finally:
                self._drop_when_over()

    @property
    def ended(self) -> bool:
        """Whether nothing is read here any more."""
        return self._over.is_set()

    async def over(self) -> None:
        """Wait until the HTTP client may be loaded."""
        await self._over.wait()

    def end(self) -> None:
        """Begin no more reads here; one that is under way is still answered. Idempotent."""
        self._held_back.cancel()
        self._over.set()
        if not self._turn.locked():
            self._drop_when_over()

    async def _asked(self, url: str, headers: Headers) -> Answer | None:
        grant = await self._credentials.grant()
        if self._connection is None:
            self._connection = await self._connected(grant.ssl)
        reader, writer = self._connection
        writer.write(_request(url, [*headers, *grant.headers]))
        await writer.drain()
        answer = await _answer(reader)
        if answer.status in TOLD:
            return answer
        self._over.set()
        return None

    async def _connected(
        self, tls: ssl.SSLContext | bool
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        server = urlsplit(self._credentials.server)
        context = tls if isinstance(tls, ssl.SSLContext) else None
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await asyncio.open_connection(
                server.hostname,
                server.port or (443 if context else 80),
                ssl=context,
                server_hostname=(self._credentials.tls_server_name or None) if context else None,
                limit=BUFFER_BYTES,
            )

    def _drop_when_over(self) -> None:
        if self._over.is_set() and self._connection is not None:
            self._connection[1].transport.abort()
            self._connection = None


def _request(url: str, headers: Headers) -> bytes:
    host, slash, path = url.partition("://")[2].partition("/")
    lines = [f"GET {slash}{path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    if not all(line.isprintable() for line in lines) or " " in path:
        raise ValueError("what stands in a line of a request may not end it")
    return "\r\n".join((*lines, "", "")).encode()


async def _answer(reader: asyncio.StreamReader) -> Answer:
    """Raises ValueError for what no API server sends, and whatever reading raises."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if fields.get("transfer-encoding", "").lower() == "chunked":
        body = b"".join([chunk async for chunk in _chunks(reader)])
    else:
        body = await reader.readexactly(int(fields.get("content-length", "")))
    match fields.get("content-encoding", "identity"):
        case "gzip":
            body = zlib.decompress(body, _GZIP)
        case "identity":
            pass
        case other:
            raise ValueError(f"compressed as {other!r}")
    return Answer(int(first.split()[1]), body)


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
