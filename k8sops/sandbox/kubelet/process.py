"""A command in a confined room, as the kubelet sees it: how it is started, its streams, its end.

The room is made by `confined`, a process of its own; what is missing for one comes back as a sentence. Ending the
process ends everything that was started in the room, by whichever name.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import sys
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

CONFINED: Final = Path(__file__).with_name("confined.py")
START_SECONDS: Final = 20.0
CHUNK: Final = 32 * 1024

Spec = dict[str, Any]


class RoomError(Exception):
    """The command could not be started, and why: in one sentence."""


class CommandNotRunError(RoomError):
    """The room stands, and there is no such command in it."""


class RoomProcess:
    """A command that was started."""

    def __init__(self, process: asyncio.subprocess.Process, master: int | None) -> None:
        self._process: Final = process
        self._master: int | None = master
        self.stdout: asyncio.StreamReader | None = process.stdout
        self.stderr: asyncio.StreamReader | None = process.stderr
        self._stdin: asyncio.StreamWriter | None = process.stdin
        self._read_end: asyncio.ReadTransport | None = None

    async def open_terminal(self) -> None:
        """Connect the terminal's master as stdin and stdout."""
        if self._master is None:
            return
        loop = asyncio.get_running_loop()
        os.set_blocking(self._master, False)
        self.stdout = asyncio.StreamReader(limit=CHUNK)
        reading = os.fdopen(os.dup(self._master), "rb", buffering=0)
        output = asyncio.StreamReaderProtocol(self.stdout)
        self._read_end, _ = await loop.connect_read_pipe(lambda: output, reading)
        writing = os.fdopen(os.dup(self._master), "wb", buffering=0)
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, writing)
        self._stdin = asyncio.StreamWriter(transport, protocol, None, loop)

    async def write(self, data: bytes) -> None:
        """Give the command input; one that has closed its stdin loses it."""
        if self._stdin is not None and not self._stdin.is_closing():
            with contextlib.suppress(OSError, RuntimeError):
                self._stdin.write(data)
                await self._stdin.drain()

    def close_stdin(self) -> None:
        """No more input. A terminal has no such thing: there the end is a typed Ctrl-D."""
        if self._stdin is not None and self._master is None:
            self._stdin.close()

    def resize(self, columns: int, rows: int) -> None:
        """The terminal's new size; numbers no terminal has are passed over."""
        if self._master is not None and 0 < columns < 0x10000 and 0 < rows < 0x10000:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def wait(self) -> int:
        """Its exit code, 128 and the signal's number where one ended it."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def end(self) -> None:
        """End it and everything in its room, and give back what it held."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        if self._stdin is not None:
            self._stdin.close()
        if self._read_end is not None:
            self._read_end.close()
        if self._master is not None:
            os.close(self._master)
            self._master = None


async def start(spec: Mapping[str, Any], *, stdin: bool, python: str = sys.executable) -> RoomProcess:
    """Make the room and start the command in it.

    Raises CommandNotRunError where the command is not there, RoomError where this machine cannot confine it.
    """
    tty = bool(spec["tty"])
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        reading = _held(json.dumps({**spec, "parent": os.getpid()}).encode())
        stream = asyncio.subprocess.DEVNULL if tty else asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *(python, "-I", "-S", str(CONFINED)),
                *(str(reading), str(theirs.fileno())),
                stdin=stream if stdin else asyncio.subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                pass_fds=(reading, theirs.fileno()),
                start_new_session=True,
                limit=CHUNK,
                env={},
            )
        except OSError as error:
            raise RoomError(f"a room cannot be started: {error.strerror}") from error
        finally:
            os.close(reading)
        theirs.close()
        started = RoomProcess(process, None)
        try:
            async with asyncio.timeout(START_SECONDS):
                said, master = await _hear(ours)
                started = RoomProcess(process, master)
                if "room" not in said:
                    raise RoomError(f"exec needs {said.get('error', 'a room, and its process ended')}")
                if failed := (await _hear(ours))[0]:
                    raise CommandNotRunError(failed["error"])
            await started.open_terminal()
        except BaseException as error:
            await started.end()
            if isinstance(error, TimeoutError):
                raise RoomError(f"the room was not ready within {START_SECONDS:.0f} s") from error
            raise
        return started


def _held(content: bytes) -> int:
    """A file in memory with this content, read from its beginning: a command line can be seen by everybody."""
    if not hasattr(os, "memfd_create"):
        raise RoomError("exec needs Linux: no other system has what confines it")
    descriptor = os.memfd_create("room")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _set_once(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


async def _hear(control: socket.socket) -> tuple[dict[str, str], int | None]:
    """One message and the descriptor beside it; an empty one when the other end is closed."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(control, _set_once, readable)
    try:
        await readable
    finally:
        loop.remove_reader(control)
    data, descriptors, _, _ = socket.recv_fds(control, 65536, 1)
    return (json.loads(data) if data else {}), next(iter(descriptors), None)
