"""One connection to a port of a pod over the API server's WebSocket, as kubectl does it, or as before Kubernetes 1.30.

`SPDY/3.1+portforward.k8s.io` is SPDY inside of the WebSocket's messages, with a stream for data and one for errors;
either side may end its half of the connection and go on listening. In `v4.channel.k8s.io`, which is all that older
servers know, each message is a channel byte and data, and who ends the connection ends both ways.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

from aiohttp import ClientWebSocketResponse, WSMsgType

from k8sops.cluster import spdy
from k8sops.cluster.one_line import one_line
from k8sops.core.errors import ClusterError, InvalidError

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
CHANNELS: Final = "v4.channel.k8s.io"
DATA, ERROR = 0, 1
ERRORS_STREAM, DATA_STREAM = 1, 3
_LONGEST_ERROR: Final = 300


class PortStream(Protocol):
    """An open connection."""

    @property
    def half_closes(self) -> bool:
        """Whether `finish` reaches the other end."""
        ...

    def received(self) -> AsyncGenerator[bytes, None]:
        """What comes, until the other end has no more. Raises ClusterError where it tells of an error."""
        ...

    async def send(self, data: bytes) -> None:
        """Send bytes on."""
        ...

    async def finish(self) -> None:
        """Say that nothing more will be sent; what comes is still received."""
        ...


class TunnelledStream:
    """A connection by SPDY."""

    half_closes: Final = True

    def __init__(self, socket: ClientWebSocketResponse[bool], subject: str) -> None:
        self._socket = socket
        self._subject = subject
        self._said = bytearray()

    async def begin(self, port: int) -> None:
        """Open both streams."""
        sender, told = spdy.Sender(), {"port": str(port), "requestid": "0"}
        errors = sender.open(ERRORS_STREAM, {"streamtype": "error", **told})
        # In one go: a kubelet waits for both.
        errors += spdy.data(ERRORS_STREAM, b"", ends=True)
        await self._socket.send_bytes(errors + sender.open(DATA_STREAM, {"streamtype": "data", **told}))

    async def received(self) -> AsyncGenerator[bytes, None]:
        """What comes."""
        receiver = spdy.Receiver()
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY:
                continue
            try:
                frames = list(receiver.frames(message.data))
            except spdy.BrokenFrameError as error:
                raise ClusterError(f"{self._subject}: what came is no SPDY: {error}") from error
            for frame in frames:
                if frame.kind == 0 and frame.stream == DATA_STREAM and frame.data:
                    yield frame.data
                if await self._is_end(frame):
                    return

    async def send(self, data: bytes) -> None:
        """Send bytes on."""
        await self._socket.send_bytes(spdy.data(DATA_STREAM, data))

    async def finish(self) -> None:
        """End this side."""
        await self._socket.send_bytes(spdy.data(DATA_STREAM, b"", ends=True))

    async def _is_end(self, frame: spdy.Frame) -> bool:
        """Answer what wants an answer; whether nothing more will come. Raises ClusterError."""
        ends = frame.kind == 0 and bool(frame.flags & spdy.FIN)
        if frame.kind == spdy.PING:
            await self._socket.send_bytes(spdy.control(spdy.PING, frame.data))
        if frame.kind == 0 and frame.stream == ERRORS_STREAM:
            self._said += frame.data[:_LONGEST_ERROR]
        if self._said and (ends or len(self._said) >= _LONGEST_ERROR):
            raise _told(self._subject, bytes(self._said))
        if frame.kind == spdy.RST_STREAM:
            raise ClusterError(f"{self._subject}: the connection was reset")
        return frame.kind == spdy.GOAWAY or (ends and frame.stream == DATA_STREAM)


class ChanneledStream:
    """A connection by channels."""

    half_closes: Final = False

    def __init__(self, socket: ClientWebSocketResponse[bool], subject: str) -> None:
        self._socket = socket
        self._subject = subject

    async def received(self) -> AsyncGenerator[bytes, None]:
        """What comes; the first message of each channel is the port itself."""
        begun: set[int] = set()
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel not in begun:
                begun.add(channel)
                data = data[2:]
            if channel == ERROR and data:
                raise _told(self._subject, data)
            if channel == DATA and data:
                yield data

    async def send(self, data: bytes) -> None:
        """Send bytes on."""
        await self._socket.send_bytes(bytes((DATA,)) + data)

    async def finish(self) -> None:
        """Nothing: there is no way to say it."""


@asynccontextmanager
async def open_port(
    transport: Transport, path: str, port: int, *, connect_deadline_s: float = 15.0, subject: str = ""
) -> AsyncIterator[PortStream]:
    """Connect; `path` is a pod's `portforward` subresource. Leaving the context ends the connection.

    Raises what the HTTP status of a refusal means: ForbiddenError, NotFoundError, ServerError.
    """
    socket = await transport.websocket(
        path,
        query=[("ports", str(port))],
        protocols=[TUNNEL, CHANNELS],
        connect_deadline_s=connect_deadline_s,
        subject=subject,
    )
    try:
        if socket.protocol == TUNNEL:
            stream = TunnelledStream(socket, subject)
            async with asyncio.timeout(connect_deadline_s):
                await stream.begin(port)
            yield stream
        elif socket.protocol == CHANNELS:
            yield ChanneledStream(socket, subject)
        else:
            raise InvalidError(f"{subject}: the API server speaks neither {TUNNEL} nor {CHANNELS}")
    finally:
        await socket.close()


def _told(subject: str, said: bytes) -> ClusterError:
    return ClusterError(f"{subject}: {one_line(said.decode(errors='replace'), _LONGEST_ERROR)}")
