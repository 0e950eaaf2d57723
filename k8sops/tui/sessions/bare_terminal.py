"""A session on the bare terminal: the screen steps aside, keys go to the container as they are, and the screen is back.

Keys are read by the event loop, so that all else of the program goes on. As in ssh, Enter ~ . ends a session that
does not answer. What is no terminal at the far end leaves the work of one to ours: lines are ended and, where the
container hears, edited and shown here; Ctrl-C ends that.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any, Final

from k8sops.core.errors import K8sOpsError
from k8sops.core.sessions import Terminal

PIECE: Final = 4096
_CTRL_C: Final = b"\x03"
_LEAVING: Final = frozenset({_CTRL_C, b"q"})
_NOTHING: Final = b"\0"
"""What stands for no key (termios(3), `_POSIX_VDISABLE`)."""


class BareTerminal:
    """The terminal the program was started on, while the screen is away."""

    def __init__(self) -> None:
        self._in: Final = sys.__stdin__.fileno() if sys.__stdin__ is not None else 0
        self._out: Final = sys.__stdout__.fileno() if sys.__stdout__ is not None else 1

    def say(self, text: str) -> None:
        """A line of ours."""
        self._write(f"\r\n{text}\r\n".encode())

    async def join(self, terminal: Terminal) -> K8sOpsError | None:
        """Connect both until the far end ends, or the reader leaves; returns what went wrong."""
        loop = asyncio.get_running_loop()
        typed: asyncio.Queue[bytes] = asyncio.Queue()
        before = self._made_ready(terminal)
        resized = self._on_resize(lambda: loop.call_soon_threadsafe(typed.put_nowait, b""))
        loop.add_reader(self._in, self._read, typed)
        receiving = asyncio.create_task(self._show(terminal))
        sending = asyncio.create_task(self._send(terminal, typed))
        try:
            done, _ = await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
            failed = (task.exception() for task in done)
            return next((error for error in failed if isinstance(error, K8sOpsError)), None)
        finally:
            loop.remove_reader(self._in)
            signal.signal(signal.SIGWINCH, resized)
            for task in (receiving, sending):
                task.cancel()
            await asyncio.gather(receiving, sending, return_exceptions=True)
            if before is not None:
                termios.tcsetattr(self._in, termios.TCSADRAIN, before)

    async def _show(self, terminal: Terminal) -> None:
        async with aclosing(terminal.output()) as pieces:
            async for data in pieces:
                # A terminal that is stopped (Ctrl-S) must not stop the program.
                await asyncio.to_thread(self._write, data)

    async def _send(self, terminal: Terminal, typed: asyncio.Queue[bytes]) -> None:
        """Returns when the reader leaves."""
        escape = Escape()
        with suppress(ConnectionError):
            await self._tell_size(terminal)
            while True:
                data = await typed.get()
                if not data:
                    await self._tell_size(terminal)
                elif not terminal.hears:
                    if data in _LEAVING:
                        return
                elif not terminal.is_terminal and data.endswith(_CTRL_C):
                    return
                else:
                    kept = escape.passes(data)
                    if kept:
                        await terminal.send(kept)
                    if escape.is_left:
                        return

    async def _tell_size(self, terminal: Terminal) -> None:
        size = shutil.get_terminal_size()
        await terminal.resize(size.columns, size.lines)

    def _read(self, typed: asyncio.Queue[bytes]) -> None:
        with suppress(OSError):
            if data := os.read(self._in, PIECE):
                typed.put_nowait(data)
                return
        # The terminal is gone; the signal that comes with it ends the program.
        asyncio.get_running_loop().remove_reader(self._in)

    def _write(self, data: bytes) -> None:
        with suppress(OSError):
            while data:
                data = data[os.write(self._out, data) :]

    def _made_ready(self, terminal: Terminal) -> list[Any] | None:
        try:
            before = termios.tcgetattr(self._in)
            tty.setraw(self._in)
            if not terminal.is_terminal:
                termios.tcsetattr(self._in, termios.TCSAFLUSH, _of_lines(before, shown=terminal.hears))
        except termios.error:
            return None
        return before

    @staticmethod
    def _on_resize(told: Callable[[], object]) -> Any:
        return signal.signal(signal.SIGWINCH, lambda *_: told())


def _of_lines(before: list[Any], *, shown: bool) -> list[Any]:
    """As it was, but Ctrl-C ends what is being typed instead of this program; key by key where none of it is shown."""
    mode = [*before[:6], list(before[6])]
    mode[3] &= ~termios.ISIG
    if not shown:
        mode[3] &= ~(termios.ICANON | termios.ECHO)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        return mode
    mode[6][termios.VEOL], mode[6][termios.VEOF] = _CTRL_C, _NOTHING
    return mode


class Escape:
    """Finds `~.` at the beginning of a line among what is typed, as ssh does."""

    def __init__(self) -> None:
        self.is_left = False
        self._at_line = True
        self._held = False

    def passes(self, data: bytes) -> bytes:
        """What goes on to the far end; `~~` sends one."""
        kept = bytearray()
        for byte in data:
            if self._held:
                self._held = False
                if byte == ord("."):
                    self.is_left = True
                    break
                if byte != ord("~"):
                    kept.append(ord("~"))
                kept.append(byte)
                self._at_line = byte in b"\r\n"
            elif byte == ord("~") and self._at_line:
                self._held = True
            else:
                kept.append(byte)
                self._at_line = byte in b"\r\n"
        return bytes(kept)
