"""A run's events: numbered under the run's row lock, without gaps, read from any number on.

Numbering is one UPDATE of the run's row, which also proves that the run still is in the hands of whoever writes: a
carrier that has been fenced out gets no number, hence writes nothing. One whose lease has ended without anybody taking
the run may still put on record what it did; what it may do to the cluster is `lease_guard`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Insert, Update, bindparam, insert, select, update

from k8sops.core.errors import FencedOutError
from k8sops.core.events import Emission, Event, Progress
from k8sops.core.run import RunId
from k8sops.store.database import Tx
from k8sops.store.schema import run_events, runs
from k8sops.store.times import from_ms, to_ms

FOLLOWED_AT_ONCE: Final = 500


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to carry a run: whose it is, and the number that grows with each owner."""

    run: RunId
    owner: str
    fence: int
    ttl_s: float
    """How long it lasts from each sign of life."""


_NUMBERED: Final = (
    update(runs)
    .where(runs.c.id == bindparam("run_id"))
    .values(last_seq=runs.c.last_seq + bindparam("more"))
    .returning(runs.c.last_seq)
)
_NUMBERED_UNDER_LEASE: Final = _NUMBERED.where(
    runs.c.lease_owner == bindparam("owner"), runs.c.lease_fence == bindparam("fence")
).values(lease_until=bindparam("lease_end"))
_INSERT: Final = insert(run_events)


def _one_told(numbering: Update) -> Insert:
    """Number and store one event in one statement, which PostgreSQL can."""
    numbered = numbering.cte("numbered")
    names = [column.name for column in run_events.columns if column.name not in {"run", "seq"}]
    values = [bindparam(f"event_{name}", type_=run_events.c[name].type) for name in names]
    told = select(bindparam("run_id", type_=run_events.c.run.type), numbered.c.last_seq, *values)
    return insert(run_events).from_select(["run", "seq", *names], told).returning(run_events.c.seq)


_ONE_TOLD: Final = _one_told(_NUMBERED)
_ONE_TOLD_UNDER_LEASE: Final = _one_told(_NUMBERED_UNDER_LEASE)
_AFTER: Final = (
    select(run_events)
    .where(run_events.c.run == bindparam("run_id"), run_events.c.seq > bindparam("after"))
    .order_by(run_events.c.seq)
    .limit(FOLLOWED_AT_ONCE)
)
_FIRST_AT: Final = (
    select(run_events.c.at)
    .where(
        run_events.c.run == bindparam("run_id"),
        run_events.c.kind == bindparam("of_kind"),
        run_events.c.step == bindparam("of_step"),
    )
    .order_by(run_events.c.seq)
    .limit(1)
)


def append_events(
    tx: Tx, run: RunId, emissions: Sequence[Emission], *, lease: Lease | None = None
) -> list[Event]:
    """Store the events in order and give them their numbers. Under a lease, that is a sign of life, too.

    Raises FencedOutError where the lease is not held.
    """
    found: dict[str, Any] = {"run_id": run, "more": len(emissions)}
    if lease is not None:
        end = tx.lease_time().seconds + lease.ttl_s
        found |= {"owner": lease.owner, "fence": lease.fence, "lease_end": end}
    at = tx.now()
    if tx.dialect == "postgresql" and len(emissions) == 1:
        row = _row(run, _numbered(emissions[0], 0, at))
        del row["run"], row["seq"]
        found |= {f"event_{name}": value for name, value in row.items()}
        statement: Insert | Update = _ONE_TOLD if lease is None else _ONE_TOLD_UNDER_LEASE
        return [_numbered(emissions[0], _last(tx, run, statement, found), at)]
    last = _last(tx, run, _NUMBERED if lease is None else _NUMBERED_UNDER_LEASE, found)
    first = last - len(emissions) + 1
    events = [_numbered(emission, seq, at) for seq, emission in enumerate(emissions, start=first)]
    if events:
        tx.execute(_INSERT, [_row(run, event) for event in events])
    return events


def _last(tx: Tx, run: RunId, statement: Insert | Update, found: dict[str, Any]) -> int:
    last = tx.execute(statement, found).scalar_one_or_none()
    if last is None:
        raise FencedOutError(f"run {run} is no longer carried here: another carrier has it, or it has ended")
    return int(last)


def _numbered(emission: Emission, seq: int, at: datetime) -> Event:
    return Event(
        seq=seq, at=at, kind=emission.kind, text=emission.text, step=emission.step, data=emission.data
    )


def _row(run: RunId, event: Event) -> dict[str, Any]:
    return {
        "run": run,
        "seq": event.seq,
        "at": to_ms(event.at),
        "kind": event.kind,
        "step": event.step,
        "text": event.text,
        "data": msgspec.json.encode(event.data).decode() if event.data else "{}",
    }


def events_after(tx: Tx, run: RunId, after: int) -> list[Event]:
    """At most 500 events with a greater number, in order."""
    return [
        Event(
            seq=row.seq,
            at=from_ms(row.at),
            kind=row.kind,
            text=row.text,
            step=row.step,
            data=msgspec.json.decode(row.data),
        )
        for row in tx.execute(_AFTER, {"run_id": run, "after": after})
    ]


def first_at(tx: Tx, run: RunId, kind: str, step: str) -> datetime | None:
    """When an event of this kind was first told of a step; None where none was."""
    at = tx.execute(_FIRST_AT, {"run_id": run, "of_kind": kind, "of_step": step}).scalar_one_or_none()
    return from_ms(at) if at is not None else None


def all_events(tx: Tx, run: RunId) -> tuple[Event, ...]:
    """Every event of a run."""
    events: list[Event] = []
    while page := events_after(tx, run, events[-1].seq if events else 0):
        events.extend(page)
    return tuple(events)


_SET_PROGRESS: Final = (
    update(runs).where(runs.c.id == bindparam("run_id")).values(progress=bindparam("now_progress"))
)


def set_progress(tx: Tx, run: RunId, progress: Progress) -> None:
    """What `runs list` shows of a running run."""
    tx.execute(_SET_PROGRESS, {"run_id": run, "now_progress": msgspec.json.encode(progress).decode()})
