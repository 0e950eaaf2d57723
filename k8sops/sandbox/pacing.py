"""Work at a steady rate: each piece has its moment, and one that is late is made up for, but never in a burst.

An open loop: a slow answer holds up one of several workers and not the pieces behind it, so that the rate is what the
asker wants and not what the server likes. What cannot be done in time is left out and shows in the rate achieved.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from k8sops.core.clock import Clock

MOST_BEHIND_SECONDS: Final = 1.0
"""Work that is later than this is not made up for."""
REMEMBERED: Final = 10_000


class Pace:
    """How it goes, or went."""

    def __init__(self, rate: float) -> None:
        self.asked: Final = rate
        self.done = 0
        self.seconds = 0.0
        self._took: Final[deque[float]] = deque(maxlen=REMEMBERED)

    @property
    def achieved(self) -> float:
        """Pieces a second, over the whole time."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def held(self) -> bool:
        """Whether that is what was asked for, within a twentieth."""
        return self.achieved >= 0.95 * self.asked

    def slowest(self, share: float) -> float:
        """So many seconds at most did this share of the latest pieces take."""
        took = sorted(self._took)
        return took[min(len(took) - 1, int(share * len(took)))] if took else 0.0

    def count(self, seconds: float) -> None:
        """One more piece, and how long it took."""
        self.done += 1
        self._took.append(seconds)


async def keep_pace(
    pace: Pace,
    work: Callable[[int], Awaitable[None]],
    *,
    seconds: float,
    workers: int,
    clock: Clock,
) -> None:
    """Do numbered pieces of work until the time is over; `pace` may be read meanwhile.

    Raises what `work` raises, in an ExceptionGroup, and then ends.
    """
    began = clock.monotonic()
    end = began + seconds
    first_due, number = began, -1

    async def worker() -> None:
        nonlocal first_due, number
        while True:
            number += 1
            mine = number
            due, now = first_due + mine / pace.asked, clock.monotonic()
            if max(due, now) >= end:
                return
            if due > now:
                await clock.sleep(due - now)
            elif now - due > MOST_BEHIND_SECONDS:
                first_due += now - due - MOST_BEHIND_SECONDS
            sent = clock.monotonic()
            await work(mine)
            ended = clock.monotonic()
            pace.count(ended - sent)
            pace.seconds = max(pace.seconds, ended - began)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(worker())
    finally:
        pace.seconds = clock.monotonic() - began
