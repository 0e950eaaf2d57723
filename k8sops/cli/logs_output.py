"""Stdout for what may be much and may be read slowly: one write for a batch, and a reader who is slow is waited for.

Waiting is the event loop's, so that Ctrl-C is heard while a pager stands still. What is not read slows the streams
down, since nothing more is asked of them meanwhile. A reader who has gone (`| head`) raises BrokenPipeError.
"""

from __future__ import annotations

import asyncio
import io
import os
import select
import sys
from typing import Final, Protocol

from k8sops.cli.stdout import writing

AT_ONCE: Final = 4096
"""So much a pipe takes without blocking once it says it takes anything (PIPE_BUF, pipe(7))."""


class Out(Protocol):
    """Where lines go."""

    async def write(self, text: str) -> None:
        """Write all of it. Raises BrokenPipeError where nobody reads any more."""
        ...

    def check(self) -> None:
        """Raise BrokenPipeError where nobody reads any more, though there was nothing to write."""
        ...


class Output:
    """Writes to a file descriptor; made for stdout."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: Final = descriptor
        self._ready: Final = select.poll()
        self._ready.register(descriptor, select.POLLOUT)

    async def write(self, text: str) -> None:
        """Write all of it. Raises BrokenPipeError where nobody reads any more."""
        data = memoryview(text.encode("utf-8", "replace"))
        while data:
            if not self._ready.poll(0):
                await self._writable()
            try:
                with writing():
                    data = data[os.write(self._descriptor, data[:AT_ONCE]) :]
            except BlockingIOError:
                # Whoever shares the descriptor has made it non-blocking.
                await self._writable()

    def check(self) -> None:
        """Raise BrokenPipeError where nobody reads any more, though there was nothing to write."""
        if any(event & select.POLLERR for _, event in self._ready.poll(0)):
            raise BrokenPipeError

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._descriptor)


class TextOutput:
    """The same on a stream without a descriptor, as where the program runs inside another."""

    async def write(self, text: str) -> None:
        """Write all of it."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def check(self) -> None:
        """Whoever reads it is this process."""


def stdout() -> Out:
    """The process's own; what was printed to it before goes out first."""
    sys.stdout.flush()
    try:
        return Output(sys.stdout.fileno())
    except (io.UnsupportedOperation, OSError):
        return TextOutput()
