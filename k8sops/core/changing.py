"""Telling whoever follows something that it changed: one event each, so that nobody waits for another.

A follower that is slow, or away at a moment, loses nothing but the number of changes: it looks at what is there now.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final

from k8sops.core.clock import Clock

COALESCE_S: Final = 0.1
"""A flood of changes becomes ten looks a second."""


class Changes:
    """Changes of one thing, for any number of followers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._followers: set[asyncio.Event] = set()

    def tell(self) -> None:
        """It changed."""
        for follower in self._followers:
            follower.set()

    async def next(self) -> None:
        """Return with the next change."""
        changed = asyncio.Event()
        self._followers.add(changed)
        try:
            await changed.wait()
        finally:
            self._followers.discard(changed)

    async def follow(self, has_ended: Callable[[], bool]) -> AsyncGenerator[None, None]:
        """Yields at once and after changes, at most ten times a second; ends with the change that `has_ended`."""
        changed = asyncio.Event()
        changed.set()
        self._followers.add(changed)
        try:
            while True:
                await changed.wait()
                changed.clear()
                ended = has_ended()
                yield
                if ended:
                    return
                await self._clock.sleep(COALESCE_S)
        finally:
            self._followers.discard(changed)
