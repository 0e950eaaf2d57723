"""Kill -9 under signed trust: a carrier's proof that a run has begun, and a person's signed word for a step in doubt.

Both are two things that have to agree, a row and a record; what a kill leaves must be believed by the next carrier, and
must not make it begin, or settle, twice.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from k8sops.core.run import RunState
from tests.engine.chaos import Workers
from tests.engine.chaos_worker import DYING, PATIENCE_S, SHORT, Order
from tests.engine.crash_points import SIGNED, SignedCase
from tests.engine.signed_world import EXECUTE_AS, SignedWorld, open_signed_world
from tests.support.engine_records import all_in_order, chain_of, every_run
from tests.support.engine_world import ALICE, serving
from tests.support.ledger import lines_of


class Casualty(msgspec.Struct):
    """One case at one side of its commit."""

    when: str
    name: str
    case: SignedCase
    ledger: Path
    run: str = ""

    @property
    def label(self) -> str:
        """For messages, and what its run changes."""
        return self.ledger.name

    @property
    def code(self) -> str:
        """Of the record that comes with the commit."""
        return self.case.code or self.name

    @property
    def in_doubt(self) -> bool:
        """Whether its run has a step in doubt first."""
        return self.case.found in {"needs_review", "settled"}

    def order(self, url: str) -> Order:
        """What its process is told."""
        plan = {"ledger": str(self.ledger), "targets": self.label, "execute_as": EXECUTE_AS}
        return Order(
            task=self.case.task,
            url=url,
            run=self.run,
            how=self.case.how,
            plan=msgspec.json.encode(plan).decode(),
            point=f"{self.when}:{self.name}",
            identity=EXECUTE_AS,
            signed=True,
            timing=DYING,
        )


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[SignedWorld]:
    """The world that goes on with everything."""
    async with open_signed_world(store_url, timing=SHORT, busy_timeout_s=PATIENCE_S) as opened:
        yield opened


async def test_a_kill_at_any_signed_commit_loses_and_doubles_nothing(
    world: SignedWorld, workers: Workers, tmp_path: Path
) -> None:
    """All at once, so that they are in each other's way; then one carrier goes on with what they left."""
    everybody = [
        Casualty(when, name, case, tmp_path / f"{when}-{name}-{case.how}")
        for name, cases in SIGNED.items()
        for case in cases
        for when in ("before", "after")
    ]
    await bring_in_doubt(world, workers, [one for one in everybody if one.in_doubt])
    for one in everybody:
        await prepare(world, one)
    before = await told(world)
    pids = [await workers.start(one.order(world.url)) for one in everybody]
    ends = await workers.ends_of(pids)
    assert {one.label: end for one, end in zip(everybody, ends, strict=True) if end != -signal.SIGKILL} == {}
    await find_proposed(world, everybody)
    made = await told(world)
    for one in everybody:
        count = made[one.run, one.code] - before[one.run, one.code]
        assert count == (one.when == "after"), f"{one.label}: {count} records"
    for one in everybody:
        await go_on(world, one)
    async with serving(world.carrier()):
        ended = await asyncio.gather(*(world.ended(one.run) for one in everybody))
    wrong = {
        one.label: run.outcome
        for one, run in zip(everybody, ended, strict=True)
        if run.state != one.case.ends
    }
    assert wrong == {}
    await nothing_lost(world, everybody)


async def bring_in_doubt(world: SignedWorld, workers: Workers, some: list[Casualty]) -> None:
    """Their carriers die in the second step, which must not be repeated; the next one finds that."""
    for one in some:
        one.run = (await world.started("once", one.ledger, targets=one.label)).id
    orders = [
        Order(
            task="carry", url=world.url, run=one.run, identity=EXECUTE_AS, signed=True,
            point="after:step.next", timing=DYING,
        )
        for one in some
    ]  # fmt: skip
    pids = [await workers.start(order) for order in orders]
    assert set(await workers.ends_of(pids)) == {-signal.SIGKILL}
    async with serving(world.carrier()):
        found = await asyncio.gather(*(world.ended(one.run) for one in some))
    assert {run.state for run in found} == {RunState.NEEDS_REVIEW}


async def prepare(world: SignedWorld, one: Casualty) -> None:
    """Its run, as its process is to find it."""
    if one.case.found == "proposed":
        one.run = (await world.proposed("once", one.ledger, execute_as=EXECUTE_AS, targets=one.label)).id
    elif one.case.found in {"queued", "running"}:
        one.run = (await world.started("once", one.ledger, targets=one.label)).id
    elif one.case.found == "settled":
        await world.settled(one.run, one.case.how)
    if one.case.found == "running":
        await world.sql("UPDATE runs SET state = 'running', started_at = 1 WHERE id = :run", run=one.run)


async def told(world: SignedWorld) -> Counter[tuple[str, str]]:
    """How many records of each code the whole chain has of each run."""
    return Counter((record.run, record.code) for record in await chain_of(world.database))


async def find_proposed(world: SignedWorld, everybody: list[Casualty]) -> None:
    """The proposal is there wholly or not at all."""
    known = {one.run for one in everybody}
    new = [run for run in await every_run(world.database) if run not in known]
    (proposed,) = [one for one in everybody if one.name == "run.proposed" and one.when == "after"]
    (proposed.run,) = new
    assert (await world.get(proposed.run)).plan.params["targets"] == proposed.label


async def go_on(world: SignedWorld, one: Casualty) -> None:
    """What a person does who finds it as it is."""
    if not one.run:
        one.run = (await world.proposed("once", one.ledger, execute_as=EXECUTE_AS, targets=one.label)).id
    run = await world.get(one.run)
    if run.state is RunState.NEEDS_REVIEW:
        await world.settled(one.run, one.case.how)
    elif run.state is RunState.PROPOSED and one.case.task == "cancel":
        await world.desk.cancel(one.run, ALICE, "enough")
    elif run.state is RunState.PROPOSED:
        await world.desk.start(one.run, ALICE, seen=run.plan.digest)


async def nothing_lost(world: SignedWorld, everybody: list[Casualty]) -> None:
    """Lines and records agree: begun once on record, settled once, and each step done once or said to be."""
    runs = await all_in_order(world.database, [one.run for one in everybody])
    records = await told(world)
    for one, run in zip(everybody, runs, strict=True):
        lines = Counter(lines_of(one.ledger))
        steps = [step.id for step in run.plan.steps]
        if one.in_doubt and one.case.how == "done":
            steps.remove(run.plan.steps[1].id)
        if one.case.ends is RunState.CANCELLED:
            steps = []
        assert lines == Counter(steps), one.label
        assert records[one.run, "run.started"] == bool(steps), one.label
        assert records[one.run, "step.settled"] == one.in_doubt, one.label
