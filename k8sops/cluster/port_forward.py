"""One connection to a port of a pod over the API server's WebSocket (subprotocol v4.channel.k8s.io, "portforward").

Each message is one channel byte and data: 0 the connection's bytes, 1 an error as text; the first message of each
channel is the port itself, two bytes. There is no half-close: who ends the connection ends both ways.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiohttp import ClientWebSocketResponse, WSMsgType

from k8sops.cluster.one_line import one_line
from k8sops.core.errors import ClusterError, InvalidError

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

PROTOCOL: Final = "v4.channel.k8s.io"
DATA, ERROR = 0, 1
_LONGEST_ERROR: Final = 300


class PortStream:
    """An open connection."""

    def __init__(self, socket: ClientWebSocketResponse[bool], subject: str) -> None:
        self._socket = socket
        self._subject = subject

    async def received(self) -> AsyncGenerator[bytes, None]:
        """What comes, until the other end closes. Raises ClusterError where it tells of an error."""
        begun: set[int] = set()
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel not in begun:
                begun.add(channel)
                data = data[2:]
            if channel == ERROR and data:
                raise ClusterError(
                    f"{self._subject}: {one_line(data.decode(errors='replace'), _LONGEST_ERROR)}"
                )
            if channel == DATA and data:
                yield data

    async def send(self, data: bytes) -> None:
        """Send bytes on."""
        await self._socket.send_bytes(bytes((DATA,)) + data)

    async def close(self) -> None:
        """End the connection, both ways."""
        await self._socket.close()


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
        protocols=[PROTOCOL],
        connect_deadline_s=connect_deadline_s,
        subject=subject,
    )
    try:
        if socket.protocol != PROTOCOL:
            raise InvalidError(f"{subject}: the API server does not speak {PROTOCOL}")
        yield PortStream(socket, subject)
    finally:
        await socket.close()
