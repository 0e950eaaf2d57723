"""Changes of a run's state, each one transaction: row, event, notification, audit record.

Every function here works on a row its transaction holds. An ended run lets go of its locks and its lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.core.errors import K8sOpsError
from k8sops.core.events import Emission
from k8sops.core.plan import JsonObject
from k8sops.core.run import Run, RunError, RunId, RunState
from k8sops.engine.books import Books, run_entry, state_emission
from k8sops.engine.schedules.table import run_ended
from k8sops.engine.signing import with_statement
from k8sops.store.database import Tx
from k8sops.store.events import Lease
from k8sops.store.locks import release_locks
from k8sops.store.runs import set_columns
from k8sops.store.times import to_ms

ALLOWED: Final[dict[RunState, frozenset[RunState]]] = {
    RunState.PROPOSED: frozenset(
        {RunState.QUEUED, RunState.DENIED, RunState.CANCELLED, RunState.EXPIRED, RunState.AWAITING_APPROVAL}
    ),
    RunState.AWAITING_APPROVAL: frozenset(
        {RunState.QUEUED, RunState.PROPOSED, RunState.DENIED, RunState.CANCELLED, RunState.EXPIRED}
    ),
    RunState.QUEUED: frozenset(
        {
            RunState.RUNNING,
            RunState.DENIED,
            RunState.CANCELLED,
            RunState.EXPIRED,
            RunState.VOID,
            RunState.FAILED,
        }
    ),
    RunState.RUNNING: frozenset(
        {
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.CANCELLED,
            RunState.NEEDS_REVIEW,
            # Only the store says that it runs, and what carriers know themselves says that it never began.
            RunState.DENIED,
            RunState.VOID,
        }
    ),
    RunState.NEEDS_REVIEW: frozenset({RunState.QUEUED, RunState.RUNNING, RunState.FAILED}),
}
"""From each state, those it may change to; a state that is not here is final."""


def end_unreadable(tx: Tx, books: Books, run: RunId, why: str) -> None:
    """End a run whose row cannot be read, so that it holds up nobody; what it was is lost but for the audit trail."""
    text = f"failed: {why}"
    set_columns(
        tx, run, state=str(RunState.FAILED), outcome=text, ended_at=tx.now_ms(), wake_at=None, cancel_by=None,
        lease_owner=None, lease_until=None, progress="{}",
    )  # fmt: skip
    release_locks(tx, run)
    entry = AuditEntry(code="run.failed", at=tx.now(), run=run, outcome=str(RunState.FAILED), reason=why)
    books.write(tx, run, [state_emission(RunState.FAILED, text)], [entry])


class ImpossibleTransitionError(K8sOpsError):
    """A run was to change to a state that its present one does not lead to."""

    code = "impossible_transition"


def change_state(
    tx: Tx,
    books: Books,
    run: Run,
    state: RunState,
    text: str,
    *,
    code: str = "",
    actor: Actor | None = None,
    person: str = "",
    reason: str = "",
    error: K8sOpsError | None = None,
    lease: Lease | None = None,
    data: JsonObject | None = None,
    before: Sequence[Emission] = (),
    entries: Sequence[AuditEntry] = (),
    columns: dict[str, Any] | None = None,
    statement: str = "",
) -> Run:
    """Bring the run to `state`, with its record; returns it as it now is, without events.

    `statement` is the hash of what a person signed to have it so.

    Raises ImpossibleTransitionError, and FencedOutError where `lease` is given and not held.
    """
    if state not in ALLOWED.get(run.state, frozenset()):
        raise ImpossibleTransitionError(f"run {run.id} is {run.state}; it cannot become {state}")
    now, text = tx.now(), books.text(text)
    changed, values = _moved(run, state, text, _told(error, books), now)
    entry = run_entry(
        run,
        code or f"run.{state}",
        now,
        actor=actor,
        person=person,
        reason=reason,
        outcome=str(state),
        data={"text": text},
    )
    set_columns(tx, run.id, **{**values, **(columns or {})})
    if state.ended:
        release_locks(tx, run.id)
        if run.schedule:
            run_ended(tx, run.schedule, succeeded=state is RunState.SUCCEEDED)
    emission = state_emission(state, text, data)
    books.write(tx, run.id, [*before, emission], [*entries, with_statement(entry, statement)], lease=lease)
    if state.ended:
        set_columns(tx, run.id, lease_owner=None, lease_until=None)
    return changed


def _told(error: K8sOpsError | None, books: Books) -> RunError | None:
    """Why it failed, as it is stored: a webhook may have repeated in its refusal what it was sent."""
    if error is None:
        return None
    return RunError(code=error.code, message=books.text(error.message), hint=books.text(error.hint))


def _moved(
    run: Run, state: RunState, text: str, failure: RunError | None, now: datetime
) -> tuple[Run, dict[str, Any]]:
    """The run in its new state, and the columns that say so."""
    changed = msgspec.structs.replace(run, state=state)
    values: dict[str, Any] = {"state": str(state)}
    if state is RunState.RUNNING and run.started_at is None:
        values["started_at"] = to_ms(now)
        changed = msgspec.structs.replace(changed, started_at=now)
    if run.state.ended:
        values |= {"outcome": "", "error": None, "ended_at": None}
        changed = msgspec.structs.replace(changed, outcome="", error=None, ended_at=None)
    if state.ended:
        stored = msgspec.json.encode(failure).decode() if failure else None
        values |= {
            "outcome": text, "error": stored, "ended_at": to_ms(now), "wake_at": None, "cancel_by": None
        }  # fmt: skip
        changed = msgspec.structs.replace(changed, outcome=text, ended_at=now, error=failure)
    return changed, values
