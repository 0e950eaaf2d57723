"""`core.ports.Ops` on one cluster and one store: what every door holds.

Reads go to the cluster alone. What plans, decides and carries is imported and opened when it is first needed: no
screen waits for a database, and no read for the imports of an engine.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.errors import K8sOpsError
from k8sops.service.live.ahead import TableAhead

if TYPE_CHECKING:
    from k8sops.cluster.client import KubeCluster
    from k8sops.core.actor import Actor, Identity
    from k8sops.core.clock import Clock, IdSource
    from k8sops.core.events import Event
    from k8sops.core.log_selection import LogFollow, LogSelection, LogSpan
    from k8sops.core.logs import LogEntry, LogWanted
    from k8sops.core.ops_reading import OpsReading
    from k8sops.core.ops_records import OpsRecords
    from k8sops.core.overview import Diagnosis, Overview
    from k8sops.core.plan import ClusterInfo, JsonObject
    from k8sops.core.ports import Resource
    from k8sops.core.run import Run, RunFilter, RunId, RunSummary, Settlement, Vote
    from k8sops.core.tables import LiveRows, Table, TableQuery
    from k8sops.service.changing import Changing
    from k8sops.service.config import Config
    from k8sops.service.schedules import ScheduleDesk
    from k8sops.service.sessions import SessionDesk
    from k8sops.service.storing import Storage


class EngineOps:
    """The service of one process on one cluster."""

    def __init__(
        self,
        cluster: KubeCluster,
        *,
        config: Config,
        clock: Clock,
        ids: IdSource,
        storage: Storage | None = None,
    ) -> None:
        """`storage` is somebody else's, who closes it; none: the configured one, opened when it is needed."""
        self._storage = storage
        self._cluster = cluster
        self._reader = ReadOnlyCluster(cluster)
        self._config = config
        self._clock = clock
        self._ids = ids
        self._default_namespace = config.namespace or cluster.default_namespace
        self._ahead: TableAhead | None = None
        self._changing: Changing | None = None
        self._sessions: SessionDesk | None = None
        self._records: OpsRecords | None = None

    @property
    def cluster_info(self) -> ClusterInfo:
        """The cluster every call goes to."""
        return self._cluster.info

    @property
    def read_only(self) -> bool:
        """Whether every change is refused here."""
        return self._config.read_only

    @property
    def default_namespace(self) -> str:
        """Where commands act when no namespace is given."""
        return self._default_namespace

    async def preview(
        self, action: str, params: Mapping[str, Any], actor: Actor, *, reason: str = "", digest: str = ""
    ) -> Run:
        """Validate, plan, ask policy; nothing is stored."""
        return await self._change.preview(action, params, actor, reason=reason, digest=digest)

    async def refusals(
        self,
        kind: str,
        namespace: str,
        actions: Sequence[str],
        *,
        names: Sequence[str] = (),
        actor: Actor | None = None,
    ) -> dict[str, str]:
        """Why actions would be refused before a plan."""
        module = await asyncio.to_thread(importlib.import_module, "k8sops.service.offering")
        found: dict[str, str] = await module.refusals(
            self._reader,
            kind,
            namespace,
            actions,
            read_only=self._config.read_only,
            policy=module.AskedPolicy(self._config, self._clock, tuple(names), actor) if actor else None,
        )
        return found

    async def propose(
        self,
        action: str,
        params: Mapping[str, Any],
        actor: Actor,
        *,
        reason: str = "",
        hold: bool = False,
        digest: str = "",
        run_id: RunId = "",
    ) -> Run:
        """Validate, plan, ask policy, put on record."""
        return await self._change.propose(
            action, params, actor, reason=reason, hold=hold, digest=digest, run_id=run_id
        )

    async def drift(self, run: RunId) -> tuple[str, ...]:
        """What would void the run's plan by now."""
        return await self._change.drift(run)

    async def approval_refused(self, run: RunId, actor: Actor) -> str:
        """Why the actor's approval would not count."""
        return await self._change.approval_refused(run, actor)

    async def unproposed(self, run: RunId) -> str:
        """Why the run is not what its requester asked for, by what is signed."""
        return await self._change.unproposed(run)

    async def decide(self, run: RunId, vote: Vote, actor: Actor) -> Run:
        """Record a vote on the digest."""
        return await self._change.decide(run, vote, actor)

    async def start(
        self, run: RunId, actor: Actor, *, break_glass: str = "", carry: bool = True, seen: str = ""
    ) -> Run:
        """Queue the run; this process carries it, unless another is quicker, or `carry` is False."""
        return await self._change.start(run, actor, break_glass=break_glass, carry=carry, seen=seen)

    async def carry(self, run: RunId) -> None:
        """Carry the run here once it is queued."""
        await self._change.carry(run)

    @property
    def carried_here(self) -> tuple[RunId, ...]:
        """The runs that this process was asked to carry."""
        return self._changing.carried_here if self._changing is not None else ()

    async def leave_behind(self) -> str:
        """Start a worker in the background and let go of what is carried here."""
        return await self._change.leave_behind()

    async def cancel(self, run: RunId, actor: Actor, why: str) -> Run:
        """Stop within a step, and wait until it has stopped or the carrier's silence is told."""
        return await self._change.cancel(run, actor, why)

    async def resume(self, run: RunId, how: Settlement, actor: Actor) -> Run:
        """Settle a run that needs review; what goes on is carried here."""
        return await self._change.resume(run, how, actor)

    async def undo(self, run: RunId, actor: Actor, *, reason: str = "", run_id: RunId = "") -> Run:
        """Propose the inverse of the run's done steps."""
        return await self._change.undo(run, actor, reason=reason, run_id=run_id)

    async def get_run(self, run: RunId) -> Run:
        """A run as it stands."""
        return await self._change.records.get_run(run)

    async def runs(self, wanted: RunFilter) -> tuple[RunSummary, ...]:
        """A page of runs."""
        return await (await self._change_loaded()).records.runs(wanted)

    def watch(self, run: RunId, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Its events, from any number on, until it ends."""
        return self._change.records.watch(run, after=after)

    async def whoami(self) -> Identity:
        """Who the cluster says we are."""
        return await self._reader.whoami()

    async def overview(self) -> AsyncGenerator[Overview, None]:
        """The cluster at a glance."""
        from k8sops.service.overview import OverviewWatch

        watch = OverviewWatch(
            self._cluster,
            lambda: self._change,
            config=self._config,
            namespace=self._default_namespace,
            clock=self._clock,
        )
        async with aclosing(watch.overviews()) as overviews:
            async for overview in overviews:
                yield overview

    async def diagnose(self, kind: str, name: str, namespace: str = "") -> Diagnosis:
        """Why one object is in trouble."""
        from k8sops.service.diagnosing import diagnose

        return await diagnose(self._reader, kind, name, namespace, self._clock)

    async def kinds(self) -> tuple[Resource, ...]:
        """What the cluster serves; asked for once, and again after some minutes."""
        return await self._cluster.discovery.resources()

    async def table(self, query: TableQuery) -> Table:
        """A one-shot table."""
        return await self._reader.table(query)

    async def rows(self, query: TableQuery) -> LiveRows:
        """A live table."""
        return await self._reader.rows(query)

    async def look_around(self) -> None:
        """Learn what the cluster serves, where that is to be had: any table takes it."""
        with suppress(K8sOpsError):
            # Whoever opens a table is told why not.
            await self._cluster.discovery.resources()

    def begin(self, query: TableQuery, in_sight: asyncio.Event | None = None) -> None:
        """Open a table ahead of the first call of `browse`, which is given it if it asks for the same.

        What only its figures take is loaded once it is in sight.
        """
        self._ahead = TableAhead(query, self._browse(query, in_sight))

    async def browse(self, query: TableQuery) -> LiveRows:
        """A live table with figures beside its rows."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            if ahead.query == query:
                return await ahead.taken()
            await ahead.aclose()
        return await self._browse(query)

    async def _browse(self, query: TableQuery, in_sight: asyncio.Event | None = None) -> LiveRows:
        from k8sops.service.live.opening import browse

        return await browse(self._reader, query, self._clock, in_sight)

    async def object(self, kind: str, name: str, namespace: str = "") -> JsonObject:
        """One whole object; a namespaced kind without a namespace means the default one."""
        resource = await self._reader.resource(kind)
        where = (namespace or self._default_namespace) if resource.namespaced else ""
        return await self._reader.get(resource, name, where)

    async def reading(self) -> OpsReading:
        """Secrets decoded, Helm releases, who uses an object."""
        module = await asyncio.to_thread(importlib.import_module, "k8sops.service.read_desk")

        async def storage() -> Storage:
            return (await self._change_loaded()).storage

        desk: OpsReading = module.ReadDesk(
            self._reader, storage, self._default_namespace, config=self._config, clock=self._clock
        )
        return desk

    async def objects(self, query: TableQuery) -> AsyncGenerator[JsonObject, None]:
        """Whole objects, as they are listed."""
        resource = await self._reader.resource(query.kind)
        selector = query.field_selector or (f"metadata.name={query.name}" if query.name else "")
        namespace = query.namespace if resource.namespaced else ""
        async for found in self._reader.list(
            resource, namespace, label_selector=query.label_selector, field_selector=selector
        ):
            yield found

    async def sign_in(self) -> None:
        """Renew the credentials by hand."""
        await self._cluster.transport.credentials.sign_in()

    async def records(self) -> OpsRecords:
        """Schedules, backups, the audit trail, policy and settings."""
        if self._records is None:
            change = await self._change_loaded()
            module = await asyncio.to_thread(importlib.import_module, "k8sops.service.record_desk")
            config, clock, ids = self._config, self._clock, self._ids
            self._records = module.record_desk(
                self._reader, change, config=config, clock=clock, ids=ids, namespace=self._default_namespace
            )
        return self._records

    async def logs(self, wanted: LogWanted) -> AsyncGenerator[Sequence[LogEntry], None]:
        """Lines of containers in batches."""
        from k8sops.logs.wanted import selection_of, span_of

        async with aclosing(self.follow(selection_of(wanted), span_of(wanted)).batches()) as batches:
            async for batch in batches:
                yield batch

    def follow(self, selection: LogSelection, span: LogSpan) -> LogFollow:
        """Lines of everything that is selected."""
        from k8sops.logs.following import Following
        from k8sops.logs.source import ClusterLogs

        return Following(ClusterLogs(self._cluster), selection, span, self._clock)

    @property
    def sessions(self) -> SessionDesk:
        """Shells, forwarded ports, copies."""
        if self._sessions is None:
            from k8sops.service.sessions import SessionDesk

            async def storage() -> Storage:
                return (await self._change_loaded()).storage

            self._sessions = SessionDesk(
                self._cluster, storage, config=self._config, clock=self._clock, ids=self._ids
            )
        return self._sessions

    @property
    def schedule_desk(self) -> ScheduleDesk:
        """What people do to schedules."""
        return self._change.schedules

    async def aclose(self) -> None:
        """Let go of what is carried here, safely, and close."""
        if self._ahead is not None:
            await self._ahead.aclose()
        if self._sessions is not None:
            await self._sessions.aclose()
        if self._changing is not None:
            await self._changing.aclose()

    async def _change_loaded(self) -> Changing:
        if self._changing is None:
            # The imports take most of a second: a screen that counts what runs must not stand still for them.
            await asyncio.to_thread(importlib.import_module, "k8sops.service.changing")
        return self._change

    @property
    def _change(self) -> Changing:
        if self._changing is None:
            from k8sops.service.changing import Changing

            self._changing = Changing(
                self._cluster,
                config=self._config,
                default_namespace=self._default_namespace,
                clock=self._clock,
                ids=self._ids,
                storage=self._storage,
            )
        return self._changing
