"""What stands in the schedules' tables at a glance: for the scheduler's next step, and for metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import func, select

from k8sops.engine.schedules import ledger
from k8sops.store.database import Tx
from k8sops.store.schema import firings, schedules

NEVER_S: Final = 86_400.0


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there is anything to do, and how long until there is."""

    due: bool
    takeable: bool
    overdue: bool
    next_in_s: float


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """Figures for metrics."""

    active: int
    paused: int
    open: int
    """Firings that are claimed or wait."""
    lateness_s: float
    """How long the latest firing that should have gone out has been waiting; 0 where none has."""


def look(tx: Tx, clusters: Sequence[str]) -> Look:
    """One cheap reading, so that an idle scheduler opens no write transaction."""
    now = tx.now_ms()
    soonest = select(func.min(schedules.c.next_fire)).where(
        schedules.c.state == "active", schedules.c.cluster_uid.in_(list(clusters))
    )
    next_fire = tx.execute(soonest).scalar_one_or_none()
    alert = tx.execute(select(func.min(schedules.c.alert_at))).scalar_one_or_none()
    return Look(
        due=next_fire is not None and next_fire <= now,
        takeable=ledger.any_takeable(tx, clusters),
        overdue=alert is not None and alert <= now,
        next_in_s=NEVER_S if next_fire is None else (next_fire - now) / 1000,
    )


def pulse(tx: Tx) -> Pulse:
    """The figures of all schedules in the store."""
    now = tx.now_ms()
    by_state = select(schedules.c.state, func.count().label("many")).group_by(schedules.c.state)
    counted = {row.state: int(row.many) for row in tx.execute(by_state)}
    waiting = tx.execute(
        select(func.count().label("many"), func.min(firings.c.at).label("oldest")).where(
            firings.c.outcome.in_(ledger.OPEN)
        )
    ).one()
    soonest = tx.execute(
        select(func.min(schedules.c.next_fire)).where(schedules.c.state == "active")
    ).scalar_one_or_none()
    since = [moment for moment in (waiting.oldest, soonest) if moment is not None]
    return Pulse(
        active=counted.get("active", 0),
        paused=counted.get("paused", 0),
        open=int(waiting.many),
        lateness_s=max(0.0, (now - min(since)) / 1000) if since else 0.0,
    )
