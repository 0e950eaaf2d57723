"""What a piece of work costs this process: wall and CPU seconds, and memory above what importing had taken."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Awaitable
from pathlib import Path

import msgspec
import psutil

MIB = 1 << 20


class Cost(msgspec.Struct, frozen=True):
    """Seconds and mebibytes; `count` is how many objects came, `first_s` when the first of them did."""

    count: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    first_s: float = 0.0


class Work(msgspec.Struct):
    """What the measured work reports of itself."""

    count: int
    first_s: float = 0.0


async def measured(work: Awaitable[Work]) -> Cost:
    """Await the work and account for it."""
    forget_peak()
    before = psutil.Process().memory_info().rss
    wall, cpu = time.perf_counter(), time.process_time()
    done = await work
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(done.count, wall_s, cpu_s, (peak_bytes() - before) / MIB, done.first_s)


def forget_peak() -> None:
    """Reset the process's peak of resident memory, where the kernel can (proc(5), clear_refs)."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def peak_bytes() -> int:
    """The peak of resident memory since the last `forget_peak`."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
