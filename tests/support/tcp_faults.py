"""A TCP relay that breaks connections on demand, at the moments that matter to a storage; nothing is patched."""

from __future__ import annotations

import asyncio
import ssl
from typing import Literal

Fault = Literal["refuse", "lose the answer", "cut the answer", "hang", "503"]
_BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class TcpFaults:
    """`async with TcpFaults(endpoint) as relay:` then `relay.endpoint`; `relay.next(…)` breaks the next requests.

    refuse: hang up before the request goes on. lose the answer: let it be carried out, then hang up. cut the answer:
    hang up after its first kilobyte. hang: never answer. 503: say so without asking the server.
    """

    def __init__(self, endpoint: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._host, port = endpoint.removeprefix("http://").split("/")[0].split(":")
        self._port = int(port)
        self._tls = tls
        self._faults: list[Fault] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.endpoint = ""
        self.requests = 0

    def next(self, *faults: Fault) -> None:
        """Break the next requests in this order; those after them go through."""
        self._faults.extend(faults)

    @property
    def left(self) -> int:
        """How many faults no request has met yet."""
        return len(self._faults)

    async def __aenter__(self) -> TcpFaults:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.endpoint = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer, on a connection to the server of its own; whether the client's stays open."""
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        self.requests += 1
        fault = self._faults.pop(0) if self._faults else None
        if fault == "hang":
            await asyncio.Event().wait()
        if fault == "503":
            writer.write(_BUSY)
            await writer.drain()
        if fault in ("refuse", "503"):
            return False
        answer = await self._ask(head, body)
        if fault == "lose the answer":
            return False
        if fault == "cut the answer":
            writer.write(answer[:1024])
            await writer.drain()
            return False
        writer.write(answer)
        await writer.drain()
        return False

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            first, _, rest = head.partition(b"\r\n")
            writer.write(first + b"\r\nConnection: close\r\n" + rest + body)
            await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
