"""Port forwarding, passed to kwok, which alone speaks its protocol (SPDY/3.1).

It comes as SPDY itself, or as the same bytes in the messages of a WebSocket (KEP-4006, "SPDY/3.1+portforward.k8s.io");
kwok is spoken to in plain SPDY either way. What a forwarded port leads to is always `page`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from k8sops.sandbox.kubelet.addresses import LOOPBACK
from k8sops.sandbox.kubelet.http import GONE, HttpRequest, Reader, Writer, answer, hang_up, join
from k8sops.sandbox.kubelet.websocket import WebSocket, accept, offered

TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
PAGE: Final = (
    "This is a pod of a k8sops sandbox. Nothing runs behind this port: the answer is always the same.\n"
)


class PortForward:
    """Passes port-forward connections on."""

    def __init__(self, kwok_port: int) -> None:
        self._kwok_port: Final = kwok_port

    async def serve(self, request: HttpRequest, reader: Reader, writer: Writer) -> None:
        """One connection, until either side ends it."""
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self._kwok_port)
        except OSError:
            await answer(
                writer, 503, "kwok, which forwards the sandbox's ports, is gone: `k8sops sandbox up` repairs"
            )
            return
        if not offered(request, [TUNNEL]):
            back.write(request.head)
            await join(reader, writer, there, back)
            return
        try:
            socket = await accept(request, reader, writer, TUNNEL)
            if socket is not None:
                await self._tunnel(request, socket, there, back)
        finally:
            back.close()

    async def _tunnel(self, request: HttpRequest, socket: WebSocket, there: Reader, back: Writer) -> None:
        back.write(
            f"POST {request.target} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
            "X-Stream-Protocol-Version: portforward.k8s.io\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
        )
        head = await there.readuntil(b"\r\n\r\n")
        if b" 101 " in head.split(b"\r\n", 1)[0]:
            outward = asyncio.create_task(_outward(there, socket))
            try:
                while (message := await socket.receive()) is not None and not outward.done():
                    back.write(message)
                    with contextlib.suppress(*GONE):
                        await back.drain()
            finally:
                outward.cancel()
        await socket.close()


async def _outward(there: Reader, socket: WebSocket) -> None:
    with contextlib.suppress(*GONE):
        while data := await there.read(65536):
            if not await socket.send(data):
                return
    await socket.close()


async def serve_page(reader: Reader, writer: Writer) -> None:
    """What a port of a pod shows, whatever is asked of it."""
    unreadable = (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
    try:
        with contextlib.suppress(*unreadable, *GONE):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10.0)
        await answer(writer, 200, PAGE)
    finally:
        await hang_up(writer)
