"""What everybody was told, so that it is told once and not by each worker: rows of `door_state`."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from k8sops.store.database import Tx
from k8sops.store.schema import door_state


def tell_once(tx: Tx, door: str, key: str, text: str, *, again_ms: int) -> bool:
    """Whether it is to be told now: it never was, or as long ago as `again_ms`; then it counts as told."""
    dialect = postgresql if tx.dialect == "postgresql" else sqlite
    now = tx.now_ms()
    values = {"cursor": now, "value": text}
    kept = dialect.insert(door_state).values(door=door, key=key, **values)
    kept = kept.on_conflict_do_update(
        index_elements=[door_state.c.door, door_state.c.key],
        set_=values,
        where=door_state.c.cursor <= now - again_ms,
    )
    return tx.execute(kept.returning(door_state.c.key)).first() is not None


def was_told(tx: Tx, door: str, key: str) -> bool:
    """Whether it was told and not taken back."""
    statement = select(door_state.c.key).where(door_state.c.door == door, door_state.c.key == key)
    return tx.execute(statement).first() is not None


def take_back(tx: Tx, door: str, key: str) -> None:
    """It holds no more: when it comes again, it is told at once."""
    tx.execute(delete(door_state).where(door_state.c.door == door, door_state.c.key == key))
