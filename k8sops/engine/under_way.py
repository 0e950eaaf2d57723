"""How many steps of a run are under way, and whether a wait could park the run without breaking one off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

_AROUND: ContextVar[int] = ContextVar("steps_around", default=0)


class UnderWay:
    """The steps of one run in this process, whichever branches of its action they are in."""

    def __init__(self) -> None:
        self._count = 0
        self._over = asyncio.Event()

    @contextmanager
    def step(self) -> Iterator[None]:
        """For as long as a step is being done."""
        self._count += 1
        around = _AROUND.set(_AROUND.get() + 1)
        try:
            yield
        finally:
            _AROUND.reset(around)
            self._count -= 1
            self._over.set()

    async def all_quiet(self, seconds: float, *, but_around: bool) -> bool:
        """Whether no step is under way, waiting `seconds` for those of other branches.

        With `but_around`, the steps around the caller do not count: they may be gone through again.
        """
        around = _AROUND.get() if but_around else 0
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._count > around:
                    self._over.clear()
                    await self._over.wait()
        return self._count <= around
