"""A worker for the tests that kill it: the real scheduler on a real store, with a clock that is wrong and fast.

Its time is `speed` times real time since `epoch`, plus `skew_s`. While the file `hang` exists it plans without end, so
that it can be killed or stopped with firings in its hands. It kills itself when the store reaches the commit boundary
`point`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from k8sops.core.clock import SystemClock
from k8sops.core.run import RunId
from k8sops.engine.schedules.claiming import Firing
from k8sops.engine.schedules.firing import Complete, Going, Scheduler, Timing
from k8sops.engine.schedules.table import Schedule
from k8sops.store.database import Database, open_database
from tests.engine.schedules.stage import CLUSTER, Engine

LEASE_S = 1.2


class Order(msgspec.Struct, kw_only=True):
    """What one worker is to be."""

    url: str
    owner: str
    epoch: float
    cluster: str = CLUSTER
    hang: str = ""
    speed: float = 1.0
    skew_s: float = 0.0
    point: str = ""
    """`before:NAME` or `after:NAME`; with one, it knows the runs that have not ended."""
    refusal: str = ""
    """Why its policy does not let owners have their schedules."""
    lease_s: float = LEASE_S


class FastClock(SystemClock):
    """Runs `speed` times as fast as real time, and is off by `skew_s`."""

    def __init__(self, epoch: float, speed: float, skew_s: float) -> None:
        self.epoch, self.speed, self._skew_s = epoch, speed, skew_s

    def now(self) -> datetime:
        """The wrong time."""
        return datetime.fromtimestamp(
            self.epoch + (time.time() - self.epoch) * self.speed + self._skew_s, UTC
        )


class SlowPlanner(Engine):
    """Plans for a moment, or for ever."""

    def __init__(self, database: Database, order: Order) -> None:
        super().__init__(database)
        self.clusters = (order.cluster,)
        self.refusal = order.refusal
        self._hang = order.hang
        self._alone = bool(order.point)

    def _hangs(self) -> bool:
        return bool(self._hang) and Path(self._hang).exists()

    async def running(self, schedule: Schedule) -> Sequence[Going]:
        """None in the midst of chaos: what is measured there is the scheduler, not the concurrency rule."""
        return await super().running(schedule) if self._alone else []

    async def propose(self, firing: Firing, complete: Complete) -> RunId:
        """Plan, then write the run."""
        await asyncio.sleep(random.uniform(0.0, 0.05))  # noqa: S311 - how long planning takes
        while self._hangs():  # noqa: ASYNC110 - another process ends it
            await asyncio.sleep(0.02)
        return await super().propose(firing, complete)


async def work(order: Order) -> None:
    """Serve until SIGTERM, or until `point`."""

    def boundary(reached: str) -> None:
        if reached == order.point:
            os.kill(os.getpid(), signal.SIGKILL)

    clock = FastClock(order.epoch, order.speed, order.skew_s)
    database = await open_database(order.url, clock=clock, boundary=boundary)
    engine = SlowPlanner(database, order)
    timing = Timing(lease_s=order.lease_s, poll_s=0.05)
    scheduler = Scheduler(database, engine, owner=order.owner, timing=timing)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    serving = asyncio.create_task(scheduler.serve())
    await asyncio.wait({serving, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    await scheduler.aclose(grace_s=5)
    await serving
    await database.aclose()
