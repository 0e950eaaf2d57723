"""Answers that come bit by bit: running watches, which can be ended from outside, and WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import aiohttp
from aiohttp import web

AHEAD: Final = 256
"""Pieces of a delayed watch that are kept; beyond them the API server waits as for any slow client."""

Socket = aiohttp.ClientWebSocketResponse[bool] | web.WebSocketResponse


class Watch:
    """A running watch, and how it is to end: with these last bytes, or cut (no bytes)."""

    def __init__(self) -> None:
        self.ended: Final[asyncio.Future[bytes]] = asyncio.get_running_loop().create_future()

    def end(self, last: bytes) -> None:
        """Once only; what comes later does nothing."""
        if not self.ended.done():
            self.ended.set_result(last)


async def pieces(upstream: aiohttp.ClientResponse, watch: Watch, chunk: int) -> AsyncGenerator[bytes, None]:
    """The body as it comes, in pieces of at most `chunk` bytes (0: as read), until it or the watch ends."""
    while True:
        reading = asyncio.ensure_future(upstream.content.readany())
        try:
            await asyncio.wait({reading, watch.ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not reading.done():
                reading.cancel()
        if watch.ended.done() and (reading.cancelled() or not reading.done()):
            with suppress(asyncio.CancelledError):
                await reading
            return
        data = reading.result()
        if not data:
            return
        size = chunk or len(data)
        for start in range(0, len(data), size):
            yield data[start : start + size]


async def delayed(source: AsyncIterator[bytes], seconds: Callable[[], float]) -> AsyncGenerator[bytes, None]:
    """The same pieces in the same order, each so many seconds late, without holding up those behind it."""
    line: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue(AHEAD)
    now = asyncio.get_running_loop().time

    async def fill() -> None:
        try:
            async for piece in source:
                await line.put((now() + seconds(), piece))
        finally:
            await line.put(None)

    filling = asyncio.create_task(fill())
    try:
        while (entry := await line.get()) is not None:
            due, piece = entry
            if due > now():
                await asyncio.sleep(due - now())
            yield piece
        await filling
    finally:
        filling.cancel()
        with suppress(asyncio.CancelledError, ConnectionError, aiohttp.ClientError):
            await filling


async def bridge(upstream: Socket, downstream: Socket) -> None:
    """Pass a WebSocket's messages on, both ways, until one side ends."""
    tasks = [
        asyncio.create_task(_pump(upstream, downstream)),
        asyncio.create_task(_pump(downstream, upstream)),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(source: Socket, sink: Socket) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
