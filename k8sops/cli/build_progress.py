"""Shows how far a build or a fetch is: one line drawn over and over on a terminal, else a plain one now and then."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, TextIO

from k8sops.cli.console import narrating

if TYPE_CHECKING:
    from k8sops.sandbox.build import BuildProgress

PLAIN_SECONDS: Final = 15.0


class BuildDisplay:
    """Writes to stderr, so that the output proper stays clean. Use it with `with`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: Final = stream
        self._redraws: Final = stream.isatty()
        self._last_line = ""
        self._last_moment = 0.0
        self._last_subject = ""

    def __enter__(self) -> BuildDisplay:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._clear()

    def build(self, progress: BuildProgress) -> None:
        """How far a build is, or a fetch in its place."""
        if progress.note:
            self._show(progress.note, progress.note)
            return
        which = f"{progress.binary} ({progress.index} of {progress.count})"
        if progress.fetching:
            size = f" of {_megabytes(progress.size_bytes)}" if progress.size_bytes else ""
            so_far = (
                f", {_megabytes(progress.received_bytes)}{size} MB so far" if progress.received_bytes else ""
            )
            line = f"fetching {which}{so_far}"
        else:
            line = f"building {which}, {_duration(progress.elapsed)} so far, {_remaining(progress.remaining)}"
        self._show(line, progress.binary)

    def say(self, step: str) -> None:
        """What is being done now."""
        self._show(step, step)

    def _show(self, line: str, subject: str) -> None:
        now = time.monotonic()
        if self._redraws:
            self._write(f"\r\x1b[2K{line}")
        elif subject != self._last_subject or now - self._last_moment >= PLAIN_SECONDS:
            self._write(f"{line}\n")
            self._last_moment = now
        self._last_subject, self._last_line = subject, line

    def _clear(self) -> None:
        if self._redraws and self._last_line:
            self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        with narrating(self._stream):
            self._stream.write(text)
            self._stream.flush()


def _duration(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.1f}"


def _remaining(seconds: float) -> str:
    return f"about {_duration(seconds)} left" if seconds >= 1 else "longer than last time"
