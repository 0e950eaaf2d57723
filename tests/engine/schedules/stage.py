"""What the tests of schedules share: a clock to set, and an engine of a few lines around the scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from sqlalchemy import select, true, update

from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.run import Run, RunId, RunState
from k8sops.engine.schedules import ledger, table
from k8sops.engine.schedules.claiming import Firing
from k8sops.engine.schedules.firing import Complete, Going, Scheduler, Timing
from k8sops.engine.schedules.spec import ScheduleSpec, schedule_spec
from k8sops.engine.schedules.table import Schedule
from k8sops.store.database import Database, Tx, open_database
from k8sops.store.outbox import put_out
from k8sops.store.runs import insert_run
from k8sops.store.schema import firings, outbox, runs, schedules
from k8sops.store.times import to_ms
from tests.support.plans import a_plan

NIGHT = datetime(2026, 11, 21, 2, 29, 50, tzinfo=UTC)
CLUSTER = "c-1"
ALICE = Actor(name="alice")
T = TypeVar("T")


class SetClock(SystemClock):
    """Stands still until it is moved."""

    def __init__(self, moment: datetime = NIGHT) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """Where it was set."""
        return self.moment

    def move(self, **span: float) -> None:
        """Go on by a timedelta's arguments."""
        self.moment += timedelta(**span)


class Engine:
    """`Hooks` on a real store: proposing writes a run, ending it is up to the test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clusters: Sequence[str] = (CLUSTER,)
        self.ids = UlidSource()
        self.refusal = ""
        self.cancelled: list[tuple[RunId, str]] = []
        self.fails: list[Exception] = []
        self.in_doubt: set[RunId] = set()
        self.proposed_by: list[str] = []
        self.planned = asyncio.Event()
        self.may_write = asyncio.Event()
        self.may_write.set()

    def owner_refused(self, schedule: Schedule) -> str:
        """What the test set."""
        return self.refusal

    async def running(self, schedule: Schedule) -> Sequence[Going]:
        """Runs that have not ended."""
        return [
            Going(run=run, in_doubt=run in self.in_doubt)
            for run in await self.database.read(lambda tx: _unended(tx, schedule.name))
        ]

    async def cancel(self, run: RunId, why: str) -> None:
        """Noted; the test ends the run."""
        self.cancelled.append((run, why))

    async def propose(self, firing: Firing, complete: Complete) -> RunId:
        """Plan, fail where the test says so, then write the run."""
        self.planned.set()
        await self.may_write.wait()
        if self.fails:
            raise self.fails.pop(0)
        run = Run(
            id=self.ids.new(),
            plan=a_plan(summary=f"due {firing.due.isoformat()}"),
            state=RunState.QUEUED,
            actor=Actor(name=firing.schedule.owner, surface="schedule"),
            schedule=firing.schedule.name,
        )

        def work(tx: Tx) -> None:
            insert_run(tx, run)
            complete(tx, run.id)

        await self.database.write(work, name="schedule.propose")
        self.proposed_by.append(firing.schedule.owner)
        return run.id

    def tell(self, tx: Tx, code: str, schedule: Schedule, text: str) -> None:
        """In the outbox, so that what is rolled back is not told."""
        put_out(tx, self.ids.new(), code, "", {"schedule": schedule.name, "text": text})


class Stage:
    """One store, one clock, and as many schedulers as a test wants."""

    def __init__(self, database: Database, clock: SetClock) -> None:
        self.database = database
        self.clock = clock
        self.engine = Engine(database)

    def scheduler(self, owner: str = "one", engine: Engine | None = None, **timing: Any) -> Scheduler:
        """Another replica; it works when the test calls `round` or `serve`."""
        return Scheduler(self.database, engine or self.engine, owner=owner, timing=Timing(**timing))

    async def turn(self, scheduler: Scheduler) -> None:
        """Look once, and carry out to the end what that started."""
        await scheduler.round()
        await scheduler.settled()

    def engine_of(self, cluster: str) -> Engine:
        """Another engine, which plans on this cluster alone."""
        engine = Engine(self.database)
        engine.clusters = (cluster,)
        return engine

    async def make(self, *, cluster: str = CLUSTER, **fields: Any) -> Schedule:
        """A schedule of alice's: every night at 02:30, ten seconds from now, unless told otherwise."""
        spec = await self.database.read(lambda tx: a_spec(now=tx.now(), **fields))
        return await self.database.write(
            lambda tx: table.add(
                tx, spec, owner="alice", actor=ALICE, cluster_uid=cluster, execute_as="service"
            ),
            name="test",
        )

    async def due_now(self, name: str = "nightly", *, late_s: int = 1) -> datetime:
        """As if it were due `late_s` seconds ago, on whichever clock the store goes by."""

        def work(tx: Tx) -> datetime:
            due = tx.now().replace(microsecond=0) - timedelta(seconds=late_s)
            tx.execute(
                update(schedules)
                .where(schedules.c.name == name)
                .values(next_due=to_ms(due), next_fire=to_ms(due))
            )
            return due

        return await self.database.write(work, name="test")

    async def overdue_now(self, name: str) -> None:
        """As if it had gone without a success for long enough."""
        values = {"alert_at": schedules.c.made_at - 1}
        await self.write(
            lambda tx: tx.execute(update(schedules).where(schedules.c.name == name).values(values))
        )

    async def write(self, work: Callable[[Tx], T]) -> T:
        """A transaction of the test's own."""
        return await self.database.write(work, name="test")

    async def outcomes(self, name: str = "nightly") -> list[str]:
        """What became of each firing, in order."""
        return [outcome for _, outcome in await self.ledger(name)]

    async def lease_until(self) -> float:
        """When the claim of the only firing ends."""
        return await self.database.read(
            lambda tx: float(tx.execute(select(firings.c.lease_until)).scalar_one())
        )

    async def lose_leases(self, name: str = "") -> None:
        """As if every claimer had been dead or stopped for long enough, and every wait were over; of one or of all."""
        whose = firings.c.schedule == name if name else true()
        await self.write(lambda tx: tx.execute(update(firings).where(whose).values(lease_until=0.0)))

    async def get(self, name: str = "nightly") -> Schedule:
        """As it stands."""
        return await self.database.read(lambda tx: table.get(tx, name))

    async def entries(self, name: str = "nightly") -> list[ledger.Entry]:
        """All firings, in the order of their due instants."""
        found = await self.database.read(lambda tx: ledger.entries(tx, name, 100_000))
        return found[::-1]

    async def entries_and_runs(self, name: str) -> tuple[list[ledger.Entry], list[RunId]]:
        """Both in one look: a scheduler that was told to stop may still be committing its last firing."""

        def look(tx: Tx) -> tuple[list[ledger.Entry], list[RunId]]:
            made = select(runs.c.id).where(runs.c.schedule == name).order_by(runs.c.id)
            return ledger.entries(tx, name, 100_000)[::-1], [row.id for row in tx.execute(made)]

        return await self.database.read(look)

    async def ledger(self, name: str = "nightly") -> list[tuple[str, str]]:
        """Due instant and outcome of every firing, in order."""
        return [
            (f"{one.due:%d %H:%M:%S}".removesuffix(":00"), one.outcome) for one in await self.entries(name)
        ]

    async def why(self, name: str = "nightly") -> list[str]:
        """The reasons on record, in order."""
        return [entry.why for entry in await self.entries(name)]

    async def until_fired(self, names: Sequence[str], count: int, *, within_s: float = 120.0) -> None:
        """Return once each of them has made so many runs."""
        async with asyncio.timeout(within_s):
            for name in names:
                while len(await self.runs(name)) < count:  # noqa: ASYNC110 - other processes do it
                    await asyncio.sleep(0.02)

    async def runs(self, name: str = "nightly") -> list[RunId]:
        """Every run made of it."""
        statement = select(runs.c.id).where(runs.c.schedule == name).order_by(runs.c.id)
        return await self.database.read(lambda tx: [row.id for row in tx.execute(statement)])

    async def end_runs(self, name: str = "nightly", *, succeeded: bool = True) -> None:
        """All of its runs have ended."""

        def work(tx: Tx) -> None:
            tx.execute(update(runs).where(runs.c.schedule == name).values(state="succeeded"))
            table.run_ended(tx, name, succeeded=succeeded)

        await self.database.write(work, name="test")

    async def told(self) -> list[tuple[str, str]]:
        """Code and text of everything told, in order."""
        rows = await self.database.read(lambda tx: list(tx.execute(select(outbox).order_by(outbox.c.id))))
        return [(row.kind, str(msgspec.json.decode(row.payload)["text"])) for row in rows]


@asynccontextmanager
async def serving(*schedulers: Scheduler) -> AsyncIterator[None]:
    """The schedulers at work; closed in good order at the end."""
    tasks = [asyncio.create_task(scheduler.serve()) for scheduler in schedulers]
    try:
        yield
    finally:
        for scheduler in schedulers:
            await scheduler.aclose(grace_s=5)
        await asyncio.gather(*tasks)


@asynccontextmanager
async def a_stage(url: str, clock: SetClock | None = None) -> AsyncIterator[Stage]:
    """A stage on the store at `url`."""
    clock = clock or SetClock()
    database = await open_database(url, clock=clock)
    try:
        yield Stage(database, clock)
    finally:
        await database.aclose()


def a_spec(*, now: datetime = NIGHT, **fields: Any) -> ScheduleSpec:
    """Checked, every night at 02:30 UTC unless told otherwise."""
    given = {"name": "nightly", "action": "backup", "cron": "30 2 * * *", "params": {"namespace": "shop"}}
    return schedule_spec({**given, **fields}, now=now)


def _unended(tx: Tx, name: str) -> list[RunId]:
    statement = select(runs.c.id).where(runs.c.schedule == name, runs.c.state.in_(("queued", "running")))
    return [row.id for row in tx.execute(statement.order_by(runs.c.id))]
