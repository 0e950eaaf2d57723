"""The outbox: notifications written with the state change they tell of, delivered afterwards, at least once."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import bindparam, insert, select, update

from k8sops.core.plan import JsonObject
from k8sops.core.run import RunId
from k8sops.store.database import Tx
from k8sops.store.schema import outbox
from k8sops.store.times import from_ms

_INSERT: Final = insert(outbox)
_DELIVERED: Final = (
    update(outbox).where(outbox.c.id == bindparam("row_id")).values(delivered_at=bindparam("now_at"))
)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something somebody is to be told: a run's new state, an overdue schedule, a break-glass."""

    id: str
    kind: str
    run: RunId
    payload: JsonObject
    at: str


def put_out(tx: Tx, id_: str, kind: str, run: RunId, payload: JsonObject) -> None:
    """Queue a notice in the transaction that makes it true."""
    row = {
        "id": id_,
        "kind": kind,
        "run": run,
        "payload": msgspec.json.encode(payload).decode(),
        "at": tx.now_ms(),
        "delivered_at": None,
    }
    tx.execute(_INSERT, row)


def undelivered(tx: Tx, limit: int = 100) -> list[Notice]:
    """What is still to be told, oldest first; on PostgreSQL locked, passing over what others are telling."""
    statement = select(outbox).where(outbox.c.delivered_at.is_(None)).order_by(outbox.c.id).limit(limit)
    if tx.dialect == "postgresql":
        statement = statement.with_for_update(skip_locked=True)
    return [
        Notice(
            id=row.id,
            kind=row.kind,
            run=row.run,
            payload=msgspec.json.decode(row.payload),
            at=from_ms(row.at).isoformat(),
        )
        for row in tx.execute(statement)
    ]


def delivered(tx: Tx, id_: str) -> None:
    """It has been told."""
    tx.execute(_DELIVERED, {"row_id": id_, "now_at": tx.now_ms()})
