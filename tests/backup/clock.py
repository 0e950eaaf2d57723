"""A clock for tests of the repository, where hours and days have to pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class HandClock:
    """A clock that stands until somebody waits on it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 3, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.moment

    def monotonic(self) -> float:
        """Seconds since the epoch, of the same moment."""
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        self.moment += timedelta(seconds=seconds)
