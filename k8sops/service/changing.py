"""The half of `Ops` that changes things: plan, policy, votes, runs, on the engine and the store.

A run that is started here is carried here, under a lease, until it has ended or another carrier takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock, IdSource
from k8sops.core.digests import check_reviewed
from k8sops.core.drift import drift_between
from k8sops.core.errors import AlreadyDecidedError, DriftedError, K8sOpsError, NoSuchRunError, UsageError
from k8sops.core.plan import Plan
from k8sops.core.run import Run, RunId, RunState, Settlement, Vote
from k8sops.engine.desk import Desk
from k8sops.engine.reading import find_run
from k8sops.engine.settling import settle
from k8sops.service.access import Access
from k8sops.service.action_book import RegistryBook, repositories_of, surroundings_of
from k8sops.service.background import leave_worker
from k8sops.service.config import Config
from k8sops.service.door_carrier import DoorCarrier
from k8sops.service.emergency import note_emergency
from k8sops.service.grant_book import GrantBook
from k8sops.service.housekeeping import note_policy_of
from k8sops.service.planning import Planner
from k8sops.service.policies import load_rules
from k8sops.service.reach import say_if_nobody_may, takes_back
from k8sops.service.records import Records
from k8sops.service.schedules import ScheduleDesk
from k8sops.service.signing import Signing
from k8sops.service.storing import Storage
from k8sops.service.undoing import restored, undo_of
from k8sops.store.leases import lease_held
from k8sops.store.runs import load_row
from k8sops.store.statement_rows import statements_about

CANCEL_WAIT_S: Final = 20.0
REACH_S: Final = 5.0
SOON_S: Final = 2.0
"""A carrier that lives stops so soon; after it this process takes the run over, once its lease has ended."""


class Changing:
    """Proposals and what becomes of them, for one process on one cluster."""

    def __init__(
        self,
        cluster: KubeCluster,
        *,
        config: Config,
        default_namespace: str,
        clock: Clock,
        ids: IdSource,
        storage: Storage | None = None,
    ) -> None:
        self._cluster = cluster
        self._config = config
        self._clock = clock
        self._ids = ids
        self._storage = storage or Storage(config, clock, ids)
        self._own_storage = storage is None
        self._rules = load_rules(config, clock)
        repositories = repositories_of(config, self._storage, clock, ids)
        self._actions = RegistryBook(repositories, surroundings_of(config, self._storage, repositories))
        self._planner = Planner(
            ReadOnlyCluster(cluster),
            self._rules,
            self._actions,
            clock=clock,
            default_namespace=default_namespace,
            emergency=config.emergency,
            pool_labels=config.pool_labels,
        )
        self._signing = Signing(self._rules.policy, cluster.info, clock, key=config.identity_key)
        self._access = Access(cluster, self._rules)
        self._grants = GrantBook(self._storage, self._rules.policy, clock)
        self._noted = False
        self._shown: dict[RunId, str] = {}
        """Digests of the plans that were made and shown here: what is signed is what was seen."""
        self._carrier = DoorCarrier(
            cluster,
            self._storage,
            self._rules,
            self._actions,
            clock=clock,
            ids=ids,
            signing=self._signing,
        )
        self.records: Final = Records(self._storage, clock)
        self.schedules: Final = ScheduleDesk(
            self._storage,
            self._rules,
            self._planner,
            self._access,
            clock=clock,
            ids=ids,
            signing=self._signing,
        )

    @property
    def storage(self) -> Storage:
        """The store, for what is only read of it."""
        return self._storage

    async def preview(
        self, action: str, params: Mapping[str, Any], actor: Actor, *, reason: str = "", digest: str = ""
    ) -> Run:
        """Validate, plan, ask policy; nothing is stored."""
        plan, grant = await self._planned(action, params, actor)
        check_reviewed(plan, digest)
        return Run(
            id=self._ids.new(),
            plan=plan,
            state=RunState.PROPOSED,
            actor=actor,
            reason=reason,
            person=self._rules.person_of(actor, plan.cluster.uid),
            grant=grant,
        )

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
        """Validate, plan, ask policy, put on record; once, where the caller keeps the run's id."""
        if run_id:
            with suppress(NoSuchRunError):
                return await self.records.get_run(run_id)
        plan, grant = await self._planned(action, params, actor)
        check_reviewed(plan, digest)
        desk = await self._desk()
        await self._note_policy(actor, reason)
        run = await desk.propose(
            plan,
            actor,
            reason=reason,
            hold=hold,
            emergency=self._config.emergency,
            grant=grant,
            run_id=run_id,
        )
        self._shown[run.id] = plan.digest
        return run

    async def drift(self, run: RunId) -> tuple[str, ...]:
        """What would void the run's plan by now."""
        stored = (await self.records.get_run(run)).plan
        if stored.cluster.uid != self._cluster.info.uid:
            raise UsageError(
                f"run {run} is for cluster {stored.cluster.name}, and this is {self._cluster.info.name}",
                hint="use --context",
            )
        try:
            present = await self._planner.again(stored)
        except DriftedError as error:
            return (error.message,)
        return drift_between(stored, present)

    async def approval_refused(self, run: RunId, actor: Actor) -> str:
        """Why the actor's approval would not count."""
        error = (await self._desk()).uncounted(await self.records.get_run(run), actor)
        return error.message if error is not None else ""

    async def unproposed(self, run: RunId) -> str:
        """Why the run is not what its requester asked for, by what is signed."""
        database = await self._storage.database()
        found = await self.records.get_run(run)
        return self._signing.unproposed(found, await database.read(lambda tx: statements_about(tx, found.id)))

    async def decide(self, run: RunId, vote: Vote, actor: Actor) -> Run:
        """Record a vote on the digest."""
        if vote.verdict == "approve" and self._access.asks_approvers:
            await self._access.check_approver(await self.records.get_run(run), actor)
        decided = await (await self._desk()).decide(run, vote, actor)
        return await self._attended(decided) if decided.state is RunState.QUEUED else decided

    async def start(
        self, run: RunId, actor: Actor, *, break_glass: str = "", carry: bool = True, seen: str = ""
    ) -> Run:
        """Queue the run; this process carries it, unless another is quicker. One that is queued is only carried."""
        present = await self.records.get_run(run)
        if present.state is not RunState.QUEUED or present.actor.name != actor.name:
            seen = seen or self._shown.get(present.id, "")
            present = await (await self._desk()).start(
                present.id, actor, break_glass=break_glass, seen=seen, emergency=self._config.emergency
            )
        if carry:
            await self._carrier.carry(present.id)
        elif await self._carrier.may_carry(present.plan.execute_as):
            return present  # a worker of the same person's can be left behind
        return await self._attended(present)

    async def carry(self, run: RunId) -> None:
        """Carry the run here once it is queued."""
        await self._carrier.carry(await find_run(await self._storage.database(), run))

    @property
    def carried_here(self) -> tuple[RunId, ...]:
        """The runs that this process was asked to carry."""
        return self._carrier.asked_for

    async def leave_behind(self) -> str:
        """Start a worker in the background and let go of what is carried here."""
        pid = await leave_worker(self._config)
        await self._carrier.leave()
        return f"a worker goes on in the background as process {pid}; `kill {pid}` stops it safely"

    async def cancel(self, run: RunId, actor: Actor, why: str) -> Run:
        """Stop within a step, and wait until it has stopped or the carrier's silence is told.

        What a carrier that died had begun is taken back by another one: a worker, or this process, where it may. Only
        where nobody does so in time it ends as it is, saying how to go back.
        """
        desk = await self._desk()
        found = await self.records.get_run(run)
        own = not await self._is_held(found.id) and await self._may_take_over(found)
        found = await desk.cancel(found.id, actor, why, taken_back=takes_back(self._actions, own=own))
        if found.state.ended:
            return found
        who = self._rules.person_of(actor, found.plan.cluster.uid) or actor.name
        self._carrier.cancel_at_once(found.id, f"{who}: {why}" if why else who)
        if not own and not await self._stopped(found, SOON_S):
            own = await self._may_take_over(found)
        if own:
            with suppress(K8sOpsError):
                await self._carrier.carry(found.id)
        if not await self._stopped(found, CANCEL_WAIT_S):
            with suppress(AlreadyDecidedError):
                await desk.cancel(found.id, actor, why)
        return await self.records.get_run(found.id)

    async def _may_take_over(self, run: Run) -> bool:
        """Whether this process may carry on with a run that another one began."""
        if run.state is not RunState.RUNNING or run.plan.cluster.uid != self._cluster.info.uid:
            return False
        if run.id in self._carrier.carrying:
            return False
        try:
            async with asyncio.timeout(REACH_S):
                return await self._carrier.may_carry(run.plan.execute_as)
        except (TimeoutError, K8sOpsError):
            return False  # a cluster that is away keeps nobody from cancelling

    async def _is_held(self, run: RunId) -> bool:
        database = await self._storage.database()
        return await database.read(lambda tx: lease_held(tx, load_row(tx, run)))

    async def _stopped(self, run: Run, within_s: float) -> bool:
        """Whether the run ends so soon."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                async for _ in self.records.watch(run.id, after=len(run.events)):
                    pass
                return True
        return False

    async def resume(self, run: RunId, how: Settlement, actor: Actor) -> Run:
        """Settle a run that needs review; what goes on is carried here."""
        database = await self._storage.database()
        signer = await self._signing.signer()
        settled = await settle(
            database, await self._storage.books(), self._rules, run, how, actor, signer=signer
        )
        if not settled.state.ended:
            await self._carrier.carry(settled.id)
        return settled

    async def undo(self, run: RunId, actor: Actor, *, reason: str = "", run_id: RunId = "") -> Run:
        """Propose the inverse of the run's done steps."""
        done = await self.records.get_run(run)
        if not done.state.ended:
            raise AlreadyDecidedError(f"run {done.id} is {done.state}; cancel it or wait, then undo it")
        action, params = undo_of(done)
        return await self.propose(
            action, params, actor, reason=reason or f"undo of run {done.id}", run_id=run_id
        )

    async def aclose(self) -> None:
        """Let go of what is carried here, safely, and close."""
        await self._carrier.aclose()
        if self._own_storage:
            await self._storage.aclose()

    async def _attended(self, run: Run) -> Run:
        """The run, and in it what it waits for where nobody who is alive may carry it."""
        found = await say_if_nobody_may(await self._storage.database(), await self._storage.books(), run.id)
        return msgspec.structs.replace(run, state=found.state, progress=found.progress)

    async def _note_policy(self, actor: Actor, reason: str) -> None:
        """The first proposal of a process says which policy it is under, where that is another than before."""
        if self._noted:
            return
        database, books = await self._storage.database(), await self._storage.books()
        if self._config.emergency:
            version = self._rules.version
            await note_emergency(database, books, self._config, actor, reason=reason, policy=version)
        await note_policy_of(database, books, self._rules.policy, self._config, actor)
        self._noted = True

    async def _desk(self) -> Desk:
        signer = await self._signing.signer()
        return Desk(
            await self._storage.database(), await self._storage.books(), self._rules, self._ids, signer
        )

    async def _planned(self, action: str, params: Mapping[str, Any], actor: Actor) -> tuple[Plan, str]:
        """The plan, decided, and the digest of the grant it rests on."""
        self._access.check_cluster()
        params = await restored(self.records, action, params)
        plan = await self._access.reviewed(await self._planner.planned(action, params, actor), actor)
        plan = self._planner.decided(plan, actor)
        return (plan, "") if self._config.emergency else await self._grants.covering(plan, actor)
