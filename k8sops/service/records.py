"""What the store alone tells, without a cluster: runs, their events, what waits for a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from k8sops.core.audit import AuditFilter
from k8sops.core.clock import Clock
from k8sops.core.desk import AuditView
from k8sops.core.events import Event
from k8sops.core.run import Run, RunFilter, RunId, RunState, RunSummary
from k8sops.core.schedules import ScheduleView
from k8sops.engine.following import follow
from k8sops.engine.reading import find_run, get_run, runs_matching
from k8sops.engine.schedules import ledger, table
from k8sops.service.audit_trail import find
from k8sops.service.audit_words import view_of as audit_view_of
from k8sops.service.schedule_views import view_of
from k8sops.service.storing import Storage
from k8sops.store.carriers import live_carriers
from k8sops.store.reviews import Review, open_reviews


class Records:
    """Reads of the store."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def runs(self, wanted: RunFilter) -> tuple[RunSummary, ...]:
        """A page of runs, newest first."""
        return tuple(await runs_matching(await self._storage.database(), wanted))

    async def approvals(self) -> tuple[RunSummary, ...]:
        """Runs that wait for votes, newest first."""
        return await self.runs(RunFilter(states=(RunState.AWAITING_APPROVAL,), limit=200))

    async def reviews(self) -> tuple[Review, ...]:
        """Reviews nobody has closed."""
        return tuple(await (await self._storage.database()).read(open_reviews))

    async def audit(self, wanted: AuditFilter) -> tuple[AuditView, ...]:
        """The latest records of the audit trail that fit, newest first."""
        found = await find(await self._storage.database(), wanted)
        return await asyncio.to_thread(lambda: tuple(audit_view_of(one) for one in found))

    async def schedules(self, cluster_uid: str = "") -> tuple[ScheduleView, ...]:
        """All schedules, or those of one cluster, by name."""
        database = await self._storage.database()
        found, alive = await database.read(lambda tx: (table.every(tx), live_carriers(tx)))
        return tuple(
            view_of(schedule, self._clock.now(), alive)
            for schedule in found
            if cluster_uid in {"", schedule.cluster_uid}
        )

    async def schedule(self, name: str) -> ScheduleView:
        """A schedule and its last firings. Raises NoSuchScheduleError."""
        database = await self._storage.database()
        found, alive, entries = await database.read(
            lambda tx: (table.get(tx, name), live_carriers(tx), ledger.entries(tx, name))
        )
        return view_of(found, self._clock.now(), alive, entries)

    async def get_run(self, run: RunId) -> Run:
        """A run with votes and events. Raises NoSuchRunError."""
        return await get_run(await self._storage.database(), run)

    async def watch(self, run: RunId, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Its events from any number on, until it has ended."""
        database = await self._storage.database()
        async for event in follow(database, await find_run(database, run), after):
            yield event
