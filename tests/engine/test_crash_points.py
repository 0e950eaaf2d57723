"""Kill -9 at every commit: nothing lost, nothing doubled, nothing half on record.

Each case is a process of its own that dies at its crash point; all of a store's at once, so that they are in each
other's way as well. What they leave behind is looked at, then another process goes on with it.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from fnmatch import fnmatch
from pathlib import Path

import msgspec
import pytest

from k8sops.core.plan import Decision
from k8sops.core.run import RunState
from k8sops.engine.carrier import EmbeddedCarrier
from k8sops.store.database import Tx
from k8sops.store.runs import set_columns
from k8sops.store.signals import send_signal
from tests.engine.acts import ACTS
from tests.engine.chaos import Workers
from tests.engine.chaos_worker import DYING, PATIENCE_S, SHORT, Order
from tests.engine.commits import ENGINE, commits_in
from tests.engine.crash_points import CASES, DONE, SIGNED, Case
from tests.engine.schedules.crash_points import OUTSIDE, POINTS
from tests.support.engine_records import all_in_order, chain_of, every_run, in_order
from tests.support.engine_world import ALICE, BOB, World, needing, open_world, serving
from tests.support.ledger import free, lines_of

WHENS = ("before", "after")
AT_ONCE = 14
REPEATED = {"step.started", "step.next", "step.done", "heartbeat"}
IMPATIENT = msgspec.structs.replace(DYING, step_s=1.5)


def test_every_commit_of_the_engine_has_a_case() -> None:
    """A new commit without a process that is killed there is found by this list, not by a user."""
    commits = commits_in(ENGINE)
    cases = CASES.keys() | ACTS.keys() | SIGNED.keys() | POINTS.keys() - OUTSIDE
    unknown = [name for name in commits.names if "*" not in name and name not in cases]
    empty = [name for name in commits.names if "*" in name and not any(fnmatch(case, name) for case in cases)]
    gone = [case for case in cases if not any(fnmatch(case, name) for name in commits.names)]
    assert (unknown, empty, gone, commits.unreadable) == ([], [], [], ())


def test_no_helper_hides_a_commit(tmp_path: Path) -> None:
    """The list above is as good as what it is read from."""
    (tmp_path / "one.py").write_text(
        "async def helped(database, work, *, name): await database.write(work, name=name)\n"
        "class Store:\n"
        "    async def keep(self, work, name): await helped(self.database, work, name=name)\n"
        "    async def both(self, work, sure): await self.keep(work, 'a' if sure else 'b')\n"
        "    async def any(self, work, what): await self.keep(work, f'c.{what}')\n"
        "    def rows(self, tx): self.books.write(tx, 'd', [])\n"
    )
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "two.py").write_text(
        "async def hidden(store, work, label): await store.keep(work, label)\n"
    )
    found = commits_in(tmp_path)
    assert found.names == {"a", "b", "c.*"}
    assert found.unreadable == ("deep/two.py:1",)


class Casualty(msgspec.Struct):
    """One case at one side of its commit."""

    when: str
    name: str
    case: Case
    action: str
    ledger: Path
    run: str = ""
    pid: int = 0

    @property
    def label(self) -> str:
        """For messages, and as the identity that ties its run to its process."""
        return f"{self.when}:{self.name}:{self.action}"

    @property
    def ends(self) -> frozenset[RunState]:
        """How it may end; what may be done again need never be reviewed."""
        ends = self.case.before if self.when == "before" else self.case.after
        return ends if self.action == "once" else DONE

    @property
    def order(self) -> Order:
        """What its process is told."""
        refuses = "not here" if self.name == "run.denied" else ""
        return Order(
            task=self.case.task,
            url="",
            run=self.run,
            point=f"{self.when}:{self.name}",
            nth=self.case.nth,
            identity=self.label,
            refuses=refuses,
            timing=IMPATIENT if self.name == "run.needs_review" else DYING,
        )


def casualties(folder: Path) -> list[Casualty]:
    """Each case before and after its commit; what may be done again, at the commits of its steps, too."""
    found = []
    for name, case in CASES.items():
        actions = ("once", "ledger") if name in REPEATED else ("once",)
        found += [
            Casualty(when, name, case, action, folder / f"{when}-{name}-{action}")
            for when in WHENS
            for action in actions
        ]
    return found


@pytest.fixture
async def chaos(store_url: str) -> AsyncIterator[World]:
    """The world that goes on with everything."""
    async with open_world(store_url, timing=SHORT, busy_timeout_s=PATIENCE_S) as world:
        yield world


async def test_a_kill_at_any_commit_loses_and_doubles_nothing(
    chaos: World, workers: Workers, tmp_path: Path
) -> None:
    """Every run ends as if nobody had died; in review only where the kill was inside a step not to be repeated."""
    everybody = casualties(tmp_path)
    carried = [one for one in everybody if one.name not in {"run.resumed", "run.expired"}]
    for start in range(0, len(carried), AT_ONCE):
        await kill_all(chaos, workers, carried[start : start + AT_ONCE])
    async with serving(survivor(chaos, everybody)):
        for one in carried:
            await go_on(chaos, one)
        settled = await settle_killed(chaos, workers, everybody)
        for one in settled:
            await go_on(chaos, one)
    await expire_killed(chaos, workers, everybody)
    await nothing_lost(chaos, everybody)


async def test_what_people_did_is_on_record_or_was_not_done(chaos: World, workers: Workers) -> None:
    """Grants, reviews, a policy's version: the change and its record come together, or neither."""
    for when in reversed(WHENS):
        for name, act in ACTS.items():
            wanted = await act.prepare(chaos)
            before = await recorded(chaos, name)
            order = Order(
                task="act", act=name, url=chaos.url, run=wanted, point=f"{when}:{name}", timing=SHORT
            )
            assert await workers.end_of(await workers.start(order)) == -signal.SIGKILL, order.point
            made = await recorded(chaos, name) - before
            assert made == (when == "after"), order.point
            assert await act.done(chaos, wanted) == (when == "after"), order.point


async def recorded(world: World, code: str) -> int:
    """How many records of this code the chain has, which must be whole."""
    return sum(record.code == code for record in await chain_of(world.database))


def survivor(world: World, everybody: list[Casualty]) -> EmbeddedCarrier:
    """A carrier that may go on with every run."""
    everyone = tuple(one.label for one in everybody)
    world.ability = msgspec.structs.replace(world.ability, execute_as=everyone)
    return world.carrier()


async def kill_all(world: World, workers: Workers, some: list[Casualty]) -> None:
    """Have each process die where it is to die, and see that what it leaves is whole."""
    for one in some:
        await prepare(world, one)
        one.pid = await workers.start(msgspec.structs.replace(one.order, url=world.url, plan=plan_of(one)))
    for one in some:
        if one.name == "run.cancelled":
            await world.until(one.run, lambda run: run.state is RunState.RUNNING)
            await world.desk.cancel(one.run, BOB, "enough")
    for one in some:
        assert await workers.end_of(one.pid) == -signal.SIGKILL, f"{one.label} was not reached"
    await all_in_order(world.database, [one.run for one in some if one.run])


def plan_of(one: Casualty) -> str:
    """What a process that proposes is to propose."""
    values = {"ledger": str(one.ledger), "targets": one.label, "execute_as": one.label}
    return msgspec.json.encode(values).decode()


async def prepare(world: World, one: Casualty) -> None:
    """Its run, as its process is to find it."""
    if one.case.task == "propose":
        return
    given = {"targets": one.label, "execute_as": one.label} | one.case.params
    if one.case.task in {"vote", "start", "cancel"}:
        world.rules.decision = (
            needing(1) if one.case.task == "vote" else Decision(effect="confirm", why="test")
        )
        run = await world.proposed(one.action, one.ledger, **given)
    else:
        world.rules.decision = Decision(effect="confirm", why="test")
        run = await world.queued(one.action, one.ledger, **given)
    one.run = run.id
    if one.name == "run.void":
        one.ledger.with_name(one.ledger.name + ".marker").write_text("another")
    if "signal" in one.case.params:
        await world.database.write(
            lambda tx: send_signal(tx, run.id, "nod", {"word": "yes"}), name="signal.sent"
        )


async def go_on(world: World, one: Casualty) -> None:
    """What a person does who finds it as it is, until it has ended."""
    if one.case.task == "propose":
        await propose_again(world, one)
    run = await world.get(one.run)
    if run.state is RunState.AWAITING_APPROVAL:
        await world.vote(run)
    elif run.state is RunState.PROPOSED:
        await world.desk.start(one.run, ALICE)
    done = await world.ended(one.run)
    assert done.state in one.ends, f"{one.label}: {done.outcome}"


async def propose_again(world: World, one: Casualty) -> None:
    """The proposal is there wholly or not at all."""
    runs = [await world.get(run) for run in await every_run(world.database)]
    mine = [run for run in runs if run.plan.execute_as == one.label]
    assert len(mine) == (one.when == "after")
    if mine:
        one.run = mine[0].id
        return
    world.rules.decision = Decision(effect="confirm", why="test")
    again = await world.proposed("once", one.ledger, targets=one.label, execute_as=one.label)
    one.run = again.id


async def settle_killed(world: World, workers: Workers, everybody: list[Casualty]) -> list[Casualty]:
    """Persons who die while they say what became of a step."""
    in_review = [one for one in everybody if one.name == "run.needs_review"]
    settled = [one for one in everybody if one.name == "run.resumed"]
    for one, found in zip(settled, in_review, strict=True):
        one.run, one.ledger = found.run, found.ledger
        free(one.ledger)
        one.pid = await workers.start(msgspec.structs.replace(one.order, url=world.url))
    for one in settled:
        assert await workers.end_of(one.pid) == -signal.SIGKILL
        run = await in_order(world.database, one.run)
        if one.when == "before":
            assert run.state is RunState.NEEDS_REVIEW
            again = await workers.start(msgspec.structs.replace(one.order, url=world.url, point=""))
            assert await workers.end_of(again) == 0
    for found in in_review:
        everybody.remove(found)
    return settled


async def expire_killed(world: World, workers: Workers, everybody: list[Casualty]) -> None:
    """A sweep that dies: what it expired is expired, else the next one does it."""
    world.rules.decision = Decision(effect="confirm", why="test")
    for one in (one for one in everybody if one.name == "run.expired"):
        run = await world.proposed("once", one.ledger, targets=one.label)
        one.run = run.id
        await expire_soon(world, run.id)
        pid = await workers.start(msgspec.structs.replace(one.order, url=world.url))
        assert await workers.end_of(pid) == -signal.SIGKILL
        found = await in_order(world.database, one.run)
        assert found.state is (RunState.EXPIRED if one.when == "after" else RunState.PROPOSED)
        if one.when == "before":
            await world.desk.cancel(one.run, ALICE, "")


async def expire_soon(world: World, run: str) -> None:
    """Let its time have passed."""

    def aged(tx: Tx) -> None:
        set_columns(tx, run, expires_at=tx.now_ms() - 1)

    await world.database.write(aged, name="aged")


async def nothing_lost(world: World, everybody: list[Casualty]) -> None:
    """Lines, records, locks and leases agree with how each run ended."""
    runs = await all_in_order(world.database, [one.run for one in everybody])
    for one, run in zip(everybody, runs, strict=True):
        assert run.state.ended, one.label
        lines = lines_of(one.ledger)
        if one.action == "once":
            assert len(lines) == len(set(lines)), f"{one.label}: a step was done twice"
        if run.state is RunState.SUCCEEDED:
            missing = {step.id for step in run.plan.steps} - set(lines)
            said_done = {run.plan.steps[0].id} if one.name == "run.resumed" else set()
            assert missing == said_done, f"{one.label}: a step was lost"
