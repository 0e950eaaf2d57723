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
from sqlalchemy import Float, bindparam, extract, func, insert, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from k8sops.core.errors import FencedOutError
from k8sops.core.events import Emission, Event, Progress
from k8sops.core.run import RunId
from k8sops.store.database import Dialect, Tx
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
_HELD: Final = _NUMBERED.where(
    runs.c.lease_owner == bindparam("owner"), runs.c.lease_fence == bindparam("fence")
)
_NUMBERED_UNDER_LEASE: Final[dict[Dialect, ReturningUpdate[tuple[int]]]] = {
    "sqlite": _HELD.values(lease_until=bindparam("lease_end")),
    # The server reads the clock that `Tx.lease_time` is, and one round trip less is needed.
    "postgresql": _HELD.values(
        lease_until=extract("epoch", func.clock_timestamp()).cast(Float(53))
        + bindparam("ttl", type_=Float(53))
    ),
}
_INSERT: Final = insert(run_events)
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
    statement = _NUMBERED
    if lease is not None:
        statement = _NUMBERED_UNDER_LEASE[tx.dialect]
        found |= {"owner": lease.owner, "fence": lease.fence}
        found |= {"ttl": lease.ttl_s} if tx.dialect == "postgresql" else _lease_end(tx, lease)
    first = _last(tx, run, statement, found) - len(emissions) + 1
    at = tx.now()
    events = [_numbered(emission, seq, at) for seq, emission in enumerate(emissions, start=first)]
    if events:
        tx.send(_INSERT, [_row(run, event) for event in events])
    return events


def _lease_end(tx: Tx, lease: Lease) -> dict[str, float]:
    return {"lease_end": tx.lease_time().seconds + lease.ttl_s}


def _last(tx: Tx, run: RunId, statement: ReturningUpdate[tuple[int]], found: dict[str, Any]) -> int:
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
    tx.send(_SET_PROGRESS, {"run_id": run, "now_progress": msgspec.json.encode(progress).decode()})
