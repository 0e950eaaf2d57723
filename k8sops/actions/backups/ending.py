"""How far the large lists of a backup are from their end, so that the small ones are read beside their last pages.

Read after them, sixty small lists leave the server idle in between; read long before the end, they need a second look.
What a server does not say of how much is to come (with a selector) counts as very much.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import Final

from k8sops.core.clock import Clock

Kind = tuple[str, str]


class Ending:
    """Tells when what is to come of the expected kinds will take no longer than `seconds`, at the pace until then."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock: Final = clock
        self._seconds: Final = seconds
        self._left: Final[dict[Kind, float]] = {}
        self._came = 0
        self._began = clock.monotonic()
        self._is_near: Final = asyncio.Event()

    def expect(self, kinds: Iterable[Kind]) -> None:
        """These lists are about to be read, of which nothing is known yet."""
        self._left.update(dict.fromkeys(kinds, math.inf))
        self._began, self._came = self._clock.monotonic(), 0
        self._is_near.clear()
        self._look()

    def came(self, kind: Kind, objects: int, remaining: int) -> None:
        """A page: so many objects, and so many to come (-1 where the server does not say)."""
        self._came += objects
        if kind in self._left and remaining >= 0:
            self._left[kind] = remaining
            self._look()

    def ended(self, kind: Kind) -> None:
        """The list is read to its end, or given up."""
        self._left.pop(kind, None)
        self._look()

    async def near(self) -> None:
        """Wait until it is so, or everything that was expected has ended."""
        await self._is_near.wait()

    def _look(self) -> None:
        left = sum(self._left.values())
        elapsed = self._clock.monotonic() - self._began
        if not self._left or (left < math.inf and left * elapsed < self._seconds * self._came):
            self._is_near.set()
