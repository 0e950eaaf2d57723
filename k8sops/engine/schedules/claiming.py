"""Phase one of a firing: in one transaction the due instant is put on record and the schedule moves on.

Phase two, planning, needs the cluster and happens outside; `complete` ends it in the transaction that makes the run.
A crash between the two leaves an open firing whose lease ends, and which another process takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar, Final

import msgspec

from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.core.run import RunId
from k8sops.engine.schedules import ledger, table
from k8sops.engine.schedules.due import Fire, NotYet, Skip, turn
from k8sops.engine.schedules.ledger import Hold
from k8sops.engine.schedules.table import Schedule
from k8sops.store.database import Tx

Tell = Callable[[Tx, str, Schedule, str], None]
"""Puts on record, in the same transaction, what happened to a schedule: event code, schedule, one sentence."""

MOST_OPEN: Final = 100
"""Firings of one schedule that may wait; more are skipped, saying so."""


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """A due instant in this process's hands, and the schedule as it was when it was taken."""

    schedule: Schedule
    hold: Hold

    @property
    def due(self) -> datetime:
        """The due instant, without jitter."""
        return self.hold.due


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """A due schedule was moved on; there may be a firing to carry out, and there may be more that are due."""

    firing: Firing | None = None


class FiringStaleError(K8sOpsError):
    """The schedule was edited while its firing was planned; the firing is planned again."""

    code: ClassVar[str] = "firing_stale"
    transient: ClassVar[bool] = True


def claim_due(tx: Tx, owner: str, lease_s: float, clusters: Sequence[str], tell: Tell) -> Handled | None:
    """Take the schedule that has been due longest one step further; None where none is due.

    A schedule whose timetable cannot be followed any more is paused, saying why.
    """
    now = tx.now()
    for schedule in table.due(tx, now, 1, clusters):
        try:
            return _claim(tx, schedule, now, owner, lease_s, tell)
        except UsageError as error:
            pause(tx, schedule, error.message, tell)
            return Handled()
    return None


def take_open(tx: Tx, owner: str, lease_s: float, clusters: Sequence[str]) -> Firing | None:
    """Take an open firing nobody holds, with its schedule as it stands now; None where there is none."""
    hold = ledger.take_open(tx, owner, lease_s, clusters)
    return None if hold is None else Firing(schedule=table.get(tx, hold.schedule), hold=hold)


def complete(tx: Tx, firing: Firing, run: RunId) -> None:
    """Close a firing as `run`; call it in the transaction that makes the run, after the run's row.

    Raises FencedOutError where the firing is in other hands or void, FiringStaleError where the schedule or its
    standing approval changed since; either must undo the transaction.
    """
    current = table.locked(tx, firing.schedule.name)
    planned = firing.schedule
    ledger.settle_as_run(tx, firing.hold, run)
    if (current.version, current.standing) != (planned.version, planned.standing):
        raise FiringStaleError(
            f"the schedule {planned.name!r} was changed while its firing was being planned"
        )


def run_now(tx: Tx, name: str, who: str) -> datetime:
    """Fire at once, beside the timetable, under the schedule's own concurrency rule; returns the instant it counts as.

    Raises UsageError where the schedule is paused.
    """
    schedule = table.locked(tx, name)
    if not schedule.active:
        raise UsageError(
            f"the schedule {name!r} is paused: {schedule.paused_why}",
            hint=f"`k8sops schedules resume {name}` first",
        )
    now = tx.now()
    if not ledger.record(tx, name, now, "queued", why=f"run now, asked for by {who}"):
        raise UsageError(f"the schedule {name!r} fires at this very moment already")
    return now


def pause(tx: Tx, schedule: Schedule, why: str, tell: Tell) -> None:
    """Pause a schedule from within, on record."""
    table.pause(tx, schedule.name, why)
    tell(tx, "schedule.paused", schedule, f"{schedule.name} is paused: {why}")


def tell_overdue(tx: Tx, tell: Tell) -> int:
    """Raise the event of each schedule that has gone without a success for too long; returns how many."""
    now = tx.now()
    found = table.overdue(tx, now)
    for schedule in found:
        last = schedule.last_success
        since = f"since {last:%Y-%m-%d %H:%M:%S} UTC" if last else "yet"
        paused = "" if schedule.active else f"; it is paused: {schedule.paused_why}"
        limit = schedule.spec.alert_after_s
        text = f"{schedule.name} has not succeeded {since}, and should within {limit} s{paused}"
        tell(tx, "schedule.overdue", schedule, text)
    return len(found)


def _claim(tx: Tx, schedule: Schedule, now: datetime, owner: str, lease_s: float, tell: Tell) -> Handled:
    decided = NotYet() if schedule.next_due is None else turn(schedule.spec, schedule.next_due, now)
    if isinstance(decided, NotYet):
        # The row was aimed by a program that reckoned its jitter differently.
        table.aim(tx, schedule)
        return Handled()
    table.move_on(tx, schedule, decided.due, decided.next_due)
    if isinstance(decided, Skip):
        _skip(tx, schedule, decided.due, decided.why, tell)
        return Handled()
    return _fire(tx, schedule, decided, owner, lease_s, tell)


def _fire(tx: Tx, schedule: Schedule, fire: Fire, owner: str, lease_s: float, tell: Tell) -> Handled:
    name = schedule.name
    if schedule.spec.concurrency == "replace":
        ledger.void_open(tx, name, "replaced", "a later firing took its place", queued_only=True)
    waiting = ledger.open_count(tx, name)
    if waiting >= MOST_OPEN:
        _skip(tx, schedule, fire.due, f"{waiting} firings of it wait already", tell)
        return Handled()
    if waiting:
        ledger.record(tx, name, fire.due, "queued", why=fire.late)
        return Handled()
    if not ledger.record(tx, name, fire.due, "claimed", why=fire.late, owner=owner, lease_s=lease_s):
        return Handled()
    hold = Hold(schedule=name, due=fire.due, owner=owner, fence=1, attempt=0, why=fire.late)
    return Handled(firing=Firing(schedule=schedule, hold=hold))


def _skip(tx: Tx, schedule: Schedule, due: datetime, why: str, tell: Tell) -> None:
    if ledger.record(tx, schedule.name, due, "skipped", why=why):
        tell(tx, "schedule.skipped", schedule, f"{schedule.name} did not fire: {why}")
