"""Time and ids as injected sources, so that every moment and name in a run can be replayed in a test."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The one source of time below a door."""

    def now(self) -> datetime:
        """The present moment, timezone-aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back and runs on while the machine sleeps; only differences count."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; a test's clock returns at once and moves its own time forward."""
        ...


class IdSource(Protocol):
    """The one source of run ids."""

    def new(self) -> str:
        """A fresh ULID: 26 characters, sorting by time of making."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since boot, suspended time included (clock_gettime(2), CLOCK_BOOTTIME)."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(seconds)


class UlidSource:
    """ULIDs from the machine's clock and randomness."""

    def new(self) -> str:
        """A fresh ULID."""
        from ulid import ULID  # noqa: PLC0415 - only a run needs one, and --help must stay cheap

        return str(ULID())


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds and a Z, the only form in which times leave the program (RFC 3339)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """A timezone-aware moment from an RFC 3339 string, as the API server writes them."""
    return datetime.fromisoformat(text)
