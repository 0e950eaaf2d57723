"""Leases: which carrier carries which run, on a clock no process can set.

A lease is owner, fence and end, in lease time (`Tx.lease_time`): the database server's clock, or the machine's boot
clock with its boot id on SQLite, where all processes share one machine. Once it has ended, another carrier may claim
the run, which raises the fence: whoever held the run before can no longer write (see `events`). Until then it is still
the holder's, who has merely been away, and may lengthen it again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, case, false, func, or_, select, text, true, update

from k8sops.core.run import RunId, RunState
from k8sops.store.database import Tx
from k8sops.store.events import Lease
from k8sops.store.schema import runs

CLAIM_CANDIDATES: Final = 20
CARRIED: Final = (str(RunState.QUEUED), str(RunState.RUNNING))
"""States in which a carrier may hold a run: it plans again while the run is still queued."""
CLAIM_LOCK: Final = 7164003202
"""The advisory lock under which carriers claim one after the other on PostgreSQL, so that limits hold."""


class Ability(msgspec.Struct, frozen=True, kw_only=True):
    """What a carrier may and can carry; a run outside it is left for others."""

    execute_as: tuple[str, ...]
    """Identities, as runs record them."""
    cluster_uids: tuple[str, ...]
    actions: tuple[tuple[str, int], ...]
    """Name and version of every action it knows."""
    plan_format: int
    only: tuple[RunId, ...] = ()
    """Where not empty, no other runs: a command carries what it started, not what somebody left behind."""


def within_ability(
    ability: Ability, run: RunId, *, execute_as: str, cluster_uid: str, action: tuple[str, int]
) -> bool:
    """Whether a carrier of this ability could claim the run, its plan being of a format it knows."""
    return (
        execute_as in ability.execute_as
        and cluster_uid in ability.cluster_uids
        and action in ability.actions
        and (not ability.only or run in ability.only)
    )


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A run that could be claimed now."""

    run: RunId
    state: RunState
    cluster_uid: str


def lease_ended(tx: Tx) -> ColumnElement[bool]:
    """Rows nobody holds any more."""
    now = tx.lease_time()
    return or_(runs.c.lease_owner.is_(None), runs.c.lease_boot != now.boot, runs.c.lease_until <= now.seconds)


def lease_held(tx: Tx, row: Any) -> bool:
    """Whether somebody carries the run of this row."""
    now = tx.lease_time()
    return row.lease_owner is not None and row.lease_boot == now.boot and row.lease_until > now.seconds


def _due(tx: Tx) -> ColumnElement[bool]:
    now = tx.now_ms()
    # A queued run past its time is the sweep's to expire, not a carrier's to begin.
    begins = or_(runs.c.state != str(RunState.QUEUED), runs.c.expires_at > now)
    awake = or_(runs.c.wake_at.is_(None), runs.c.wake_at <= now)
    return or_(and_(awake, begins), runs.c.cancel_by.is_not(None))


def _able(ability: Ability) -> ColumnElement[bool]:
    known = [
        and_(runs.c.action == name, runs.c.action_version == version) for name, version in ability.actions
    ]
    return and_(
        runs.c.execute_as.in_(ability.execute_as),
        runs.c.cluster_uid.in_(ability.cluster_uids),
        runs.c.plan_format == ability.plan_format,
        runs.c.id.in_(ability.only) if ability.only else true(),
        or_(*known) if known else false(),
    )


def claim_in_turn(tx: Tx) -> None:
    """Let no other carrier count or claim until this transaction ends; SQLite has one writer anyway."""
    if tx.dialect == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CLAIM_LOCK})


def candidates(
    tx: Tx,
    ability: Ability,
    *,
    full: Collection[str] = (),
    carried: Collection[RunId] = (),
    take_over: bool = True,
    lock: bool = False,
) -> list[Candidate]:
    """Runs that wait, or whose lease has ended: none that is `carried` here, none to begin on clusters that are `full`.

    Those already begun come first; then those nobody has looked at; then those that had to wait, the longest since
    the last look first, so that no number of blocked runs hides one that is free. Without `take_over`, nothing that
    another holds or held. With `lock`, rows other transactions hold are passed over (SKIP LOCKED).
    """
    free = lease_ended(tx) if take_over else runs.c.lease_owner.is_(None)
    begun = runs.c.state == str(RunState.RUNNING)
    room = or_(begun, runs.c.cluster_uid.not_in(list(full))) if full else true()
    elsewhere = runs.c.id.not_in(list(carried)) if carried else true()
    statement = (
        select(runs.c.id, runs.c.state, runs.c.cluster_uid)
        .where(runs.c.state.in_(CARRIED), _due(tx), free, _able(ability), room, elsewhere)
        .order_by(case((begun, 0), else_=1), func.coalesce(runs.c.wake_at, 0), runs.c.id)
        .limit(CLAIM_CANDIDATES)
    )
    if lock and tx.dialect == "postgresql":
        statement = statement.with_for_update(skip_locked=True)
    return [
        Candidate(run=row.id, state=RunState(row.state), cluster_uid=row.cluster_uid)
        for row in tx.execute(statement)
    ]


def anything_left(tx: Tx, ability: Ability) -> bool:
    """Whether a run of this ability has not ended, whoever holds it; a parked one counts."""
    left = select(func.count()).where(runs.c.state.in_(CARRIED), _able(ability))
    return bool(tx.execute(left).scalar_one())


def take_lease(tx: Tx, run: RunId, owner: str, ttl_s: float) -> Lease:
    """Make `owner` the carrier of a run whose row the transaction holds, with the next fence."""
    now = tx.lease_time()
    fence = tx.execute(
        update(runs)
        .where(runs.c.id == run)
        .values(
            lease_owner=owner,
            lease_fence=runs.c.lease_fence + 1,
            lease_until=now.seconds + ttl_s,
            lease_boot=now.boot,
            wake_at=None,
        )
        .returning(runs.c.lease_fence)
    ).scalar_one()
    return Lease(run=run, owner=owner, fence=int(fence), ttl_s=ttl_s)


def extend_leases(tx: Tx, owner: str, carried: Mapping[RunId, int], ttl_s: float) -> frozenset[RunId]:
    """Heartbeat: lengthen the leases of the runs in this carrier's hands, by their fences; returns those it holds.

    Only what is `carried`: a run this process has lost sight of must come free.
    """
    now = tx.lease_time()
    rows = tx.execute(
        update(runs)
        .where(
            runs.c.id.in_(list(carried)),
            runs.c.lease_owner == owner,
            runs.c.state.in_(CARRIED),
            runs.c.lease_boot == now.boot,
        )
        .values(lease_until=now.seconds + ttl_s)
        .returning(runs.c.id, runs.c.lease_fence)
    )
    return frozenset(row.id for row in rows if carried[row.id] == row.lease_fence)


_ASKED_TO_CANCEL: Final = select(runs.c.id, runs.c.cancel_by).where(
    runs.c.lease_owner == bindparam("owner"),
    runs.c.state.in_(CARRIED),
    runs.c.cancel_by.is_not(None),
)


def asked_to_cancel(tx: Tx, owner: str) -> dict[RunId, str]:
    """Runs of this carrier somebody wants stopped, and who and why."""
    return {row.id: row.cancel_by for row in tx.execute(_ASKED_TO_CANCEL, {"owner": owner})}


def running_on(tx: Tx, cluster_uids: Sequence[str]) -> dict[str, int]:
    """How many runs are going on each cluster (parked ones hold no place)."""
    statement = (
        select(runs.c.cluster_uid, func.count())
        .where(
            runs.c.state.in_(CARRIED),
            runs.c.lease_owner.is_not(None),
            runs.c.cluster_uid.in_(list(cluster_uids)),
        )
        .group_by(runs.c.cluster_uid)
    )
    counted: dict[str, Any] = {row[0]: row[1] for row in tx.execute(statement)}
    return {uid: int(count) for uid, count in counted.items()}
