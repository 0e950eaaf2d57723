"""Times as the tables keep them, whole milliseconds since 1970 in UTC, and the clocks leases are counted on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class LeaseTime(msgspec.Struct, frozen=True):
    """A moment on the clock of leases: only moments of the same `boot` can be compared.

    PostgreSQL: the server's `clock_timestamp()`, seconds since 1970, and no boot. SQLite: the machine's boot id and
    seconds since it booted, sleep included (DESIGN §8 Leases).
    """

    boot: str
    seconds: float


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970, rounded down; `moment` must know its time zone."""
    return (moment - EPOCH) // MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The moment in UTC that a table's number stands for."""
    return EPOCH + milliseconds * MILLISECOND


def boot_id() -> str:
    """What names this boot of this machine: the kernel's id, else the second it booted."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        import psutil  # noqa: PLC0415 - only where the kernel has no boot id

        return str(int(psutil.boot_time()))


def since_boot() -> float:
    """Seconds since the machine booted, sleep included where the system has such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
