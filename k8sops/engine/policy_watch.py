"""Noticing that another policy is in force: the version last put on record, and the one this process uses.

Every record names the version it was decided under; this record says from when on it is another one.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.engine.books import Books
from k8sops.store.database import Database, Tx
from k8sops.store.schema import door_state

DOOR: Final = "policy"
KEY: Final = "version"


async def note_policy(database: Database, books: Books, version: str, *, actor: Actor, source: str) -> bool:
    """Put on record that this version is in force, where the last on record was another; whether it was.

    `source` is where the policy stands: a file's name, or that it is the shipped one.
    """
    if await database.read(_noted) == version:
        return False

    def work(tx: Tx) -> bool:
        before = _noted(tx, lock=True)
        if before == version:
            return False
        entry = AuditEntry(
            code="policy.changed",
            at=tx.now(),
            actor=actor,
            policy_version=version,
            outcome="changed",
            data={"from": before, "to": version, "source": source},
        )
        _note(tx, version)
        books.chain(tx, [entry])
        return True

    return await database.write(work, name="policy.changed")


def _noted(tx: Tx, *, lock: bool = False) -> str:
    statement = select(door_state.c.value).where(door_state.c.door == DOOR, door_state.c.key == KEY)
    if lock and tx.dialect == "postgresql":
        statement = statement.with_for_update()
    return str(tx.execute(statement).scalar_one_or_none() or "")


def _note(tx: Tx, version: str) -> None:
    dialect = postgresql if tx.dialect == "postgresql" else sqlite
    row = {"door": DOOR, "key": KEY, "cursor": tx.now_ms(), "value": version}
    kept = dialect.insert(door_state).values(row)
    kept = kept.on_conflict_do_update(
        index_elements=["door", "key"], set_={"cursor": row["cursor"], "value": version}
    )
    tx.execute(kept)
