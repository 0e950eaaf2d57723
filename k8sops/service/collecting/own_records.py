"""Our own record of a window, as a bundle takes it: audit records and runs of one cluster, never of another."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from datetime import timedelta
from typing import Final

from k8sops.actions.collecting.gathering import Window
from k8sops.audit.record import open_record
from k8sops.core.audit import AuditFilter
from k8sops.core.errors import AuditError
from k8sops.core.logs import moment_of
from k8sops.core.run import RunFilter
from k8sops.core.timeline import Moment
from k8sops.engine.reading import get_run, runs_matching
from k8sops.service.storing import Storage
from k8sops.store.audit_search import search
from k8sops.store.database import Tx
from k8sops.timeline.reading_runs import moments_of_run
from k8sops.timeline.run_places import touches

MOST_RECORDS: Final = 10_000
MOST_RUNS: Final = 200
BEFORE: Final = timedelta(days=1)
"""A run that was proposed so long before the window may have been carried out in it."""


class StoredRecords:
    """`gathering.OwnRecords` of a store. What is read raises what opening a store raises."""

    def __init__(self, storage: Storage, cluster_uid: str) -> None:
        self._storage: Final = storage
        self._cluster_uid: Final = cluster_uid

    async def audit_lines(self, window: Window) -> AsyncGenerator[bytes, None]:
        """The latest records, oldest first, byte for byte as they are chained."""
        database = await self._storage.database()
        wanted = AuditFilter(since=moment_of(window.since_ns), until=moment_of(window.until_ns))

        def work(tx: Tx) -> list[bytes]:
            found: list[bytes] = []
            for kept in search(tx, wanted):
                if self._is_ours(kept.data):
                    found.append(kept.data)
                if len(found) == MOST_RECORDS:
                    break
            return found[::-1]

        for record in await database.read(work):
            yield record

    async def run_moments(
        self, window: Window, namespaces: Collection[str], nodes: Collection[str]
    ) -> AsyncGenerator[Moment, None]:
        """What became of each run of the window that is about these, of every run where no namespace is given."""
        database = await self._storage.database()
        earliest = moment_of(window.since_ns) - BEFORE
        summaries = await runs_matching(database, RunFilter(cluster_uid=self._cluster_uid, limit=MOST_RUNS))
        for summary in summaries:
            if summary.proposed_at < earliest:
                return
            run = await get_run(database, summary.id)
            for moment in moments_of_run(run) if touches(run.plan, namespaces, nodes) else ():
                if window.since_ns <= moment.at_ns <= window.until_ns:
                    yield moment

    def _is_ours(self, data: bytes) -> bool:
        try:
            return open_record(data).cluster_uid == self._cluster_uid
        except AuditError:
            return False
