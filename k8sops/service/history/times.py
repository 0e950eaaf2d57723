"""Time and ids of a history: the same in every sandbox, but for the day.

The clock stands still until a moment sets it, and goes on by a fixed time at each commit that is listed here, since
how often others read the clock differs from one time to the next. Ids are ULIDs of fixed moments long past, so that
every later run sorts after them.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Final

BEGINS: Final = timedelta(days=-3)
"""The earliest a moment of a history may be, as an offset from its day's midnight (UTC)."""
MORNING: Final = timedelta(hours=6)
"""When a history ends, as an offset from its day's midnight (UTC)."""
FIRST_ID_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

PASSES_AFTER: Final = {
    "after:run.proposed": timedelta(seconds=9),
    "after:run.queued": timedelta(milliseconds=140),
    "after:run.running": timedelta(milliseconds=60),
    "after:step.started": timedelta(milliseconds=120),
    "after:step.next": timedelta(milliseconds=120),
}
"""What a person takes to read the plan, a carrier to come round, and the API server to answer."""
DONE_AT: Final = frozenset({"after:step.done", "after:step.next"})
"""Where a step is done, and the run may wait for what it changed."""


def last_midnight(now: datetime) -> datetime:
    """The midnight of the day whose morning was the last one that has passed."""
    return (now.astimezone(UTC) - MORNING).replace(hour=0, minute=0, second=0, microsecond=0)


class StoryClock:
    """`core.clock.Clock` on which only the script and commits make time pass; waits are real."""

    def __init__(self, midnight: datetime) -> None:
        self._midnight = midnight
        self._now = midnight + BEGINS
        self._takes = timedelta(0)

    def begin(self, at: timedelta, takes: timedelta = timedelta(0)) -> None:
        """Go to a moment, an offset from midnight; what a run begun then waits for after its step `takes` so long."""
        self._now = max(self._now, self._midnight + at)
        self._takes = takes

    def committed(self, boundary: str) -> None:
        """Let time pass at a commit; called by the store's writing thread."""
        self._now += PASSES_AFTER.get(boundary, timedelta(0))
        if boundary in DONE_AT:
            self._now += self._takes

    def now(self) -> datetime:
        """The story's moment."""
        return self._now

    def monotonic(self) -> float:
        """Real seconds: what is waited for is real."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(seconds)


class StoryIds:
    """`core.clock.IdSource` whose ids follow from the moment and their number within it."""

    def __init__(self) -> None:
        self._at = 0
        self._moment = ""
        self._given = 0

    def begin(self, moment: str, at: timedelta) -> None:
        """Number anew from the beginning of a moment."""
        self._at = (FIRST_ID_AT + at - _EPOCH) // _MILLISECOND
        self._moment, self._given = moment, 0

    def new(self) -> str:
        """A ULID (github.com/ulid/spec) that is the same each time."""
        seed = hashlib.sha256(f"k8sops history/{self._moment}/{self._given}".encode()).digest()
        self._given += 1
        value = (self._at + self._given) << 80 | int.from_bytes(seed[:10])
        return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))
