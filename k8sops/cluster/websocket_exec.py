"""Commands in a container over the API server's WebSocket (remotecommand v5, v4 where that is all there is).

Each message is one channel byte and data: 0 stdin, 1 stdout, 2 stderr, 3 the closing Status, 4 terminal size, and in
v5 255, which closes another channel (KEP-4006). Whether a command may be run at all is decided above.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from aiohttp import ClientWebSocketResponse, WSMsgType

from k8sops.core.errors import ClusterError, DeadlineError, InvalidError, UnreachableError

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

V5: Final = "v5.channel.k8s.io"
V4: Final = "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
MOST_OUTPUT: Final = 16 << 20


class _Cause(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct):
    causes: tuple[_Cause, ...] | None = None


class _Status(msgspec.Struct):
    status: str = ""
    reason: str = ""
    message: str = ""
    details: _Details | None = None


class Output(NamedTuple):
    """A piece of what the command wrote; `channel` is STDOUT or STDERR."""

    channel: int
    data: bytes


class ExecResult(NamedTuple):
    """A command that ended by itself; `cut` counts output bytes beyond the bound."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    cut: int


class ExecSession:
    """A running command: read `output` to its end, then `exit_code` is set."""

    def __init__(self, socket: ClientWebSocketResponse[bool], subject: str) -> None:
        self._socket = socket
        self._subject = subject
        self.exit_code: int | None = None

    async def output(self) -> AsyncGenerator[Output, None]:
        """What the command writes, as it comes. Raises ClusterError or UnreachableError where it did not end well."""
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel in {STDOUT, STDERR} and data:
                yield Output(channel, data)
            elif channel == ERROR:
                self.exit_code = exit_code_of(data, self._subject)
        if self.exit_code is None:
            raise UnreachableError(f"{self._subject}: the connection was lost before the command ended")

    async def send(self, data: bytes) -> None:
        """Write to the command's stdin."""
        await self._socket.send_bytes(bytes((STDIN,)) + data)

    async def close_stdin(self) -> None:
        """End the command's stdin. Raises InvalidError on v4, which has no word for it."""
        if self._socket.protocol != V5:
            raise InvalidError(
                f"{self._subject}: this API server cannot end stdin without ending the command"
            )
        await self._socket.send_bytes(bytes((CLOSE, STDIN)))

    async def resize(self, columns: int, rows: int) -> None:
        """Tell the command's terminal its size."""
        size = msgspec.json.encode({"Width": columns, "Height": rows})
        await self._socket.send_bytes(bytes((RESIZE,)) + size)


def exit_code_of(status: bytes, subject: str) -> int:
    """The exit code in the closing Status. Raises ClusterError where the command could not be run at all."""
    try:
        told = msgspec.json.decode(status, type=_Status)
    except msgspec.MsgspecError as error:
        raise ClusterError(f"{subject}: the API server's closing status cannot be read: {error}") from error
    if told.status == "Success":
        return 0
    causes = (told.details.causes if told.details else None) or ()
    code = next((cause.message for cause in causes if cause.reason == "ExitCode"), "")
    if told.reason == "NonZeroExitCode" and code.isdigit():
        return int(code)
    raise ClusterError(f"{subject}: the command could not be run: {told.message or told.reason}")


@asynccontextmanager
async def open_exec(
    transport: Transport,
    path: str,
    command: Sequence[str],
    *,
    container: str = "",
    stdin: bool = False,
    tty: bool = False,
    connect_deadline_s: float = 15.0,
    subject: str = "",
) -> AsyncIterator[ExecSession]:
    """Run a command; `path` is a pod's `exec` subresource. Leaving the context ends the connection.

    Raises what the HTTP status of a refusal means: ForbiddenError, NotFoundError, ServerError.
    """
    pairs = [*(("command", word) for word in command), ("stdout", "true")]
    pairs += [("container", container)] if container else []
    pairs += [("stdin", "true")] if stdin else []
    # A terminal has one output stream: the kubelet refuses stderr beside it.
    pairs += [("tty", "true")] if tty else [("stderr", "true")]
    socket = await transport.websocket(
        path, query=pairs, protocols=[V5, V4], connect_deadline_s=connect_deadline_s, subject=subject
    )
    try:
        if socket.protocol not in {V5, V4}:
            raise InvalidError(f"{subject}: the API server speaks neither {V5} nor {V4}")
        yield ExecSession(socket, subject)
    finally:
        await socket.close()


async def run_command(
    transport: Transport,
    path: str,
    command: Sequence[str],
    *,
    container: str = "",
    deadline_s: float = 60.0,
    most_output: int = MOST_OUTPUT,
    subject: str = "",
) -> ExecResult:
    """Run a command to its end and collect its output, at most `most_output` bytes. Raises DeadlineError."""
    pieces: dict[int, bytearray] = {STDOUT: bytearray(), STDERR: bytearray()}
    room, cut = most_output, 0
    try:
        async with asyncio.timeout(deadline_s):
            async with open_exec(transport, path, command, container=container, subject=subject) as session:
                async with aclosing(session.output()) as output:
                    async for channel, data in output:
                        pieces[channel] += data[:room]
                        cut += max(0, len(data) - room)
                        room = max(0, room - len(data))
                exit_code = session.exit_code
    except TimeoutError as error:
        raise DeadlineError(f"{subject}: the command did not end within {deadline_s:g} s") from error
    if exit_code is None:
        raise UnreachableError(f"{subject}: the connection was lost before the command ended")
    return ExecResult(exit_code, bytes(pieces[STDOUT]), bytes(pieces[STDERR]), cut)
