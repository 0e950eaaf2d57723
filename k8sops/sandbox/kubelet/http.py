"""As much of HTTP/1.1 as a kubelet needs: one request a connection, its head, and a short answer.

Kept this small because ten thousand followers of logs are ten thousand connections; bodies are streamed by whoever
answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

HEAD_LIMIT: Final = 32 * 1024
HEAD_SECONDS: Final = 10.0
GONE: Final = (ConnectionError, ssl.SSLError)
"""What writing to a peer that has hung up raises."""

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


class HttpRequest(NamedTuple):
    """The head of a request."""

    method: str
    target: str
    path: str
    parts: Sequence[str]
    """The path's segments, unescaped."""
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    """By lower-case name; repeated ones joined by a comma (RFC 9110 §5.3)."""
    head: bytes
    """All of it, as it came."""

    def option(self, name: str) -> str:
        """The last value of a query parameter, empty where there is none."""
        values = self.query.get(name)
        return values[-1] if values else ""


async def read_request(reader: Reader, begun: bytes = b"") -> HttpRequest:
    """Read a head, of which a byte may have been read already.

    Raises TimeoutError, IncompleteReadError, LimitOverrunError or ValueError for what is none.
    """
    head = begun + await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers: dict[str, str] = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        known = headers.get(name.lower())
        headers[name.lower()] = value.strip() if known is None else f"{known}, {value.strip()}"
    split = urlsplit(target)
    parts = [unquote(part) for part in split.path.strip("/").split("/")]
    return HttpRequest(method, target, split.path, parts, parse_qs(split.query), headers, head)


async def answer(
    writer: Writer, status: int, text: str, kind: str = "text/plain; charset=utf-8", *, reason: str = "-"
) -> None:
    """A whole answer; the connection ends with it."""
    body = text.encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with contextlib.suppress(*GONE):
        writer.write(head.encode() + body)
        await writer.drain()


async def hang_up(writer: Writer) -> None:
    """Close, and wait until it is closed, whatever state the peer is in."""
    writer.close()
    with contextlib.suppress(*GONE, TimeoutError):
        await writer.wait_closed()


async def pump(source: Reader, sink: Writer) -> None:
    """Copy until the source ends, then end the sink's direction."""
    with contextlib.suppress(*GONE):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if sink.can_write_eof():
            sink.write_eof()
        else:
            sink.close()


async def join(reader: Reader, writer: Writer, there: Reader, back: Writer) -> None:
    """Copy both ways until both have ended."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, back))
            group.create_task(pump(there, writer))
    finally:
        back.close()
