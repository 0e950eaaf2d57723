"""Our own runs of a window on one cluster, as moments; those that touch what the timeline is about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from k8sops.core.errors import K8sOpsError
from k8sops.core.logs import moment_of
from k8sops.core.run import Run, RunFilter, RunSummary
from k8sops.core.timeline import Moment, TimelineWanted, Unknown, nanoseconds
from k8sops.engine.reading import get_run, runs_matching
from k8sops.service.storing import Storage
from k8sops.service.timing.scope import Scope
from k8sops.timeline.reading_runs import moments_of_run, target_subject
from k8sops.timeline.run_places import touches

PAGE: Final = 100
MOST_RUNS: Final = 1_000
BEFORE: Final = timedelta(days=7)
"""A run that was proposed so long before the window may have been carried out in it."""


class OwnRuns:
    """What the store tells; where it is away, the timeline goes without."""

    def __init__(self, storage: Storage, cluster_uid: str, wanted: TimelineWanted) -> None:
        self.moments: Final[list[Moment]] = []
        self.unknown: Final[list[Unknown]] = []
        self._storage = storage
        self._cluster_uid = cluster_uid
        self._wanted = wanted

    async def read(self, scope: Scope) -> None:
        """All runs that may have been carried out in the window."""
        try:
            database = await self._storage.database()
            async for summary in self._summaries():
                run = await get_run(database, summary.id)
                if self._concerns(run, scope):
                    self.moments.extend(moments_of_run(run))
        except K8sOpsError as error:
            self.unknown.append(Unknown(source="our own runs", why=error.message))

    async def _summaries(self) -> AsyncIterator[RunSummary]:
        database = await self._storage.database()
        earliest, before = moment_of(self._wanted.since_ns) - BEFORE, ""
        for _ in range(MOST_RUNS // PAGE):
            wanted = RunFilter(cluster_uid=self._cluster_uid, limit=PAGE, before=before)
            found = await runs_matching(database, wanted)
            for summary in found:
                if summary.proposed_at < earliest:
                    return
                if summary.ended_at is None or nanoseconds(summary.ended_at) >= self._wanted.since_ns:
                    yield summary
            if len(found) < PAGE:
                return
            before = found[-1].id

    def _concerns(self, run: Run, scope: Scope) -> bool:
        """Whether it is about what is asked about."""
        if self._wanted.objects:
            return any(scope.takes_subject(target_subject(step.target)) for step in run.plan.steps)
        return touches(run.plan, self._wanted.namespaces, scope.nodes)
