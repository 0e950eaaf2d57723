"""The ledger of firings: one row for each (schedule, due instant), which is what makes a firing happen once.

A row is *open* while it is claimed (somebody plans it, under a lease on a clock no process can set) or queued (it
waits), and *settled* once it is a run, skipped, replaced or failed. Of a schedule at most one firing is claimed at a
time, the earliest first, so that `forbid` and `queue` cannot be raced. Settling checks owner and fence: a process that
was stopped past its lease can no longer write.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, FromClause, and_, delete, exists, func, not_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from k8sops.core.errors import FencedOutError
from k8sops.core.run import RunId
from k8sops.store.database import Tx
from k8sops.store.schema import firings, schedules
from k8sops.store.times import from_ms, to_ms

Settled = Literal["run", "skipped", "replaced", "failed"]
Outcome = Literal["claimed", "queued", "run", "skipped", "replaced", "failed"]

OPEN: Final = ("claimed", "queued")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A firing as it is on record."""

    schedule: str
    due: datetime
    at: datetime
    """When it was put on record."""
    outcome: Outcome
    run: RunId = ""
    why: str = ""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """An open firing in a process's hands."""

    schedule: str
    due: datetime
    owner: str
    fence: int
    attempt: int
    why: str = ""


def record(
    tx: Tx,
    schedule: str,
    due: datetime,
    outcome: Outcome,
    *,
    why: str = "",
    owner: str = "",
    lease_s: float = 0.0,
) -> bool:
    """Put a firing on record; false where this due instant has one already."""
    lease = tx.lease_time()
    row = {
        "schedule": schedule,
        "due": to_ms(due),
        "at": tx.now_ms(),
        "outcome": outcome,
        "why": why,
        "owner": owner or None,
        "fence": 1 if owner else 0,
        "lease_until": lease.seconds + lease_s,
        "lease_boot": lease.boot,
    }
    insert = postgresql.insert if tx.dialect == "postgresql" else sqlite.insert
    added = insert(firings).values(row).on_conflict_do_nothing().returning(firings.c.due)
    return tx.execute(added).one_or_none() is not None


def open_count(tx: Tx, schedule: str) -> int:
    """How many firings of a schedule are open."""
    counted = select(func.count()).where(firings.c.schedule == schedule, firings.c.outcome.in_(OPEN))
    return int(tx.execute(counted).scalar_one())


def take_open(tx: Tx, owner: str, lease_s: float, clusters: Sequence[str]) -> Hold | None:
    """Take the oldest open firing that nobody holds: its claimer died, or its wait is over."""
    statement = select(firings).where(_takeable(tx, clusters)).order_by(firings.c.due).limit(1)
    if tx.dialect == "postgresql":
        statement = statement.with_for_update(skip_locked=True)
    row = tx.execute(statement).one_or_none()
    if row is None:
        return None
    lease = tx.lease_time()
    held = {"outcome": "claimed", "owner": owner, "fence": row.fence + 1}
    tx.execute(
        update(firings)
        .where(firings.c.schedule == row.schedule, firings.c.due == row.due)
        .values(**held, lease_until=lease.seconds + lease_s, lease_boot=lease.boot)
    )
    return Hold(
        schedule=row.schedule,
        due=from_ms(row.due),
        owner=owner,
        fence=row.fence + 1,
        attempt=row.attempt,
        why=row.why,
    )


def any_takeable(tx: Tx, clusters: Sequence[str]) -> bool:
    """Whether `take_open` would find one."""
    return tx.execute(select(firings.c.due).where(_takeable(tx, clusters)).limit(1)).first() is not None


def renew(tx: Tx, hold: Hold, lease_s: float) -> bool:
    """Heartbeat; false where somebody else has taken it, or it was voided."""
    return _write(tx, hold, lease_until=tx.lease_time().seconds + lease_s, lease_boot=tx.lease_time().boot)


def release(tx: Tx, hold: Hold, delay_s: float, why: str) -> bool:
    """Let go of it for `delay_s` seconds; anybody may take it then."""
    lease = tx.lease_time()
    return _write(
        tx,
        hold,
        outcome="queued",
        owner=None,
        attempt=hold.attempt + 1,
        why=why,
        lease_until=lease.seconds + delay_s,
        lease_boot=lease.boot,
    )


def settle(tx: Tx, hold: Hold, outcome: Settled, why: str, run: RunId | None = None) -> bool:
    """Close it; false, and nothing is written, where it is no longer in these hands."""
    return _write(tx, hold, outcome=outcome, why=why, run=run, owner=None, lease_until=None, lease_boot=None)


def settle_as_run(tx: Tx, hold: Hold, run: RunId) -> None:
    """Close it as `run`, in the transaction that makes the run. Raises FencedOutError, which must undo both."""
    if not settle(tx, hold, "run", hold.why, run):
        raise FencedOutError(
            f"the firing of {hold.schedule!r} due {hold.due:%Y-%m-%d %H:%M:%S} UTC is in other hands by now"
        )


def void_open(tx: Tx, schedule: str, outcome: Settled, why: str, *, queued_only: bool = False) -> int:
    """Close every open firing of a schedule, in whosever hands; returns how many."""
    which = ("queued",) if queued_only else OPEN
    changed = tx.execute(
        update(firings)
        .where(firings.c.schedule == schedule, firings.c.outcome.in_(which))
        .values(outcome=outcome, why=why, owner=None, lease_until=None, lease_boot=None)
    )
    return changed.rowcount


def wake(tx: Tx, schedule: str) -> None:
    """What waits may be taken at once."""
    tx.execute(
        update(firings)
        .where(firings.c.schedule == schedule, firings.c.outcome == "queued")
        .values(lease_until=None)
    )


def entries(tx: Tx, schedule: str, limit: int = 20) -> list[Entry]:
    """The latest firings of a schedule, newest first."""
    statement = (
        select(firings).where(firings.c.schedule == schedule).order_by(firings.c.due.desc()).limit(limit)
    )
    return [
        Entry(
            schedule=row.schedule,
            due=from_ms(row.due),
            at=from_ms(row.at),
            outcome=row.outcome,
            run=row.run or "",
            why=row.why,
        )
        for row in tx.execute(statement)
    ]


def prune(tx: Tx, before: datetime) -> int:
    """Forget settled firings due before a moment; a schedule never goes back, so they cannot come again."""
    old = delete(firings).where(firings.c.due < to_ms(before), firings.c.outcome.not_in(OPEN))
    return tx.execute(old).rowcount


def _takeable(tx: Tx, clusters: Sequence[str]) -> ColumnElement[bool]:
    other = firings.alias("other")
    in_the_way = and_(
        other.c.schedule == firings.c.schedule,
        other.c.due != firings.c.due,
        other.c.outcome.in_(OPEN),
        or_(other.c.due < firings.c.due, and_(other.c.outcome == "claimed", not_(_free(tx, other)))),
    )
    within_reach = select(schedules.c.name).where(schedules.c.cluster_uid.in_(list(clusters)))
    return and_(
        firings.c.outcome.in_(OPEN),
        _free(tx, firings),
        firings.c.schedule.in_(within_reach),
        not_(exists().where(in_the_way).correlate(firings)),
    )


def _free(tx: Tx, table: FromClause) -> ColumnElement[bool]:
    now = tx.lease_time()
    return or_(
        table.c.lease_until.is_(None), table.c.lease_boot != now.boot, table.c.lease_until <= now.seconds
    )


def _write(tx: Tx, hold: Hold, **values: Any) -> bool:
    changed = tx.execute(
        update(firings)
        .where(
            firings.c.schedule == hold.schedule,
            firings.c.due == to_ms(hold.due),
            firings.c.outcome == "claimed",
            firings.c.owner == hold.owner,
            firings.c.fence == hold.fence,
        )
        .values(**values)
    )
    return changed.rowcount == 1
