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


def remembered_ending(tx: Tx, door: str, suffix: str) -> list[Remembered]:
    """What is kept under keys that end so, by key. Looks at every key of the door."""
    statement = (
        select(door_state.c.key, door_state.c.cursor, door_state.c.value)
        .where(door_state.c.door == door, door_state.c.key.endswith(suffix, autoescape=True))
        .order_by(door_state.c.key)
    )
    return [Remembered(row.key, row.cursor, row.value) for row in tx.execute(statement)]


def taken(tx: Tx, door: str, key: str) -> str:
    """What is kept under a key, its row held until the transaction ends; empty where nothing is.

    For what is read to be changed: of two writers the second sees what the first wrote.
    """
    dialect = postgresql if tx.dialect == "postgresql" else sqlite
    made = dialect.insert(door_state).values(door=door, key=key, cursor=0, value="")
    tx.execute(made.on_conflict_do_nothing())
    statement = select(door_state.c.value).where(door_state.c.door == door, door_state.c.key == key)
    if tx.dialect == "postgresql":
        statement = statement.with_for_update()
    return str(tx.execute(statement).scalar_one())


def forget(tx: Tx, door: str, key: str) -> None:
    """Keep it no more."""
    tx.execute(delete(door_state).where(door_state.c.door == door, door_state.c.key == key))


def forget_before(tx: Tx, door: str, moment_ms: int) -> None:
    """Keep no more what was kept with a cursor before this; for doors whose cursor is when it was."""
    tx.execute(delete(door_state).where(door_state.c.door == door, door_state.c.cursor < moment_ms))


def forget_keys_before(tx: Tx, door: str, key: str) -> None:
    """Keep no more what sorts before a key; for doors whose keys begin with a ULID, which sorts by time."""
    tx.execute(delete(door_state).where(door_state.c.door == door, door_state.c.key < key))
