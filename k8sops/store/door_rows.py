"""What a door remembers: rows of `door_state`, by door and key, such as where a message about a run stands."""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from k8sops.store.database import Tx
from k8sops.store.schema import door_state


class Remembered(msgspec.Struct, frozen=True):
    """One row."""

    key: str
    cursor: int
    value: str


def remember(tx: Tx, door: str, key: str, value: str, *, cursor: int = 0) -> None:
    """Keep it, in place of what was kept under the key."""
    dialect = postgresql if tx.dialect == "postgresql" else sqlite
    kept = dialect.insert(door_state).values(door=door, key=key, cursor=cursor, value=value)
    tx.execute(
        kept.on_conflict_do_update(
            index_elements=[door_state.c.door, door_state.c.key], set_={"cursor": cursor, "value": value}
        )
    )


def remembered(tx: Tx, door: str, prefix: str = "") -> list[Remembered]:
    """What is kept under keys that begin so, by key."""
    statement = (
        select(door_state.c.key, door_state.c.cursor, door_state.c.value)
        .where(door_state.c.door == door, door_state.c.key.startswith(prefix, autoescape=True))
        .order_by(door_state.c.key)
    )
    return [Remembered(row.key, row.cursor, row.value) for row in tx.execute(statement)]


def forget(tx: Tx, door: str, key: str) -> None:
    """Keep it no more."""
    tx.execute(delete(door_state).where(door_state.c.door == door, door_state.c.key == key))
