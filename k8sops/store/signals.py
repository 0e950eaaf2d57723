"""Signals to a waiting run: rows of their own, which a door may add and nobody may change, until the run takes them.

They are not signed: where statements are, a carrier does not look here.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, bindparam, case, insert, select, update

from k8sops.core.plan import JsonObject
from k8sops.core.run import RunId
from k8sops.store.database import Tx
from k8sops.store.schema import runs, signals

_SENT: Final = select(signals.c.payload).where(
    signals.c.run == bindparam("run_id"), signals.c.path == bindparam("signal_path")
)
_WAKE: Final = (
    update(runs)
    .where(runs.c.id == bindparam("run_id"))
    .values(wake_at=case((runs.c.wake_at.is_(None), None), else_=bindparam("now_at", type_=BigInteger)))
)


def send_signal(tx: Tx, run: RunId, path: str, payload: JsonObject) -> bool:
    """Leave a signal for the wait at `path` and wake the run; false where there is one already, which counts.

    Waking comes first, for its row lock: a run that parks at this moment does so before the signal or sees it.
    """
    tx.execute(_WAKE, {"run_id": run, "now_at": tx.now_ms()})
    if take_signal(tx, run, path) is not None:
        return False
    encoded = msgspec.json.encode(payload).decode()
    tx.execute(insert(signals), {"run": run, "path": path, "payload": encoded, "at": tx.now_ms()})
    return True


def take_signal(tx: Tx, run: RunId, path: str) -> JsonObject | None:
    """What was sent, or None."""
    found: Any = tx.execute(_SENT, {"run_id": run, "signal_path": path}).scalar_one_or_none()
    if found is None:
        return None
    payload: JsonObject = msgspec.json.decode(found)
    return payload
