"""Killed at each commit of a firing, just before it and just after it: the next worker ends with exactly one run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from k8sops.engine.schedules import claiming
from tests.engine.schedules.stage import SetClock, Stage, a_stage

RARELY = "0 0 1 1 *"


async def _due(stage: Stage) -> None:
    await stage.make(cron=RARELY)
    await stage.due_now()


async def _by_hand(stage: Stage) -> None:
    await stage.make(cron=RARELY)
    await stage.write(lambda tx: claiming.run_now(tx, "nightly", "bob"))


async def _busy(stage: Stage, concurrency: str) -> None:
    await stage.make(cron=RARELY, concurrency=concurrency)
    await stage.due_now(late_s=2)
    await stage.turn(stage.scheduler())
    await stage.due_now()


POINTS: dict[str, tuple[Callable[[Stage], Awaitable[None]], list[str]]] = {
    "schedule.claim": (_due, ["run"]),
    "schedule.propose": (_due, ["run"]),
    "schedule.take": (_by_hand, ["run"]),
    "schedule.settle": (lambda stage: _busy(stage, "forbid"), ["run", "skipped"]),
    "schedule.release": (lambda stage: _busy(stage, "queue"), ["run", "run"]),
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_worker_killed_at_a_commit_loses_and_doubles_nothing(
    sqlite_url: str, tmp_path: Path, point: str, side: str
) -> None:
    """A real process, a real SIGKILL from within the store's own boundary."""
    async with a_stage(sqlite_url, SetClock()) as stage:
        arrange, expected = POINTS[point]
        await arrange(stage)
        _serve_until_killed(sqlite_url, tmp_path, stage.clock, f"{side}:{point}")
        for _ in range(3):
            await stage.lose_leases()
            await stage.turn(stage.scheduler("next"))
            if point == "schedule.release":
                await stage.end_runs()

        assert await stage.outcomes() == expected
        made = [entry.run for entry in await stage.entries() if entry.outcome == "run"]
        assert sorted(made) == await stage.runs()


def _serve_until_killed(url: str, folder: Path, clock: SetClock, point: str) -> None:
    """A worker whose clock stands where the stage's does, and which kills itself at `point`."""
    stands = str(clock.moment.timestamp() - time.time())
    module = [sys.executable, "-W", "error", "-m", "tests.engine.schedules.chaos_worker"]
    command = [*module, url, "killed", str(folder), str(time.time()), "1", stands, point]
    assert subprocess.run(command, timeout=60, check=False).returncode == -signal.SIGKILL
