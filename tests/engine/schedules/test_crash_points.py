"""Killed at each commit of a firing, just before it and just after it: the next worker ends with exactly one run.

Each case is a schedule of its own on a cluster of its own, so that its worker takes no other; those of one store die
side by side.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import msgspec

from tests.engine.chaos import Workers
from tests.engine.schedules.chaos_worker import Order
from tests.engine.schedules.crash_points import POINTS, Point
from tests.engine.schedules.stage import SetClock, Stage, a_stage

ROUNDS = 3
KEPT_S = 0.6
"""A lease that is soon renewed."""


class Casualty(msgspec.Struct, frozen=True):
    """One point at one side of its commit."""

    side: str
    name: str
    point: Point

    @property
    def schedule(self) -> str:
        """Its name, and its cluster's."""
        return f"{self.side}.{self.name}"


async def test_a_worker_killed_at_a_commit_loses_and_doubles_nothing(
    store_url: str, workers: Workers, tmp_path: Path
) -> None:
    """A real process, a real SIGKILL from within the store's own boundary."""
    both = [Casualty(side, name, point) for name, point in POINTS.items() for side in ("before", "after")]
    groups = [[one] for one in both if one.point.alone] + [[one for one in both if not one.point.alone]]
    (tmp_path / "hang").touch()
    async with a_stage(store_url, SetClock()) as stage:
        for group in groups:
            for one in group:
                await one.point.arrange(stage, one.schedule)
            pids = [await workers.start(_order(store_url, stage, tmp_path, one)) for one in group]
            ends = await workers.ends_of(pids)
            assert {
                one.schedule: end for one, end in zip(group, ends, strict=True) if end != -signal.SIGKILL
            } == {}
            for one in group:
                await _go_on(stage, one)
        for one in both:
            await _nothing_lost(stage, one)


def _order(url: str, stage: Stage, folder: Path, one: Casualty) -> Order:
    """A worker whose clock stands where the stage's does, and which kills itself at its point."""
    return Order(
        url=url,
        owner=one.schedule,
        cluster=one.schedule,
        point=f"{one.side}:{one.name}",
        hang=str(folder / "hang") if one.point.hangs else "",
        refusal=one.point.refusal,
        epoch=time.time(),
        skew_s=stage.clock.moment.timestamp() - time.time(),
        lease_s=KEPT_S if one.point.hangs else 8.0,
    )


async def _go_on(stage: Stage, one: Casualty) -> None:
    """The next worker, as often as it takes."""
    engine = stage.engine_of(one.schedule)
    engine.refusal = one.point.refusal
    for _ in range(ROUNDS):
        await stage.lose_leases(one.schedule)
        await stage.turn(stage.scheduler("next", engine))
        if one.name == "schedule.release":
            await stage.end_runs(one.schedule)


async def _nothing_lost(stage: Stage, one: Casualty) -> None:
    """Firings, runs and events agree."""
    assert tuple(await stage.outcomes(one.schedule)) == one.point.outcomes, one.schedule
    made = [entry.run for entry in await stage.entries(one.schedule) if entry.outcome == "run"]
    assert sorted(made) == await stage.runs(one.schedule), one.schedule
    told = tuple(code for code, text in await stage.told() if one.schedule in text)
    assert told == one.point.told, one.schedule
