"""The schedules' rows: made, edited under compare-and-set, paused, resumed, removed, moved on.

Functions of one transaction; who may call them, and the audit record beside them, is the caller's. Any edit raises the
version and voids the standing approval (DESIGN §8 Schedules).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select, update

from k8sops.core.actor import Actor
from k8sops.core.errors import NoSuchScheduleError, ScheduleChangedError, ScheduleExistsError
from k8sops.engine.schedules import ledger
from k8sops.engine.schedules.spec import ScheduleSpec, jitter, next_in
from k8sops.store.database import Tx
from k8sops.store.schema import schedules
from k8sops.store.times import from_ms, to_ms

_BY_NAME: Final = select(schedules).where(schedules.c.name == bindparam("name"))
# Made here, before any thread, for the reason that `store.runs` gives.
_SPEC: Final = msgspec.json.Decoder(ScheduleSpec)
_ACTOR: Final = msgspec.json.Decoder(Actor)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as it stands."""

    spec: ScheduleSpec
    version: int
    cluster_uid: str
    owner: str
    """The person who answers for it; checked against policy at every firing."""
    actor: Actor
    execute_as: str
    active: bool
    paused_why: str
    standing: str
    """The standing approval as its giver wrote it; empty while none is valid."""
    made_at: datetime
    next_due: datetime | None
    next_fire: datetime | None
    """`next_due` and its jitter."""
    last_due: datetime | None
    last_success: datetime | None
    alerted_at: datetime | None

    @property
    def name(self) -> str:
        """What it is called, for ever."""
        return self.spec.name


def add(
    tx: Tx, spec: ScheduleSpec, *, owner: str, actor: Actor, cluster_uid: str, execute_as: str
) -> Schedule:
    """A new, active schedule without a standing approval. Raises ScheduleExistsError."""
    if _row(tx, spec.name) is not None:
        raise ScheduleExistsError(
            f"there is a schedule {spec.name!r} already", hint="change that one, or choose another name"
        )
    now = tx.now()
    values = {
        **_values(spec, owner, actor, execute_as),
        **_timing(spec, now),
        "name": spec.name,
        "version": 1,
        "cluster_uid": cluster_uid,
        "state": "active",
        "made_at": to_ms(now),
        "alert_at": _alert_at(spec, now),
    }
    tx.execute(insert(schedules).values(values))
    return get(tx, spec.name)


def change(
    tx: Tx, spec: ScheduleSpec, *, version: int, owner: str, actor: Actor, execute_as: str
) -> Schedule:
    """Edit the schedule as it was at `version`; the editor answers for it from now on.

    A new timetable counts from now: a due instant of the old one that nothing has fired yet is put on record as
    skipped. Raises NoSuchScheduleError, ScheduleChangedError.
    """
    before = locked(tx, spec.name)
    if before.version != version:
        raise ScheduleChangedError(
            f"the schedule {spec.name!r} is at version {before.version} by now, not {version}",
            hint="look at it again, then repeat the change",
        )
    now = tx.now()
    values = {**_values(spec, owner, actor, execute_as), "version": version + 1}
    if _moved(before.spec, spec):
        if before.next_due is not None and before.next_due <= now:
            ledger.record(
                tx, spec.name, before.next_due, "skipped", why="the schedule was changed before it fired"
            )
        values |= _timing(spec, max(now, before.last_due or now))
    if before.spec.alert_after_s != spec.alert_after_s:
        values["alert_at"] = _alert_at(spec, before.last_success or before.made_at)
    tx.execute(update(schedules).where(schedules.c.name == spec.name).values(values))
    return get(tx, spec.name)


def approve(tx: Tx, name: str, *, version: int, standing: str) -> None:
    """Put a standing approval on exactly this version. Raises NoSuchScheduleError, ScheduleChangedError."""
    before = locked(tx, name)
    if before.version != version:
        raise ScheduleChangedError(
            f"the schedule {name!r} was changed to version {before.version} before it was approved",
            hint="approve what it says now",
        )
    tx.execute(update(schedules).where(schedules.c.name == name).values(standing=standing))


def revoke(tx: Tx, name: str) -> None:
    """Take the standing approval back: firings await approval from now on."""
    locked(tx, name)
    tx.execute(update(schedules).where(schedules.c.name == name).values(standing=None))


def pause(tx: Tx, name: str, why: str) -> None:
    """Stop firing; what has been claimed or queued and is no run yet never becomes one. Pausing again changes `why`."""
    locked(tx, name)
    tx.execute(update(schedules).where(schedules.c.name == name).values(state="paused", paused_why=why))
    ledger.void_open(tx, name, "skipped", f"the schedule was paused: {why}")


def resume(tx: Tx, name: str) -> Schedule:
    """Fire again; what came due meanwhile is for the missed-firing policy."""
    locked(tx, name)
    tx.execute(update(schedules).where(schedules.c.name == name).values(state="active", paused_why=""))
    return get(tx, name)


def remove(tx: Tx, name: str) -> None:
    """Take it away; its firings stay on record, and a due instant that fired never fires under this name again."""
    locked(tx, name)
    ledger.void_open(tx, name, "skipped", "the schedule was removed")
    tx.execute(delete(schedules).where(schedules.c.name == name))


def get(tx: Tx, name: str) -> Schedule:
    """One schedule. Raises NoSuchScheduleError."""
    return _found(_row(tx, name), name)


def every(tx: Tx) -> list[Schedule]:
    """All of them, by name."""
    return [schedule_of(row) for row in tx.execute(select(schedules).order_by(schedules.c.name))]


def locked(tx: Tx, name: str) -> Schedule:
    """One schedule, its row held until the transaction ends, so that nobody fires or edits it meanwhile."""
    statement = _BY_NAME.with_for_update() if tx.dialect == "postgresql" else _BY_NAME
    return _found(tx.execute(statement, {"name": name}).one_or_none(), name)


def due(tx: Tx, now: datetime, limit: int, clusters: Sequence[str]) -> list[Schedule]:
    """Active schedules whose next firing is due, longest due first; held, and passed over where others hold them."""
    statement = (
        select(schedules)
        .where(
            schedules.c.state == "active",
            schedules.c.next_fire <= to_ms(now),
            schedules.c.cluster_uid.in_(list(clusters)),
        )
        .order_by(schedules.c.next_fire)
        .limit(limit)
    )
    if tx.dialect == "postgresql":
        statement = statement.with_for_update(skip_locked=True)
    return [schedule_of(row) for row in tx.execute(statement)]


def move_on(tx: Tx, schedule: Schedule, handled: datetime, next_due: datetime | None) -> None:
    """`handled` is on record: go on with `next_due`."""
    moved = {"last_due": to_ms(handled), **_next(schedule.spec, next_due)}
    tx.execute(update(schedules).where(schedules.c.name == schedule.name).values(moved))


def aim(tx: Tx, schedule: Schedule) -> None:
    """Work out again when `next_due` goes out."""
    tx.execute(
        update(schedules)
        .where(schedules.c.name == schedule.name)
        .values(_next(schedule.spec, schedule.next_due))
    )


def run_ended(tx: Tx, name: str, *, succeeded: bool) -> None:
    """A run of this schedule has ended: what waited for it may go, and a success quiets the alert.

    Called in the transaction that ends the run. A schedule that has been removed is no error.
    """
    try:
        schedule = locked(tx, name)
    except NoSuchScheduleError:
        return
    if succeeded:
        now = max(tx.now(), schedule.last_success or tx.now())
        quiet = {"last_success": to_ms(now), "alert_at": _alert_at(schedule.spec, now)}
        tx.execute(update(schedules).where(schedules.c.name == name).values(quiet))
    ledger.wake(tx, name)


def overdue(tx: Tx, now: datetime) -> list[Schedule]:
    """Schedules that have gone without a success for their stated time; each is named once per that time.

    A paused one is named too: a pause that was forgotten is what the alert is for.
    """
    statement = select(schedules).where(schedules.c.alert_at <= to_ms(now)).order_by(schedules.c.name)
    if tx.dialect == "postgresql":
        statement = statement.with_for_update(skip_locked=True)
    found = [schedule_of(row) for row in tx.execute(statement)]
    for schedule in found:
        tx.execute(
            update(schedules)
            .where(schedules.c.name == schedule.name)
            .values(alerted_at=to_ms(now), alert_at=_alert_at(schedule.spec, now))
        )
    return found


def schedule_of(row: Row[Any]) -> Schedule:
    """A row in words."""
    return Schedule(
        spec=_SPEC.decode(row.spec),
        version=row.version,
        cluster_uid=row.cluster_uid,
        owner=row.owner,
        actor=_ACTOR.decode(row.actor),
        execute_as=row.execute_as,
        active=row.state == "active",
        paused_why=row.paused_why,
        standing=row.standing or "",
        made_at=from_ms(row.made_at),
        next_due=_moment(row.next_due),
        next_fire=_moment(row.next_fire),
        last_due=_moment(row.last_due),
        last_success=_moment(row.last_success),
        alerted_at=_moment(row.alerted_at),
    )


def _row(tx: Tx, name: str) -> Row[Any] | None:
    return tx.execute(_BY_NAME, {"name": name}).one_or_none()


def _found(row: Row[Any] | None, name: str) -> Schedule:
    if row is None:
        raise NoSuchScheduleError(
            f"there is no schedule {name!r}", hint="`k8sops schedules list` shows those there are"
        )
    return schedule_of(row)


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_ms(value)


def _values(spec: ScheduleSpec, owner: str, actor: Actor, execute_as: str) -> dict[str, Any]:
    return {
        "spec": msgspec.json.encode(spec).decode(),
        "standing": None,
        "owner": owner,
        "actor": msgspec.json.encode(actor).decode(),
        "execute_as": execute_as,
    }


def _timing(spec: ScheduleSpec, after: datetime) -> dict[str, int | None]:
    return _next(spec, next_in(spec, after))


def _next(spec: ScheduleSpec, next_due: datetime | None) -> dict[str, int | None]:
    if next_due is None:
        return {"next_due": None, "next_fire": None}
    return {"next_due": to_ms(next_due), "next_fire": to_ms(next_due + jitter(spec, next_due))}


def _moved(before: ScheduleSpec, after: ScheduleSpec) -> bool:
    return any(
        getattr(before, field) != getattr(after, field)
        for field in ("timetable", "jitter_s", "valid_from", "valid_until")
    )


def _alert_at(spec: ScheduleSpec, since: datetime) -> int | None:
    return None if spec.alert_after_s is None else to_ms(since + timedelta(seconds=spec.alert_after_s))
