"""Every commit of a firing by name, and a schedule whose worker comes by there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from k8sops.engine.schedules import claiming
from tests.engine.schedules.stage import Stage

RARELY: Final = "0 0 1 1 *"


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What is arranged for a schedule of this name, and what must have become of its firings in the end."""

    arrange: Callable[[Stage, str], Awaitable[None]]
    outcomes: tuple[str, ...] = ("run",)
    told: tuple[str, ...] = ()
    """The events raised of it, each exactly once."""
    refusal: str = ""
    """Why policy no longer lets the owner have it."""
    hangs: bool = False
    """Whether planning hangs where the process dies."""
    alone: bool = False
    """Whether a worker comes by there whosever schedule it is, so that the sides have to go one after the other."""


async def _due(stage: Stage, name: str) -> None:
    await stage.make(name=name, cluster=name, cron=RARELY)
    await stage.due_now(name)


async def _by_hand(stage: Stage, name: str) -> None:
    await stage.make(name=name, cluster=name, cron=RARELY)
    await stage.write(lambda tx: claiming.run_now(tx, name, "bob"))


async def _overdue(stage: Stage, name: str) -> None:
    await stage.make(name=name, cluster=name, cron=RARELY, alert_after_s=3600)
    await stage.overdue_now(name)


def _busy(concurrency: str) -> Callable[[Stage, str], Awaitable[None]]:
    async def arranged(stage: Stage, name: str) -> None:
        await stage.make(name=name, cluster=name, cron=RARELY, concurrency=concurrency)
        await stage.due_now(name, late_s=2)
        await stage.turn(stage.scheduler("first", stage.engine_of(name)))
        await stage.due_now(name)

    return arranged


POINTS: Final[dict[str, Point]] = {
    "schedule.claim": Point(arrange=_due),
    "schedule.propose": Point(arrange=_due),
    "schedule.take": Point(arrange=_by_hand),
    "schedule.renew": Point(arrange=_due, hangs=True),
    "schedule.settle": Point(
        arrange=_busy("forbid"), outcomes=("run", "skipped"), told=("schedule.skipped",)
    ),
    "schedule.release": Point(arrange=_busy("queue"), outcomes=("run", "run")),
    "schedule.pause": Point(
        arrange=_due, outcomes=("skipped",), told=("schedule.paused",), refusal="alice has left"
    ),
    "schedule.overdue": Point(arrange=_overdue, outcomes=(), told=("schedule.overdue",), alone=True),
}
OUTSIDE: Final = frozenset({"schedule.propose"})
"""Committed by whoever makes the run, behind the scheduler's hooks."""
