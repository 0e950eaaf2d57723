"""What happens by time alone: proposals and approvals that came too late expire, and expiry means deny."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from k8sops.core.errors import StoreCorruptError
from k8sops.core.run import Run, RunId, RunState
from k8sops.engine.books import Books
from k8sops.engine.transitions import change_state, end_unreadable
from k8sops.store.database import Database, Tx
from k8sops.store.leases import lease_ended, lease_held
from k8sops.store.runs import load_row, run_of
from k8sops.store.schema import runs

AT_ONCE: Final = 50
_PERISHABLE: Final = (str(RunState.PROPOSED), str(RunState.AWAITING_APPROVAL), str(RunState.QUEUED))


async def sweep(database: Database, books: Books) -> int:
    """Expire what is past its time; returns how many. Looks before it takes the write lock."""
    late = await database.read(_late)
    if not late:
        return 0
    return await database.write(lambda tx: _expire(tx, books, late), name="run.expired")


def _late(tx: Tx) -> list[RunId]:
    statement = (
        select(runs.c.id)
        .where(runs.c.state.in_(_PERISHABLE), runs.c.expires_at < tx.now_ms(), lease_ended(tx))
        .order_by(runs.c.expires_at)
        .limit(AT_ONCE)
    )
    return [str(id_) for id_ in tx.execute(statement).scalars()]


def _expire(tx: Tx, books: Books, late: list[RunId]) -> int:
    expired = 0
    for id_ in late:
        row = load_row(tx, id_, lock=True)
        # Between the look and the lock somebody may have decided after all.
        if row.state in _PERISHABLE and row.expires_at < tx.now_ms() and not lease_held(tx, row):
            try:
                expire(tx, books, run_of(row))
            except StoreCorruptError as error:
                end_unreadable(tx, books, id_, error.message)
            expired += 1
    return expired


def expire(tx: Tx, books: Books, run: Run) -> Run:
    """End a run whose time has passed, saying what did not come in time."""
    waited = run.progress.waiting_for
    what = {
        RunState.PROPOSED: "nobody confirmed it in time",
        RunState.AWAITING_APPROVAL: "the approvals did not come in time",
    }.get(run.state, f"it could not begin in time; {waited}" if waited else "no carrier took it up in time")
    return change_state(tx, books, run, RunState.EXPIRED, f"expired: {what}")
