"""The program as processes of its own: started, listened to, signalled, and ended with the test."""

from __future__ import annotations

import codecs
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

DEADLINE_S = 180.0


class Process:
    """One `k8sops …`; what it has written so far, both streams together, is in `said`."""

    def __init__(self, *arguments: str, terminal: bool = False) -> None:
        self._source, theirs = pty.openpty() if terminal else os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "k8sops", *arguments],
            stdin=theirs if terminal else subprocess.DEVNULL,
            stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.said = ""
        self._more = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read, name=f"reads {arguments[0]}")
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def until(self, pattern: str, within_s: float = DEADLINE_S) -> re.Match[str]:
        """Wait until it has written something that matches."""
        end = time.monotonic() + within_s
        with self._more:
            while True:
                if found := re.search(pattern, self.said):
                    return found
                left = end - time.monotonic()
                assert left > 0 and not self._over, f"no {pattern!r} in:\n{self.said}"  # noqa: PT018
                self._more.wait(left)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self, within_s: float = DEADLINE_S) -> int:
        """Wait for its end; returns the exit code."""
        code = self._process.wait(within_s)
        self._reader.join(within_s)
        return code

    def close(self) -> None:
        """End it if it still runs."""
        self._process.kill()
        self.ended()
        if self._source >= 0:
            os.close(self._source)
            self._source = -1

    def _read(self) -> None:
        # A read may end in the middle of a character.
        text = codecs.getincrementaldecoder("utf-8")(errors="replace")
        piece = b"-"
        while piece:
            try:
                piece = os.read(self._source, 65536)
            except OSError:  # Linux reports the far end's closing of a terminal as EIO.
                piece = b""
            with self._more:
                self.said += text.decode(piece, final=not piece)
                self._over = not piece
                self._more.notify_all()


class Processes:
    """Starts processes, and ends those that are left."""

    def __init__(self) -> None:
        self._started: list[Process] = []

    def __call__(self, *arguments: str) -> Process:
        """Start `k8sops` with these arguments."""
        self._started.append(Process(*arguments))
        return self._started[-1]

    def at_terminal(self, *arguments: str) -> Process:
        """The same, where somebody could be asked."""
        self._started.append(Process(*arguments, terminal=True))
        return self._started[-1]

    def close(self) -> None:
        """End them all."""
        for process in self._started:
            process.close()


@contextmanager
def processes_of_a_test() -> Iterator[Processes]:
    """For a fixture."""
    found = Processes()
    try:
        yield found
    finally:
        found.close()
