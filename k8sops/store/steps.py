"""The journal's rows: one for each step, part, timer and wait of a run, by path."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update

from k8sops.core.run import RunId, StepRecord
from k8sops.store.database import Tx
from k8sops.store.events import Lease
from k8sops.store.schema import run_steps
from k8sops.store.times import from_ms, to_ms

NOTED: Final = "plan:"
"""What rows begin with that carriers keep for each other: no steps."""
CHECKED: Final = f"{NOTED}checked"
"""The row that says which plan a carrier checked; only carriers may insert rows here."""

_THIS: Final = (run_steps.c.run == bindparam("run_id"), run_steps.c.path == bindparam("step_path"))
_START: Final = insert(run_steps)
_RESTART: Final = (
    update(run_steps)
    .where(*_THIS)
    .values(
        state=bindparam("now_state"),
        fence=bindparam("now_fence"),
        attempt=run_steps.c.attempt + 1,
        started_at=bindparam("now_at"),
        ended_at=None,
        result="",
    )
)
_END: Final = (
    update(run_steps)
    .where(*_THIS)
    .values(state=bindparam("now_state"), ended_at=bindparam("now_at"), result=bindparam("now_result"))
)

_STANDING: Final = select(run_steps.c.state, run_steps.c.fence).where(*_THIS)
_OF_RUN: Final = select(run_steps).where(run_steps.c.run == bindparam("run_id"))


def load_steps(tx: Tx, run: RunId) -> dict[str, StepRecord]:
    """All that is on record, by path."""
    rows = tx.execute(_OF_RUN, {"run_id": run})
    return {row.path: _record(row) for row in rows}


def _record(row: Any) -> StepRecord:
    return StepRecord(
        path=row.path,
        state=row.state,
        attempt=row.attempt,
        result=row.result,
        started_at=from_ms(row.started_at),
        ended_at=from_ms(row.ended_at) if row.ended_at is not None else None,
        due_at=from_ms(row.due_at) if row.due_at is not None else None,
    )


def start_step(
    tx: Tx, lease: Lease, path: str, *, known: bool, state: str = "started", due_at: datetime | None = None
) -> None:
    """Put on record that the step is about to be done; `known` where an earlier attempt has a row."""
    if known:
        again = {
            "run_id": lease.run,
            "step_path": path,
            "now_state": state,
            "now_fence": lease.fence,
            "now_at": tx.now_ms(),
        }
        tx.send(_RESTART, again)
        return
    row = {
        "run": lease.run,
        "path": path,
        "state": state,
        "fence": lease.fence,
        "attempt": 1,
        "started_at": tx.now_ms(),
        "due_at": to_ms(due_at) if due_at else None,
        "result": "",
    }
    tx.send(_START, row)


def note_checked(tx: Tx, lease: Lease, digest: str) -> None:
    """Put on record that a carrier has checked the plan of this digest before it began."""
    row = {
        "run": lease.run,
        "path": CHECKED,
        "state": "done",
        "fence": lease.fence,
        "attempt": 1,
        "started_at": tx.now_ms(),
        "due_at": None,
        "result": digest,
    }
    tx.send(_START, row)


def end_step(tx: Tx, run: RunId, path: str, *, state: str, result: str) -> None:
    """Put on record how it ended: `done` or `failed`; `started` where it was broken off and may or may not be done."""
    tx.send(
        _END,
        {
            "run_id": run,
            "step_path": path,
            "now_state": state,
            "now_at": tx.now_ms(),
            "now_result": result,
        },
    )


def step_stands(tx: Tx, lease: Lease, path: str, state: str) -> bool:
    """Whether the step is on record in this state; a start only counts under the same lease."""
    row = tx.execute(_STANDING, {"run_id": lease.run, "step_path": path}).one_or_none()
    return row is not None and row.state == state and row.fence == lease.fence
