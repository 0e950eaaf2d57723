"""A worker process for the chaos tests: the real scheduler on a real store, with a clock that is wrong and fast.

`python -m tests.engine.schedules.chaos_worker URL OWNER FOLDER EPOCH SPEED SKEW_S [POINT]`: its time is SPEED times
real time since EPOCH, plus SKEW_S. While FOLDER/OWNER.hang exists it plans without end, so that it can be killed or
stopped with firings in its hands. It kills itself when the store reaches the commit boundary POINT.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from k8sops.core.clock import SystemClock
from k8sops.core.run import RunId
from k8sops.engine.schedules.claiming import Firing
from k8sops.engine.schedules.firing import Complete, Scheduler, Timing
from k8sops.engine.schedules.table import Schedule
from k8sops.store.database import Database, open_database
from tests.engine.schedules.stage import Engine

LEASE_S = 2.0


class FastClock(SystemClock):
    """Runs `speed` times as fast as real time, and is off by `skew_s`."""

    def __init__(self, epoch: float, speed: float, skew_s: float) -> None:
        self._epoch, self._speed, self._skew_s = epoch, speed, skew_s

    def now(self) -> datetime:
        """The wrong time."""
        return datetime.fromtimestamp(
            self._epoch + (time.time() - self._epoch) * self._speed + self._skew_s, UTC
        )


class SlowPlanner(Engine):
    """Plans for a moment, or for ever."""

    def __init__(self, database: Database, hang: Path, *, alone: bool) -> None:
        super().__init__(database)
        self._hang = hang
        self._alone = alone

    async def running(self, schedule: Schedule) -> Sequence[RunId]:
        """None in the midst of chaos: what is measured there is the scheduler, not the concurrency rule."""
        return await super().running(schedule) if self._alone else []

    async def propose(self, firing: Firing, complete: Complete) -> RunId:
        """Plan, then write the run."""
        await asyncio.sleep(random.uniform(0.0, 0.05))  # noqa: S311 - how long planning takes
        while self._hang.exists():  # noqa: ASYNC110 - another process removes it
            await asyncio.sleep(0.02)
        return await super().propose(firing, complete)


async def work(url: str, owner: str, folder: Path, clock: FastClock, point: str) -> None:
    """Serve until SIGTERM, or until `point`."""

    def boundary(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    database = await open_database(url, clock=clock, boundary=boundary)
    engine = SlowPlanner(database, folder / f"{owner}.hang", alone=bool(point))
    scheduler = Scheduler(database, engine, owner=owner, timing=Timing(lease_s=LEASE_S, poll_s=0.05))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    serving = asyncio.create_task(scheduler.serve())
    await asyncio.wait({serving, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    await scheduler.aclose(grace_s=5)
    await serving
    await database.aclose()


if __name__ == "__main__":
    at, named, where, began, times, off, *points = sys.argv[1:]
    wrong = FastClock(float(began), float(times), float(off))
    asyncio.run(work(at, named, Path(where), wrong, points[0] if points else ""))
