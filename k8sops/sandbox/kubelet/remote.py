"""The remote command protocol of exec and attach: v5 and v4.channel.k8s.io over a WebSocket (KEP-4006).

Each message is one channel byte and data: 0 stdin, 1 stdout, 2 stderr, 3 the closing Status, 4 terminal size; in v5
255 closes another channel. The closing Status holds the exit code as the cause "ExitCode", as a kubelet writes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable
from typing import Final

from k8sops.sandbox.kubelet.http import HttpRequest
from k8sops.sandbox.kubelet.process import CHUNK, RoomProcess
from k8sops.sandbox.kubelet.websocket import WebSocket

V5: Final = "v5.channel.k8s.io"
V4: Final = "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
SESSION_SECONDS: Final = 4 * 3600.0
"""As long as a kubelet keeps a streaming connection on which nothing happens."""
LINGER_SECONDS: Final = 5.0
KILLED: Final = 137
"""What a command whose container was killed ends with: 128 and SIGKILL."""


class Streams:
    """What the client asked to be connected to (the parameters of a kubelet's exec and attach)."""

    def __init__(self, request: HttpRequest) -> None:
        self.attached: Final = request.parts[0] == "attach"
        self.tty: Final = request.option("tty") == "1"
        self.stdin: Final = request.option("input") == "1"
        self.stdout: Final = request.option("output") == "1"
        # A terminal has one output stream.
        self.stderr: Final = request.option("error") == "1" and not self.tty

    def any(self) -> bool:
        """Whether anything is connected; without, there is nothing to be served."""
        return self.stdin or self.stdout or self.stderr


async def run_connected(
    socket: WebSocket, process: RoomProcess, streams: Streams, container_ended: Awaitable[None]
) -> int | None:
    """Connect a command to the client until it ends, or its container, or the session is too old.

    Returns the exit code, None where the client went away first; nothing of the command is left either way. Who is
    attached is not told the code: a kubelet reads it from the container's status.
    """
    incoming = asyncio.create_task(_input(socket, process, streams))
    running = asyncio.create_task(_output(socket, process, streams))
    killed = asyncio.ensure_future(container_ended)
    tasks = (incoming, running, killed)
    code = None
    try:
        done, _ = await asyncio.wait(tasks, timeout=SESSION_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if running in done:
            code = await running
        elif killed in done:
            code = KILLED
        if code is not None:
            await conclude(socket, exited(0 if streams.attached else code))
        elif not done:
            hours = SESSION_SECONDS / 3600
            await conclude(socket, failed(f"the session was ended: none lasts longer than {hours:.0f} h"))
        # Input that is still on its way would turn the end of the connection into a reset, and lose the Status.
        await asyncio.wait({incoming}, timeout=LINGER_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        await process.end()
        await asyncio.gather(*tasks, return_exceptions=True)
    return code


async def _input(socket: WebSocket, process: RoomProcess, streams: Streams) -> None:
    """Returns when the client has gone away."""
    while (message := await socket.receive()) is not None:
        channel, data = (message[0], message[1:]) if message else (STDIN, b"")
        if channel == STDIN and streams.stdin and data:
            await process.write(data)
        elif channel == RESIZE:
            process.resize(*_size(data))
        elif channel == CLOSE and data[:1] == bytes((STDIN,)) and socket.subprotocol == V5:
            process.close_stdin()


async def _output(socket: WebSocket, process: RoomProcess, streams: Streams) -> int:
    sources = ((STDOUT, process.stdout, streams.stdout), (STDERR, process.stderr, streams.stderr))
    copies = [
        _copy(socket if wanted else None, channel, source)
        for channel, source, wanted in sources
        if source is not None
    ]
    await asyncio.gather(*copies)
    return await process.wait()


async def _copy(socket: WebSocket | None, channel: int, source: asyncio.StreamReader) -> None:
    """Until the source ends; what nobody asked for is read and dropped, lest the command waits for ever."""
    head = bytes((channel,))
    # Linux ends a terminal's output with EIO.
    with contextlib.suppress(OSError):
        while data := await source.read(CHUNK):
            if socket is not None and not await socket.send(head + data):
                return


async def run_log(socket: WebSocket, lines: AsyncGenerator[bytes, None]) -> None:
    """Connect a container that only talks: its log as it grows, until the client is gone or the container ends."""

    async def show() -> None:
        async for block in lines:
            if block and not await socket.send(bytes((STDOUT,)) + block):
                return

    async def listen() -> None:
        while await socket.receive() is not None:
            pass

    showing, listening = asyncio.create_task(show()), asyncio.create_task(listen())
    try:
        done, _ = await asyncio.wait({showing, listening}, return_when=asyncio.FIRST_COMPLETED)
        if showing in done:
            await conclude(socket, exited(0))
    finally:
        for task in (showing, listening):
            task.cancel()
        await asyncio.gather(showing, listening, return_exceptions=True)
        await lines.aclose()


async def conclude(socket: WebSocket, status: dict[str, object]) -> None:
    """The closing Status, and the end of the connection."""
    await socket.send(bytes((STATUS,)) + json.dumps(status).encode())
    await socket.close()


def exited(code: int) -> dict[str, object]:
    """The Status of a command that ended by itself."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def failed(why: str) -> dict[str, object]:
    """The Status of a command that did not run, or was ended from here."""
    message = f"Internal error occurred: error executing command in container: {why}"
    cause = {"message": f"error executing command in container: {why}"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": "InternalError",
        "details": {"causes": [cause]},
        "code": 500,
    }


def _size(data: bytes) -> tuple[int, int]:
    try:
        size = json.loads(data)
        return int(size["Width"]), int(size["Height"])
    except (ValueError, TypeError, KeyError):
        return 0, 0
