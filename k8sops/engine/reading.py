"""Reading runs: one, many, and what waits for a person."""

from __future__ import annotations

from k8sops.core.run import Run, RunFilter, RunSummary
from k8sops.store.database import Database, Tx
from k8sops.store.events import all_events
from k8sops.store.runs import find_id, list_runs, load_row, run_of
from k8sops.store.votes import votes_of


async def get_run(database: Database, wanted: str) -> Run:
    """A run with votes and events, by id or unique prefix. Raises NoSuchRunError."""

    def work(tx: Tx) -> Run:
        row = load_row(tx, find_id(tx, wanted))
        return run_of(row, approvals=votes_of(tx, row.id), events=all_events(tx, row.id))

    return await database.read(work)


async def find_run(database: Database, wanted: str) -> str:
    """The whole id."""
    return await database.read(lambda tx: find_id(tx, wanted))


async def runs_matching(database: Database, wanted: RunFilter) -> list[RunSummary]:
    """A page of runs, newest first."""
    return await database.read(lambda tx: list_runs(tx, wanted))
