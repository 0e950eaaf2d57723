"""A real terminal with a program on it: what it writes, what it is typed, and the state it leaves the terminal in."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

DEADLINE_S = 60.0
RESTING: Final = {
    b"1049": b"l",
    b"25": b"h",
    b"7": b"h",
    b"1000": b"l",
    b"1003": b"l",
    b"1004": b"l",
    b"1006": b"l",
    b"2004": b"l",
}
"""Private modes and what each must be when nothing is on the screen."""

_OWN_SESSION: Final = (
    "import fcntl, os, sys, termios\n"
    "os.setsid()\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\nos.execvp(sys.argv[1], sys.argv[1:])"
)
_MODE: Final = re.compile(rb"\x1b\[\?(\d+)([hl])")
_STYLE: Final = re.compile(r"\x1b\[[0-9;:?<>=]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


class PtyTerminal:
    """A terminal and the program that was started on it, in a session of its own."""

    def __init__(
        self, command: Sequence[str], *, environ: dict[str, str], rows: int = 24, columns: int = 80
    ) -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(self._slave)
        os.set_blocking(self._master, False)
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", _OWN_SESSION, *command],
            stdin=self._slave, stdout=self._slave, stderr=self._slave,
            env={**os.environ, "TERM": "xterm-256color", **environ},
        )  # fmt: skip
        self.written = b""

    @property
    def text(self) -> str:
        """All that was written so far, without colours and places."""
        return _STYLE.sub("", self.written.decode(errors="replace"))

    def type(self, keys: str) -> None:
        """Press keys, as the bytes a terminal sends."""
        os.write(self._master, keys.encode())

    def pump(self) -> None:
        """Take what has been written."""
        try:
            while piece := os.read(self._master, 65536):
                self.written += piece
        except OSError:
            return

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds, reading meanwhile."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not holds():
                    self.pump()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"did not come about; written: {self.text[-3000:]}") from None

    async def sees(self, text: str, after: int = 0) -> int:
        """Wait until this has been written behind a place; returns the place behind it all."""
        await self.until(lambda: text in _STYLE.sub("", self.written[after:].decode(errors="replace")))
        return len(self.written)

    async def ended(self) -> int:
        """Wait for the program's end; returns its exit code, negative for the signal it died of."""
        await self.until(lambda: self.process.poll() is not None)
        self.pump()
        return self.process.returncode

    def modes(self) -> dict[bytes, bytes]:
        """Which of the private modes were last set to what."""
        return {number: state for number, state in _MODE.findall(self.written) if number in RESTING}

    def unrestored(self) -> list[str]:
        """What of the terminal is not as it was; empty where all is."""
        found = [
            f"mode {number.decode()} is {state.decode()}"
            for number, state in self.modes().items()
            if RESTING[number] != state
        ]
        if self.written.count(b"\x1b[<u") < len(re.findall(rb"\x1b\[>\d+u", self.written)):
            found.append("the keyboard protocol is still on")
        if termios.tcgetattr(self._slave) != self.before:
            found.append("line settings differ")
        return found

    def hang_up(self) -> None:
        """Close the terminal's window under the program."""
        os.close(self._slave)
        os.close(self._master)
        self._slave = self._master = -1

    def close(self) -> None:
        """End the program if it still runs, and the terminal with it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._master >= 0:
            self.hang_up()


def desk_command(*arguments: str) -> list[str]:
    """The program on a made-up cluster (`tests.tui.pty_desk`)."""
    return [sys.executable, "-m", "tests.tui.pty_desk", *arguments]


def running(pids: Sequence[int]) -> list[int]:
    """Those of these processes that still run."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def children_of(pid: int) -> list[int]:
    """Processes a process started that still run."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in task.read_text().split()]
    return found
