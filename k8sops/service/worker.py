"""A worker: one process that carries queued runs, fires schedules, and lets what came too late expire.

Any number may run side by side. It acts as itself, and as whomever its own policy file names; where that file changes,
another begins under it. A stop is graceful: nothing new is claimed, what goes on is given time, then
handed over between two steps.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from k8sops import __version__
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.connect import connect
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.clock import Clock, SystemClock, UlidSource
from k8sops.core.errors import CredentialsError, K8sOpsError, PolicyError
from k8sops.core.text import identity_in_words
from k8sops.engine.books import Books
from k8sops.engine.carrier import EmbeddedCarrier
from k8sops.engine.health import Figures, HealthServer
from k8sops.engine.schedules.firing import Scheduler
from k8sops.engine.sweeping import sweep
from k8sops.service.access import Access
from k8sops.service.action_book import RegistryBook, repositories_of, surroundings_of
from k8sops.service.audit_trail import os_actor
from k8sops.service.config import Config
from k8sops.service.door_carrier import make_carrier
from k8sops.service.housekeeping import Housekeeping
from k8sops.service.planning import Planner
from k8sops.service.policies import load_rules, names_of_clusters, policy_stamp
from k8sops.service.rpo import RpoWatch
from k8sops.service.rules import PolicyRules
from k8sops.service.schedule_hooks import EngineHooks
from k8sops.service.signing import Signing
from k8sops.service.storing import Storage
from k8sops.service.turns import in_turns
from k8sops.service.worker_health import figures, readiness
from k8sops.store.database import Database
from k8sops.store.leases import anything_left

if TYPE_CHECKING:
    from k8sops.actions.backups.ports import Repositories
    from k8sops.policy.policy import Policy

SWEEP_S: Final = 1.0
IDLE_S: Final = 0.5
AGAIN_S: Final = 5.0

Say = Callable[[str], None]


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker works."""

    until_idle: bool = False
    """End once nothing is left that this process may carry; fires no schedules."""
    health_port: int | None = None
    grace_s: float = 30.0
    patient: bool = False
    """Where cluster or store is away at the start, or the cluster lets nobody in, try again rather than end."""


class Worker:
    """The parts of a worker, made and started together."""

    def __init__(
        self,
        database: Database,
        books: Books,
        cluster: KubeCluster,
        carrier: EmbeddedCarrier,
        scheduler: Scheduler | None,
        repositories: Callable[[], Repositories],
        policy: Policy,
    ) -> None:
        self._repositories: Final = repositories
        self.policy: Final = policy
        self.database: Final = database
        self.books: Final = books
        self.cluster: Final = cluster
        self.carrier: Final = carrier
        self.scheduler: Final = scheduler

    async def figures(self) -> Figures:
        """For /metrics."""
        return await self.database.read(lambda tx: figures(tx, len(self.carrier.carrying)))

    def rpo_watch(self, config: Config) -> RpoWatch:
        """Who tells when the newest backup is too old."""
        return RpoWatch(
            self.database,
            self.books,
            self._repositories,
            config,
            self.cluster.info.uid,
            clock=SystemClock(),
            ids=UlidSource(),
        )

    async def idle(self) -> bool:
        """Whether nothing is queued or going that this process may carry; a parked run is going."""
        if self.carrier.carrying:
            return False
        ability = self.carrier.ability
        try:
            return not await self.database.read(lambda tx: anything_left(tx, ability))
        except K8sOpsError as error:
            if not error.transient:
                raise
            return False


@asynccontextmanager
async def open_worker(config: Config, options: WorkerOptions, say: Say) -> AsyncIterator[Worker]:
    """Connect, and make the parts. Raises what connecting and opening the store raise, PolicyError included."""
    clock, ids = SystemClock(), UlidSource()
    rules = load_rules(config, clock)
    async with AsyncExitStack() as stack:
        cluster = await connect(
            context=config.context or None,
            kubeconfig=config.kubeconfig or None,
            impersonate=config.impersonation(),
            clock=clock,
            cluster_names=names_of_clusters(config),
        )
        stack.push_async_callback(cluster.aclose)
        storage = Storage(config, clock, ids)
        stack.push_async_callback(storage.aclose)
        repositories = repositories_of(config, storage, clock, ids)
        actions = RegistryBook(repositories, surroundings_of(config, storage, repositories))
        username = (await cluster.whoami()).username
        own = rules.own_identities(username, cluster.info.uid)
        identities = own if options.until_idle else (*own, *rules.impersonated())
        carrier = await make_carrier(
            cluster, storage, rules, actions,
            own=own, identities=identities, surface="worker", resident=True, clock=clock, ids=ids,
            signing=Signing(rules.policy, cluster.info, clock, key=config.identity_key),
        )  # fmt: skip
        scheduler = (
            None
            if options.until_idle
            else await _scheduler(cluster, storage, rules, actions, config, clock, ids, carrier)
        )
        database, books = await storage.database(), await storage.books()
        shown = ", ".join(dict.fromkeys(identity_in_words(one) for one in identities))
        say(f"worker on {cluster.info.name}, signed in as {username}; store {database.url_shown}")
        say(f"it carries runs that go out as {shown}")
        yield Worker(database, books, cluster, carrier, scheduler, repositories, rules.policy)


async def _scheduler(
    cluster: KubeCluster,
    storage: Storage,
    rules: PolicyRules,
    actions: RegistryBook,
    config: Config,
    clock: Clock,
    ids: UlidSource,
    carrier: EmbeddedCarrier,
) -> Scheduler:
    planner = Planner(
        ReadOnlyCluster(cluster),
        rules,
        actions,
        clock=clock,
        default_namespace=config.namespace or cluster.default_namespace,
        pool_labels=config.pool_labels,
    )
    database, books = await storage.database(), await storage.books()
    access = Access(cluster, rules)
    hooks = EngineHooks(database, books, rules, planner, access, ids, (cluster.info.uid,))
    return Scheduler(database, hooks, owner=carrier.id)


async def work(config: Config, options: WorkerOptions, say: Say) -> None:
    """Run a worker until it is cancelled, or idle where asked; then stop gracefully.

    Where the policy file changes, it claims nothing more and ends what it carries, while another begins under the new
    one. While that is not valid nothing is claimed.
    """

    async def turn(makes_way: asyncio.Event, first: bool) -> None:
        async with AsyncExitStack() as stack:
            told = ""
            while True:
                stamp = await asyncio.to_thread(policy_stamp, config)
                try:
                    worker = await stack.enter_async_context(open_worker(config, options, say))
                    break
                except K8sOpsError as error:
                    away = error.transient or isinstance(error, CredentialsError)
                    if not (away and options.patient if first else away or isinstance(error, PolicyError)):
                        raise
                    if error.message != told:
                        say(f"nothing is carried for now: {error.message}")
                    told = error.message
                await asyncio.sleep(AGAIN_S)
            await _work(worker, config, options, say, stamp, makes_way)

    await in_turns(turn)


async def _changed(config: Config, stamp: tuple[int, int]) -> None:
    """Return once the policy file is not as it was."""
    while await asyncio.to_thread(policy_stamp, config) == stamp:  # noqa: ASYNC110 - a file says nothing by itself
        await asyncio.sleep(SWEEP_S)


async def _work(
    worker: Worker,
    config: Config,
    options: WorkerOptions,
    say: Say,
    stamp: tuple[int, int],
    makes_way: asyncio.Event,
) -> None:
    # First what may be refused: a worker that cannot start must not have claimed anything.
    health = await _health(worker, options, say)
    keeping = Housekeeping(worker.database, worker.books, worker.policy, config, clock=SystemClock())
    carrying = asyncio.create_task(worker.carrier.serve(), name="carrier")
    changing = asyncio.create_task(_changed(config, stamp), name="policy")
    loops = [carrying, changing, asyncio.create_task(_sweeping(worker, keeping, say), name="sweeper")]
    if worker.scheduler is not None:
        loops.append(asyncio.create_task(worker.scheduler.serve(), name="scheduler"))
    if options.until_idle:
        loops.append(asyncio.create_task(_until_idle(worker), name="until idle"))
    else:
        loops.append(asyncio.create_task(_watching(worker.rpo_watch(config), say), name="rpo"))
    try:
        # No loop ends by itself, but for the policy's, and the one that waits until nothing is left.
        done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
        for ended in done:
            ended.result()
        if changing in done:
            say(f"the policy has changed: what goes on ends under version {worker.policy.version}")
            await _rest(worker, [loop for loop in loops if loop is not carrying], health)
            makes_way.set()
            await worker.carrier.aclose(grace_s=math.inf)
    except asyncio.CancelledError:
        say(f"stopping: what goes on has {options.grace_s:g} s to end, then it is handed over")
        raise
    finally:
        await _unhurried(_stop(worker, loops, health, options), say)
        try:
            await keeping.sign(os_actor("worker"))
        except K8sOpsError as error:
            say(f"the last checkpoint could not be signed: {error.message}")


async def _rest(worker: Worker, loops: list[asyncio.Task[None]], health: HealthServer | None) -> None:
    """Leave everything but the runs it carries, and where its health is told, to the next."""
    await worker.carrier.claim_no_more()
    if worker.scheduler is not None:
        await worker.scheduler.aclose(grace_s=0.0)
    for task in loops:
        task.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    if health is not None:
        await health.aclose()


async def _stop(
    worker: Worker, loops: list[asyncio.Task[None]], health: HealthServer | None, options: WorkerOptions
) -> None:
    if health is not None:
        health.drain()
    if worker.scheduler is not None:
        await worker.scheduler.aclose(grace_s=options.grace_s)
    await worker.carrier.aclose(grace_s=options.grace_s)
    for task in loops:
        task.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    if health is not None:
        await health.aclose()


async def _unhurried(stopping: Coroutine[Any, Any, None], say: Say) -> None:
    """Finish it, whoever asks again meanwhile."""
    task = asyncio.create_task(stopping, name="stop")
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            say("already stopping; SIGKILL would leave runs to others until their leases end")
    task.result()


async def _until_idle(worker: Worker) -> None:
    # What is left is known to the store alone, and other processes change it.
    while not await worker.idle():  # noqa: ASYNC110
        await asyncio.sleep(IDLE_S)


async def _sweeping(worker: Worker, keeping: Housekeeping, say: Say) -> None:
    while True:
        try:
            await sweep(worker.database, worker.books)
            await keeping.round(os_actor("worker"))
        except K8sOpsError as error:
            say(f"what is done on the side waits: {error.message}")
        await asyncio.sleep(SWEEP_S)


async def _watching(watch: RpoWatch, say: Say) -> None:
    """Beside the sweeper: a storage that is slow to answer must not hold up what runs wait for."""
    while True:
        try:
            for told in await watch.round(os_actor("worker")):
                say(told)
        except K8sOpsError as error:
            say(f"how old backups are could not be recorded: {error.message}")
        await asyncio.sleep(SWEEP_S)


async def _health(worker: Worker, options: WorkerOptions, say: Say) -> HealthServer | None:
    if options.health_port is None:
        return None

    checks = readiness(worker.database, worker.cluster, worker.carrier, worker.scheduler)
    server = HealthServer(checks, worker.figures, version=__version__)
    host, port = await server.start(port=options.health_port)
    say(f"health on http://{host}:{port}/healthz, /readyz and /metrics")
    return server
