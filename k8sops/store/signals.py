"""Signals to a waiting run: kept as rows of its journal, under a path of their own, until the run takes them."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, bindparam, case, insert, select, update

from k8sops.core.plan import JsonObject
from k8sops.core.run import RunId
from k8sops.store.database import Tx
from k8sops.store.schema import run_steps, runs

PREFIX: Final = "signal:"


_SENT: Final = select(run_steps.c.result).where(
    run_steps.c.run == bindparam("run_id"), run_steps.c.path == bindparam("step_path")
)
_WAKE: Final = (
    update(runs)
    .where(runs.c.id == bindparam("run_id"))
    .values(wake_at=case((runs.c.wake_at.is_(None), None), else_=bindparam("now_at", type_=BigInteger)))
)


def send_signal(tx: Tx, run: RunId, path: str, payload: JsonObject) -> None:
    """Leave a signal for the wait at `path` and wake the run. Only the first of a path counts.

    Waking comes first, for its row lock: a run that parks at this moment does so before the signal or sees it.
    """
    tx.execute(_WAKE, {"run_id": run, "now_at": tx.now_ms()})
    if take_signal(tx, run, path) is not None:
        return
    row = {
        "run": run,
        "path": PREFIX + path,
        "state": "done",
        "fence": 0,
        "attempt": 1,
        "started_at": tx.now_ms(),
        "due_at": None,
        "result": msgspec.json.encode(payload).decode(),
    }
    tx.execute(insert(run_steps), row)


def take_signal(tx: Tx, run: RunId, path: str) -> JsonObject | None:
    """What was sent, or None."""
    found: Any = tx.execute(_SENT, {"run_id": run, "step_path": PREFIX + path}).scalar_one_or_none()
    if found is None:
        return None
    payload: JsonObject = msgspec.json.decode(found)
    return payload
