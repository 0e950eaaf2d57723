"""The server's end of a WebSocket on an asyncio stream (RFC 6455), over the sans-I/O layer of `websockets`.

Messages come whole and binary ones only count; pings are answered while somebody reads. `send` waits until the peer
has taken what was sent before, which is what holds back a command that prints for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from k8sops.sandbox.kubelet.http import GONE, HttpRequest, Reader, Writer

MOST_BYTES: Final = 16 << 20
"""In one message from the peer; clients send some 32 KiB at a time."""
READ_BYTES: Final = 65536
SUBPROTOCOL: Final = "Sec-WebSocket-Protocol"


class WebSocket:
    """One connection, after its handshake."""

    def __init__(self, reader: Reader, writer: Writer, protocol: ServerProtocol, subprotocol: str) -> None:
        self.subprotocol: Final = subprotocol
        """What both agreed on."""
        self._reader: Final = reader
        self._writer: Final = writer
        self._protocol: Final = protocol
        self._pieces: Final = bytearray()
        self._opcode: Opcode | None = None
        self._ready: Final[list[bytes]] = []

    async def receive(self) -> bytes | None:
        """The next binary message, or None once the peer has closed or gone away."""
        while not self._ready:
            if self._protocol.close_rcvd is not None or self._protocol.state is State.CLOSED:
                return None
            try:
                data = await self._reader.read(READ_BYTES)
            except GONE:
                data = b""
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            for event in self._protocol.events_received():
                if isinstance(event, Frame):
                    self._take(event)
            await self._flush()
        return self._ready.pop(0)

    async def send(self, data: bytes) -> bool:
        """Send a binary message; False where nobody is there to take it."""
        try:
            self._protocol.send_binary(data)
        except InvalidState:
            return False
        return await self._flush()

    async def close(self) -> None:
        """Say that this is the end."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            await self._flush()

    def _take(self, frame: Frame) -> None:
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._opcode = frame.opcode
            self._pieces.clear()
        elif frame.opcode is not Opcode.CONT:
            return
        self._pieces.extend(frame.data)
        if frame.fin and self._opcode is Opcode.BINARY:
            self._ready.append(bytes(self._pieces))

    async def _flush(self) -> bool:
        try:
            for data in self._protocol.data_to_send():
                if data:
                    self._writer.write(data)
                elif self._writer.can_write_eof():
                    self._writer.write_eof()
            await self._writer.drain()
        except GONE:
            return False
        return True


def offered(request: HttpRequest, known: Sequence[str]) -> str:
    """The first subprotocol of `known` that the client offers, empty where there is none."""
    theirs = {name.strip() for name in request.headers.get(SUBPROTOCOL.lower(), "").split(",")}
    return next((name for name in known if name in theirs), "")


async def accept(request: HttpRequest, reader: Reader, writer: Writer, subprotocol: str) -> WebSocket | None:
    """Shake hands on a subprotocol; None where the request was refused, which the peer has been told."""
    protocol = ServerProtocol(max_size=MOST_BYTES)
    # The library takes tokens only (RFC 6455 §4.1), and Kubernetes has a subprotocol with a slash in its name.
    lines = request.head.split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(SUBPROTOCOL.lower().encode() + b":")]
    protocol.receive_data(b"\r\n".join(kept))
    socket = WebSocket(reader, writer, protocol, subprotocol)
    for event in protocol.events_received():
        if isinstance(event, Request):
            response = protocol.accept(event)
            if response.status_code == 101:
                response.headers[SUBPROTOCOL] = subprotocol
            protocol.send_response(response)
    for data in protocol.data_to_send():
        writer.write(data)
    await writer.drain()
    return socket if protocol.state is State.OPEN else None
