"""Schedules with everything that is around them in a worker: desk, policy, planner, engine, and a real cluster.

People are actors by name; who carries is the sandbox's administrator, in the name of alice. What is due is made so in
the store, on whichever clock it goes by.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from sqlalchemy import select, update

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.run import Run, RunState, Vote
from k8sops.core.schedules import ScheduleView
from k8sops.engine.carrier import EmbeddedCarrier
from k8sops.engine.desk import Desk
from k8sops.engine.schedules.firing import Scheduler
from k8sops.policy.load import load_policy
from k8sops.service.access import Access
from k8sops.service.action_book import RegistryBook
from k8sops.service.config import Config
from k8sops.service.door_carrier import make_carrier
from k8sops.service.planning import Planner
from k8sops.service.records import Records
from k8sops.service.rules import PolicyRules
from k8sops.service.schedule_hooks import EngineHooks
from k8sops.service.schedules import ScheduleDesk
from k8sops.service.storing import Storage
from k8sops.store.database import Database, Tx
from k8sops.store.schema import outbox, runs, schedules
from k8sops.store.times import to_ms
from tests.support.engine_world import eventually

ALICE = Actor(name="alice", groups=("ops",))
BOB = Actor(name="bob")
CAROL = Actor(name="carol")
T = TypeVar("T")


class Worker:
    """A worker's parts, worked by the test."""

    def __init__(
        self, cluster: KubeCluster, namespace: str, storage: Storage, policy: Path | None, database: Database
    ) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.database = database
        self._storage = storage
        self._clock = SystemClock()
        self._ids = UlidSource()
        self._fired = 0
        self.records = Records(storage, self._clock)
        self.under(policy)

    def under(self, policy: Path | None) -> None:
        """From now on this policy file; None: the shipped one."""
        self.rules = PolicyRules(load_policy(policy), self._clock)
        self.planner = Planner(
            ReadOnlyCluster(self.cluster),
            self.rules,
            RegistryBook(),
            clock=self._clock,
            default_namespace=self.namespace,
        )
        self.access = Access(self.cluster, self.rules)
        self.desk = ScheduleDesk(
            self._storage, self.rules, self.planner, self.access, clock=self._clock, ids=self._ids
        )

    async def runs_desk(self) -> Desk:
        """For votes and starts."""
        return Desk(self.database, await self._storage.books(), self.rules, self._ids)

    async def add(
        self, name: str = "night", *, actor: Actor = ALICE, change: int | None = None, **given: Any
    ) -> ScheduleView:
        """Scale web at 02:30, unless told otherwise."""
        values = {
            "name": name,
            "action": "scale",
            "params": {"target": "deployment/web", "replicas": given.pop("replicas", 2)},
            "cron": "30 2 * * *",
        }
        limits = {key: given.pop(key) for key in ("risk", "most_targets", "stands_for") if key in given}
        draft = await self.desk.draft({**values, **given}, actor, **limits)
        return await self.desk.keep(draft, actor, change=change)

    async def vote(self, view: ScheduleView, actor: Actor, verdict: Any = "approve") -> ScheduleView:
        """On its standing approval."""
        vote = Vote(verdict=verdict, digest=view.standing_digest)
        return await self.desk.decide(view.name, vote, actor)

    async def fire(self, name: str = "night") -> Run:
        """Be due, and fire: the run that came of it."""
        before = {run.id for run in await self.runs(name)}
        await self.turn(name)
        (fresh,) = [run for run in await self.runs(name) if run.id not in before]
        return fresh

    async def turn(self, name: str = "night") -> None:
        """Be due, look once, and carry that out."""
        await self.due_now(name)
        await self.look()

    async def look(self) -> None:
        """Look once, and carry out to the end what that started."""
        scheduler = await self.scheduler()
        await scheduler.round()
        await scheduler.settled()

    async def scheduler(self) -> Scheduler:
        """Another replica's."""
        books = await self._storage.books()
        uids = (self.cluster.info.uid,)
        hooks = EngineHooks(self.database, books, self.rules, self.planner, self.access, self._ids, uids)
        return Scheduler(self.database, hooks, owner=self._ids.new())

    async def carrier(self) -> EmbeddedCarrier:
        """Carries alice's runs with the administrator's credentials."""
        own = ("user:alice", "person:alice")
        return await make_carrier(
            self.cluster, self._storage, self.rules, RegistryBook(), own=own, identities=own,
            surface="worker", resident=True, clock=self._clock, ids=self._ids,
        )  # fmt: skip

    async def due_now(self, name: str = "night") -> datetime:
        """As if it had been due within the last minute; each time a second later than before."""
        self._fired += 1

        def work(tx: Tx) -> datetime:
            due = tx.now().replace(microsecond=0) - timedelta(seconds=60 - self._fired)
            aimed = {"next_due": to_ms(due), "next_fire": to_ms(due)}
            tx.execute(update(schedules).where(schedules.c.name == name).values(aimed))
            return due

        return await self.write(work)

    async def write(self, work: Callable[[Tx], T]) -> T:
        """A transaction of the test's own."""
        return await self.database.write(work, name="test")

    async def runs(self, name: str = "night") -> list[Run]:
        """Every run made of it, oldest first."""
        statement = select(runs.c.id).where(runs.c.schedule == name).order_by(runs.c.id)
        found = await self.database.read(lambda tx: [row.id for row in tx.execute(statement)])
        return [await self.records.get_run(run) for run in found]

    async def until(self, run: str, *states: RunState, within_s: float = 120.0) -> Run:
        """The run once it is in one of these states."""

        async def holds() -> bool:
            return (await self.records.get_run(run)).state in states

        await eventually(holds, within_s=within_s)
        return await self.records.get_run(run)

    async def outcomes(self, name: str = "night") -> list[tuple[str, str]]:
        """What became of each firing and why, oldest first."""
        view = await self.records.schedule(name)
        return [(firing.outcome, firing.why) for firing in reversed(view.firings)]

    async def told(self) -> list[tuple[str, str]]:
        """Kind and text of everything in the outbox, in order."""
        rows = await self.database.read(lambda tx: list(tx.execute(select(outbox).order_by(outbox.c.id))))
        return [(row.kind, str(msgspec.json.decode(row.payload)["text"])) for row in rows]


@asynccontextmanager
async def a_worker(
    cluster: KubeCluster, namespace: str, url: str, policy: Path | None = None
) -> AsyncIterator[Worker]:
    """The parts of a worker on this store."""
    storage = Storage(Config(database_url=url), SystemClock(), UlidSource())
    try:
        yield Worker(cluster, namespace, storage, policy, await storage.database())
    finally:
        await storage.aclose()


def a_policy(folder: Path, uid: str, people: Sequence[str] = ("alice", "bob", "carol"), **more: Any) -> Path:
    """A policy under which disruption takes one of ops, where bob and carol are."""
    document = {
        "format": 1,
        "clusters": [{"uid": uid, "name": "prod", "environment": "production"}],
        "people": {
            name: {
                "groups": ["dev" if name == "alice" else "ops"],
                "cluster": [{"cluster": "prod", "username": name}],
                "slack": [{"team": "T0001", "user": f"U0{name.upper()}"}],
            }
            for name in people
        },
        "baseline": {
            "low": {"effect": "allow"},
            "disruptive": {"effect": "approve", "from": ["ops"]},
        },
        **more,
    }
    path = folder / f"policy-{len(list(folder.glob('policy-*')))}.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
