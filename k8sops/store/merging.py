"""Rows of one store brought into another: a run with all that belongs to it, once, however often it is tried.

Ids are ULIDs, so runs of two stores do not clash. Leases and locks stay behind: only ended runs are brought over.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite

from k8sops.core.run import ENDED, RunState
from k8sops.store.database import Tx
from k8sops.store.roles import may_carry
from k8sops.store.schema import attachments, reviews, run_events, run_steps, runs, signals, statements, votes

_PARTS: Final = (run_events, run_steps, signals, votes, statements)
Rows = dict[str, list[dict[str, Any]]]


def rows_of_runs(tx: Tx) -> Rows:
    """All runs and their parts, by table."""
    found: Rows = {}
    for table in (runs, *_PARTS):
        found[table.name] = [dict(row._mapping) for row in tx.execute(select(table))]
    return found


def going(rows: Rows) -> list[str]:
    """Runs that have not ended; one whose step is in doubt goes on once a person has said what became of it."""
    ended = {str(state) for state in ENDED - {RunState.NEEDS_REVIEW}}
    return [str(row["id"]) for row in rows["runs"] if row["state"] not in ended]


def bring_in(tx: Tx, rows: Rows, *, review: str) -> set[str]:
    """Insert what is not there yet, each new run with an open review of this kind; returns which runs are new.

    The journal of steps comes along where this login may write one: on PostgreSQL a door's may not.
    """
    known = set(tx.execute(select(runs.c.id)).scalars())
    fresh = [row for row in rows["runs"] if row["id"] not in known]
    cleared = {
        "lease_owner": None,
        "lease_until": None,
        "lease_boot": None,
        "locks_held": False,
        "wake_at": None,
    }
    _insert(tx, runs, [{**row, **cleared} for row in fresh])
    ids = {row["id"] for row in fresh}
    for table in _PARTS if may_carry(tx) else (part for part in _PARTS if part is not run_steps):
        _insert(tx, table, [row for row in rows[table.name] if row["run"] in ids])
    _insert(tx, reviews, [{"run": id_, "kind": review, "opened_at": tx.now_ms()} for id_ in ids])
    return ids


def keep_attachment(tx: Tx, sha256: str, body: bytes) -> bool:
    """Keep bytes under their hash; false where they are kept already."""
    if tx.execute(select(attachments.c.sha256).where(attachments.c.sha256 == sha256)).one_or_none():
        return False
    _insert(tx, attachments, [{"sha256": sha256, "body": body}])
    return True


def _insert(tx: Tx, table: Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    insert = postgresql.insert if tx.dialect == "postgresql" else sqlite.insert
    tx.execute(insert(table).on_conflict_do_nothing(), rows)
