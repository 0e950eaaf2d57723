"""How long this process may still act on a lease, by its own boot clock.

The database decides whose a lease is; here is the cautious local view: a lease counts from *before* the heartbeat
was sent, on CLOCK_BOOTTIME, which also runs while the machine sleeps. Kubernetes knows no fence, so a mutation only
goes out if the lease outlives its request (DESIGN §8). A lease that has run out here is not lost yet: the next
heartbeat tells whether another carrier has taken the run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from k8sops.core.journal import Fenced

Uptime = Callable[[], float]


def uptime() -> float:
    """Seconds since boot, suspended time included (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class LeaseGuard:
    """One held lease: extended by heartbeats, asked before each mutation."""

    def __init__(self, until: float, now: Uptime = uptime) -> None:
        self._until = until
        self._now = now
        self._lost = False
        self._changed = asyncio.Event()

    @property
    def lost(self) -> bool:
        """Whether the run is known to be another carrier's."""
        return self._lost

    def extended(self, until: float) -> None:
        """A heartbeat came through."""
        self._until = until
        self._tell()

    def lose(self) -> None:
        """The database says that the run is another's."""
        self._lost = True
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def check(self) -> None:
        """Raise Fenced where the run is another carrier's."""
        if self._lost:
            raise Fenced("another carrier has taken the run over")

    async def outlives(self, seconds: float) -> None:
        """Return once the lease lasts for `seconds` more, which may take a heartbeat.

        Raises Fenced where another carrier has the run.
        """
        self.check()
        while self._until - self._now() < seconds:
            await self._changed.wait()
            self.check()
