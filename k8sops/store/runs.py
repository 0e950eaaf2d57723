"""Rows of `runs` and their core words: inserted once, locked to change state, listed newest first.

A run's plan, actor and error are JSON written by msgspec; the columns beside them serve to find rows. Nothing here
decides: state changes come from `k8sops.engine`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import rfc8785
from sqlalchemy import Row, bindparam, insert, or_, select, update

from k8sops.core.actor import Actor
from k8sops.core.errors import NoSuchRunError, StoreCorruptError
from k8sops.core.events import Event, Progress
from k8sops.core.plan import PLAN_FORMAT, Plan
from k8sops.core.run import Approval, Run, RunError, RunFilter, RunId, RunState, RunSummary, headline_of
from k8sops.store.database import Tx
from k8sops.store.schema import runs
from k8sops.store.times import from_ms, to_ms

# Made here, before any thread: two lanes that decode a struct type for the first time at once crash the interpreter
# (msgspec 0.22 shows one of them what the other has half prepared).
_PLAN: Final = msgspec.json.Decoder(Plan)
_ACTOR: Final = msgspec.json.Decoder(Actor)
_PROGRESS: Final = msgspec.json.Decoder(Progress)
_ERROR: Final = msgspec.json.Decoder(RunError)

PREFIX_LENGTH: Final = 6
_BY_ID: Final = select(runs).where(runs.c.id == bindparam("id"))
_STATE: Final = select(runs.c.state, runs.c.last_seq).where(runs.c.id == bindparam("id"))


class _Summary(msgspec.Struct):
    summary: str


_SUMMARY: Final = msgspec.json.Decoder(_Summary)


def insert_run(tx: Tx, run: Run) -> None:
    """A new run with its plan; it has no events yet."""
    plan = run.plan
    now = run.proposed_at or tx.now()
    decision = plan.decision
    ttl_ms = decision.ttl_s * 1000 if decision and decision.ttl_s else None
    tx.execute(
        insert(runs).values(
            id=run.id,
            action=plan.action,
            action_version=plan.action_version,
            plan_format=PLAN_FORMAT,
            cluster_uid=plan.cluster.uid,
            state=str(run.state),
            risk=str(plan.risk),
            digest=plan.digest,
            plan=msgspec.json.encode(plan).decode(),
            actor=msgspec.json.encode(run.actor).decode(),
            person=run.person,
            reason=run.reason,
            execute_as=plan.execute_as,
            hold=run.hold,
            emergency=run.emergency,
            schedule=run.schedule,
            grant_digest=run.grant,
            proposed_at=to_ms(now),
            expires_at=to_ms(plan.expires_at) if ttl_ms is None else to_ms(now) + ttl_ms,
            outcome=run.outcome,
            ended_at=to_ms(run.ended_at) if run.ended_at else None,
            error=msgspec.json.encode(run.error).decode() if run.error else None,
            progress="{}",
            last_seq=0,
            locks_held=False,
            lease_fence=0,
        )
    )


def find_id(tx: Tx, wanted: str) -> RunId:
    """The id that `wanted` is, or of which it is a unique prefix of six or more. Raises NoSuchRunError."""
    wanted = wanted.strip().upper()
    if len(wanted) == 26:
        found = tx.execute(select(runs.c.id).where(runs.c.id == wanted)).scalars().all()
    elif len(wanted) >= PREFIX_LENGTH and wanted.isalnum():
        within = runs.c.id.between(wanted, wanted + "~")
        found = tx.execute(select(runs.c.id).where(within).limit(2)).scalars().all()
    else:
        raise NoSuchRunError(
            f"{wanted!r} is no run id: give at least {PREFIX_LENGTH} letters and digits of one",
            hint="`k8sops runs list` shows them",
        )
    if len(found) == 1:
        return str(found[0])
    if found:
        raise NoSuchRunError(f"{wanted!r} begins several runs", hint="give more characters of the id")
    raise NoSuchRunError(f"there is no run {wanted!r}", hint="`k8sops runs list` shows them")


def load_row(tx: Tx, run: RunId, *, lock: bool = False) -> Row[Any]:
    """The row of a run, locked until the transaction ends where asked. Raises NoSuchRunError."""
    statement = _BY_ID.with_for_update() if lock and tx.dialect == "postgresql" else _BY_ID
    row = tx.execute(statement, {"id": run}).one_or_none()
    if row is None:
        raise NoSuchRunError(f"there is no run {run!r}", hint="`k8sops runs list` shows them")
    return row


def state_of(tx: Tx, run: RunId) -> tuple[RunState, int]:
    """How a run stands, and the number of its last event. Raises NoSuchRunError."""
    row = tx.execute(_STATE, {"id": run}).one_or_none()
    if row is None:
        raise NoSuchRunError(f"there is no run {run!r}", hint="`k8sops runs list` shows them")
    return RunState(row.state), row.last_seq


def run_of(row: Row[Any], *, approvals: tuple[Approval, ...] = (), events: tuple[Event, ...] = ()) -> Run:
    """The core's view of a row. Raises StoreCorruptError where it is none that this program writes."""
    try:
        run = _run_of(row, approvals, events)
        run.plan.digest  # noqa: B018 - numbers it cannot cover are no plan's either
    except (msgspec.MsgspecError, rfc8785.CanonicalizationError, ValueError, RecursionError) as error:
        raise StoreCorruptError(
            f"what the store has of run {row.id} cannot be read ({type(error).__name__})",
            hint="somebody changed it by hand, or the store is damaged; the audit trail has what was done",
        ) from error
    return run


def _run_of(row: Row[Any], approvals: tuple[Approval, ...], events: tuple[Event, ...]) -> Run:
    return Run(
        id=row.id,
        plan=plan_of(row),
        state=RunState(row.state),
        actor=_ACTOR.decode(row.actor),
        reason=row.reason,
        person=row.person,
        hold=row.hold,
        emergency=row.emergency,
        schedule=row.schedule,
        grant=row.grant_digest,
        proposed_at=from_ms(row.proposed_at),
        approvals=approvals,
        events=events,
        progress=_PROGRESS.decode(row.progress),
        started_at=from_ms(row.started_at) if row.started_at is not None else None,
        ended_at=from_ms(row.ended_at) if row.ended_at is not None else None,
        outcome=row.outcome,
        error=_ERROR.decode(row.error) if row.error else None,
    )


def plan_of(row: Row[Any]) -> Plan:
    """The stored plan."""
    return _PLAN.decode(row.plan)


def set_columns(tx: Tx, run: RunId, **values: Any) -> None:
    """Change columns of a run whose row the transaction holds."""
    tx.execute(update(runs).where(runs.c.id == run).values(**values))


def list_runs(tx: Tx, wanted: RunFilter) -> list[RunSummary]:
    """Runs, newest first."""
    statement = select(runs).order_by(runs.c.id.desc()).limit(wanted.limit)
    if wanted.states:
        statement = statement.where(runs.c.state.in_([str(state) for state in wanted.states]))
    for column, value in (
        (runs.c.action, wanted.action),
        (runs.c.schedule, wanted.schedule),
        (runs.c.cluster_uid, wanted.cluster_uid),
    ):
        if value:
            statement = statement.where(column == value)
    if wanted.person:
        # An actor is stored with the name first; whoever no policy knows is found by it.
        named = f'{{"name":{msgspec.json.encode(wanted.person).decode()},'
        statement = statement.where(
            or_(runs.c.person == wanted.person, runs.c.actor.startswith(named, autoescape=True))
        )
    if wanted.before:
        statement = statement.where(runs.c.id < wanted.before)
    return [_summary_of(row) for row in tx.execute(statement)]


def _summary_of(row: Row[Any]) -> RunSummary:
    try:
        summary = _SUMMARY.decode(row.plan).summary
        progress = _PROGRESS.decode(row.progress)
        actor = _ACTOR.decode(row.actor)
    except (msgspec.MsgspecError, RecursionError):
        # One row that cannot be read must not hide the others.
        summary, progress, actor = "what the store has of it cannot be read", Progress(), Actor(name="")
    return RunSummary(
        id=row.id,
        action=row.action,
        state=RunState(row.state),
        headline=headline_of(row.outcome, progress, summary),
        summary=summary,
        actor=actor,
        person=row.person,
        cluster_uid=row.cluster_uid,
        risk=row.risk,
        digest=row.digest,
        proposed_at=from_ms(row.proposed_at),
        started_at=from_ms(row.started_at) if row.started_at is not None else None,
        ended_at=from_ms(row.ended_at) if row.ended_at is not None else None,
        schedule=row.schedule,
        waiting_since=None if row.outcome else progress.waiting_since,
    )
