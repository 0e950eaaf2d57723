"""An engine to test with: desk, books and carriers on one store, with the ledger actions and rules of a few lines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from k8sops.audit.record import seal
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock, SystemClock, UlidSource
from k8sops.core.events import Event
from k8sops.core.plan import PLAN_FORMAT, Decision, JsonObject, Plan
from k8sops.core.run import Approval, Run, Vote
from k8sops.engine.books import Books
from k8sops.engine.carrier import EmbeddedCarrier
from k8sops.engine.carrying import Tools
from k8sops.engine.desk import Desk
from k8sops.engine.following import follow
from k8sops.engine.reading import get_run
from k8sops.engine.timing import Timing
from k8sops.store.carriers import CarrierCard
from k8sops.store.database import BUSY_TIMEOUT_S, Database, open_database
from k8sops.store.leases import Ability
from k8sops.store.runs import load_row, run_of, state_of
from tests.support.ledger import CLUSTER, LedgerBook, LedgerClusters
from tests.support.pauses import pause_after

ALICE = Actor(name="alice")
BOB = Actor(name="bob")
CAROL = Actor(name="carol")
EXECUTE_AS = "user:alice"

C = TypeVar("C", bound=EmbeddedCarrier)

QUICK = Timing(lease_ttl_s=0.7, heartbeat_s=0.1, mutation_s=0.2, round_s=0.05, short_pause_s=0.2)
"""Leases short enough to see them end in a test."""


def needing(approvals: int, *, ttl_s: int | None = None) -> Decision:
    """A decision that so many approvals are needed."""
    return Decision(effect="approve", why="test", approvals=approvals, ttl_s=ttl_s, rule="r")


class PlainRules:
    """Policy in a few lines: a fixed decision, everybody a person of their own name."""

    version = "test"

    def __init__(self, decision: Decision | None = None, *, most: int = 100) -> None:
        self.decision = decision or Decision(effect="confirm", why="test")
        self.most = most
        self.refuses_to_carry = ""
        self.refuses = ""

    def person_of(self, actor: Actor, cluster_uid: str) -> str:
        """Everybody is who they say; what stands after a dash is another name of the same person."""
        return actor.name.split("-", maxsplit=1)[0]

    def decide(self, plan: Plan, actor: Actor, *, schedule: str = "", emergency: bool = False) -> Decision:
        """The fixed answer."""
        return self.decision

    def reason_refused(self, decision: Decision, reason: str) -> str:
        """Any reason will do."""
        return ""

    def vote_refused(self, run: Run, actor: Actor) -> str:
        """Only the requester's vote is refused."""
        return "it is the requester's own" if self.person_of(actor, "") == run.person else ""

    def counts_for_more(self, run: Run, actor: Actor, earlier: Approval) -> bool:
        """One vote each."""
        return False

    def quorum_reached(self, run: Run, approvals: tuple[Approval, ...]) -> tuple[bool, str]:
        """As many as the decision wants."""
        missing = self.decision.approvals - sum(a.vote.verdict == "approve" for a in approvals)
        return missing <= 0, f"{missing} more needed" if missing > 0 else ""

    def break_glass_refused(self, run: Run, actor: Actor) -> str:
        """What the test says."""
        return self.refuses

    def resume_refused(self, run: Run, actor: Actor) -> str:
        """What the test says."""
        return self.refuses

    def most_at_once(self, cluster_uid: str) -> int:
        """A fixed number."""
        return self.most

    def carry_refused(self, run: Run) -> str:
        """What the test says."""
        return self.refuses_to_carry


class NoRedactor:
    """Nothing in a ledger is secret."""

    def redact(self, value: JsonObject, kind: str = "") -> JsonObject:
        """The same."""
        return value

    def text(self, text: str) -> str:
        """The same."""
        return text

    def texts(self, value: JsonObject) -> JsonObject:
        """The same."""
        return value


class World:
    """One process's engine."""

    def __init__(self, url: str, database: Database, rules: PlainRules, clock: Clock, timing: Timing) -> None:
        self.url = url
        self.database = database
        self.rules = rules
        self.clock = clock
        self.timing = timing
        self.ids = UlidSource()
        self.books = Books(seal, NoRedactor(), self.ids)
        self.desk = Desk(database, self.books, rules, self.ids)
        self.actions = LedgerBook()
        self.ability = Ability(
            execute_as=(EXECUTE_AS,),
            cluster_uids=(CLUSTER.uid, "c-2"),
            actions=tuple((action.name, action.version) for action in self.actions.known()),
            plan_format=PLAN_FORMAT,
        )

    def carrier(
        self, *, execute_as: str = "", timing: Timing | None = None, id_: str = ""
    ) -> EmbeddedCarrier:
        """A carrier of its own on this store."""
        return self.carrier_of(EmbeddedCarrier, execute_as=execute_as, timing=timing, id_=id_)

    def carrier_of(
        self, kind: type[C], *, execute_as: str = "", timing: Timing | None = None, id_: str = ""
    ) -> C:
        """The same, of a class of the test's."""
        own = (execute_as,) if execute_as else self.ability.execute_as
        ability = msgspec.structs.replace(self.ability, execute_as=own)
        card = CarrierCard(
            id=id_ or self.ids.new(),
            host="here",
            pid=os.getpid(),
            surface="worker",
            ability=ability,
            resident=False,
        )
        return kind(
            self.database,
            self.books,
            Tools(actions=self.actions, clusters=LedgerClusters(), rules=self.rules),
            ability,
            card,
            clock=self.clock,
            timing=timing or self.timing,
        )

    async def planned(self, action: str, ledger: Path, **params: Any) -> Plan:
        """A ledger plan."""
        execute_as = params.pop("execute_as", EXECUTE_AS)
        validated = self.actions.params(action, {"ledger": str(ledger), **params})
        plan = await self.actions.load(action).plan(validated, LedgerClusters().reader(""), self.clock)
        return msgspec.structs.replace(plan, execute_as=execute_as)

    async def proposed(
        self, action: str, ledger: Path, actor: Actor = ALICE, *, hold: bool = False, **params: Any
    ) -> Run:
        """A ledger run, proposed."""
        return await self.desk.propose(await self.planned(action, ledger, **params), actor, hold=hold)

    async def queued(self, action: str, ledger: Path, **params: Any) -> Run:
        """A ledger run, confirmed and waiting for a carrier."""
        return await self.desk.start((await self.proposed(action, ledger, **params)).id, ALICE)

    async def vote(self, run: Run, actor: Actor = BOB, verdict: Any = "approve", **changes: Any) -> Run:
        """A vote on the run's digest."""
        vote = Vote(verdict=verdict, digest=changes.pop("digest", run.plan.digest), **changes)
        return await self.desk.decide(run.id, vote, actor)

    async def get(self, run: str) -> Run:
        """The run with events and votes."""
        return await get_run(self.database, run)

    async def ended(self, run: str, *, within_s: float = 120.0) -> Run:
        """The run once nothing more happens to it by itself."""

        async def over() -> bool:
            return await self.database.read(lambda tx: state_of(tx, run)[0].ended)

        await eventually(over, within_s=within_s)
        return await self.get(run)

    async def until(self, run: str, true: Callable[[Run], bool], *, within_s: float = 120.0) -> Run:
        """The run once `true` holds of it."""
        found: list[Run] = []

        async def holds() -> bool:
            found[:] = [await self.database.read(lambda tx: run_of(load_row(tx, run)))]
            return true(found[0])

        await eventually(holds, within_s=within_s)
        return await self.get(run)

    async def row(self, run: str) -> Any:
        """The run's row."""
        return await self.database.read(lambda tx: load_row(tx, run))

    async def parked(self, run: str) -> None:
        """Return once the run waits and nobody holds it."""

        async def waits() -> bool:
            row = await self.row(run)
            return row.lease_owner is None and row.wake_at is not None

        await eventually(waits)

    async def events(self, run: str) -> list[Event]:
        """All events, by following to the end."""
        return [event async for event in follow(self.database, run, 0)]


@asynccontextmanager
async def open_world(
    url: str,
    *,
    rules: PlainRules | None = None,
    clock: Clock | None = None,
    timing: Timing | None = None,
    boundary: Callable[[str], None] | None = None,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
) -> AsyncIterator[World]:
    """An engine on the store at `url`."""
    clock = clock or SystemClock()
    database = await open_database(url, clock=clock, boundary=boundary, busy_timeout_s=busy_timeout_s)
    try:
        yield World(url, database, rules or PlainRules(), clock, timing or Timing(round_s=0.05))
    finally:
        await database.aclose()


@asynccontextmanager
async def serving(*carriers: EmbeddedCarrier, grace_s: float = 5.0) -> AsyncIterator[None]:
    """The carriers at work; closed in good order at the end."""
    tasks = [asyncio.create_task(carrier.serve()) for carrier in carriers]
    try:
        yield
    finally:
        for carrier in carriers:
            await carrier.aclose(grace_s=grace_s)
        await asyncio.gather(*tasks)


async def eventually(holds: Callable[[], Awaitable[bool]], *, within_s: float = 120.0) -> None:
    """Return once it holds; what is looked at belongs to another task or process, so it is asked again and again."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(within_s):
        while True:
            began = loop.time()
            if await holds():
                return
            await asyncio.sleep(pause_after(loop.time() - began))
