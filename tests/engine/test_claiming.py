"""Who gets which run, and when: fairly, without doubling, and without a run that nobody gets."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import msgspec
import pytest

from k8sops.core.errors import StoreUnreachableError
from k8sops.core.plan import Decision
from k8sops.core.run import RunState
from k8sops.engine.carrier import EmbeddedCarrier
from k8sops.engine.claiming import Claimer
from k8sops.engine.hearing import Hearing
from k8sops.store.carriers import live_carriers
from k8sops.store.database import Tx
from k8sops.store.leases import lease_held
from k8sops.store.runs import load_row
from tests.support.engine_records import chain_of, in_order
from tests.support.engine_world import ALICE, QUICK, World, eventually, needing, open_world, serving
from tests.support.ledger import awake, free, lines_of

MANY = 45


async def test_runs_that_wait_for_a_target_do_not_hide_one_that_is_free(
    world: World, ledger: Path, tmp_path: Path
) -> None:
    """However many stand in line, and for however long."""
    world.rules.decision = needing(1)
    holder = await world.proposed("ledger", ledger, waits_for=str(tmp_path / "never"))
    await world.vote(holder)
    async with serving(world.carrier()):
        await world.parked(holder.id)
        blocked = [await world.proposed("ledger", ledger) for _ in range(MANY)]
        for run in blocked:
            await world.vote(run)
        await world.until(blocked[-1].id, lambda run: holder.id in run.progress.waiting_for)
        world.rules.decision = Decision(effect="confirm", why="test")
        other = await world.queued("ledger", ledger, targets="free")
        assert (await world.ended(other.id)).state is RunState.SUCCEEDED
    assert (await world.get(blocked[0].id)).state is RunState.QUEUED


async def test_a_full_cluster_costs_an_idle_carrier_no_writes(world: World, ledger: Path) -> None:
    """What cannot begin is looked at, not locked, twice a second."""
    world.rules.most = 0
    run = await world.queued("ledger", ledger)
    writes: list[str] = []
    original = world.database.write

    async def counted(work, *, name):  # type: ignore[no-untyped-def]
        writes.append(name)
        return await original(work, name=name)

    world.database.write = counted  # type: ignore[method-assign]
    async with serving(world.carrier()):
        await asyncio.sleep(0.4)
        assert writes == []
        world.rules.most = 1
        await world.ended(run.id)


async def test_a_claim_that_never_reached_its_carrier_comes_free(
    world: World, elsewhere: World, ledger: Path
) -> None:
    """A commit whose answer was lost, a carriage that broke: heartbeats go to what is carried, not to what was."""
    lost = await world.queued("ledger", ledger, targets="lost")
    carrier = world.carrier()
    claimer = Claimer(world.books, carrier.id, QUICK.lease_ttl_s, world.rules.most_at_once)
    claim = await world.database.write(lambda tx: claimer.claim(tx, world.ability, ()), name="claimed")
    assert claim is not None
    hanging = await world.queued("ledger", ledger, targets="held", hang_at=0)
    async with serving(carrier, grace_s=0.0):
        await world.until(hanging.id, lambda run: run.state is RunState.RUNNING)
        assert (await world.ended(lost.id)).state is RunState.SUCCEEDED
        assert carrier.carrying == (hanging.id,)
        await world.desk.cancel(hanging.id, ALICE, "")
        await world.ended(hanging.id)


class Sleepy(EmbeddedCarrier):
    """One whose heart a test stops."""

    asleep = False

    async def _heartbeat(self) -> None:
        if not self.asleep:
            await super()._heartbeat()


async def lease_over(world: World, run: str) -> None:
    """Return once the run's lease has ended."""

    async def over() -> bool:
        return not await world.database.read(lambda tx: lease_held(tx, load_row(tx, run)))

    await eventually(over)


async def test_a_lease_that_ended_unclaimed_is_taken_up_again_by_its_holder(
    world: World, ledger: Path
) -> None:
    """A laptop that slept an hour goes on with its run; nobody else wanted it, so nothing is in doubt."""
    carrier = world.carrier_of(Sleepy)
    run = await world.queued("once", ledger, items=3, hang_at=1)
    async with serving(carrier):
        await world.until(run.id, lambda _: len(lines_of(ledger)) == 1)
        carrier.asleep = True
        await lease_over(world, run.id)
        await asyncio.sleep(0.2)  # several rounds: it does not claim a second time what it has
        assert carrier.carrying == (run.id,)
        carrier.asleep = False
        free(ledger)
        ledger.with_name(ledger.name + ".awake").touch()
        done = await world.ended(run.id)
    assert done.state is RunState.SUCCEEDED
    assert lines_of(ledger) == [step.id for step in run.plan.steps]
    assert "run.taken_over" not in [record.code for record in await chain_of(world.database)]
    await in_order(world.database, run.id)


async def test_who_was_held_up_by_the_store_does_not_take_the_living_for_dead(
    world: World, elsewhere: World, ledger: Path
) -> None:
    """A process that stops within a write holds all of SQLite up, until every lease has ended and nobody has died."""
    if world.database.dialect != "sqlite":
        return
    clock = [1000.0]
    waits, stopped, goes_on = asyncio.Event(), threading.Event(), threading.Event()
    claims: list[str] = []
    original = elsewhere.database.write

    async def noted(work, *, name):  # type: ignore[no-untyped-def]
        if name == "claimed":
            waits.set()
        answer = await original(work, name=name)
        claims.append(name)
        return answer

    def stops_within(tx: Tx) -> None:
        stopped.set()
        assert goes_on.wait(120)

    elsewhere.database.write = noted  # type: ignore[method-assign]
    holder, other = world.carrier_of(Sleepy), elsewhere.carrier()
    other._now = lambda: clock[0]
    other._hearing = Hearing(other._now, QUICK.heartbeat_s, QUICK.round_s)
    run = await world.queued("once", ledger, items=2, hang_at=1)
    async with open_world(world.url) as third, serving(holder):
        await world.until(run.id, lambda _: len(lines_of(ledger)) == 1)
        holder.asleep = True
        holding = asyncio.create_task(third.database.write(stops_within, name="test"))
        assert await asyncio.to_thread(stopped.wait, 60)
        await lease_over(world, run.id)
        async with serving(other):
            await asyncio.wait_for(waits.wait(), 60)
            clock[0] += 60.0
            goes_on.set()
            await holding
            await eventually(lambda: true_of(bool(claims)))
            assert other.carrying == ()
            holder.asleep = False
            awake(ledger)
            assert (await world.ended(run.id)).state is RunState.SUCCEEDED
    assert "run.taken_over" not in [record.code for record in await chain_of(world.database)]


async def true_of(found: bool) -> bool:
    """What is looked at again and again."""
    return found


async def test_a_door_that_goes_leaves_its_runs_to_another_carrier(
    world: World, elsewhere: World, tmp_path: Path
) -> None:
    """At once where the step may be done again, even in its middle; else before the next step; none in doubt."""
    hanging = await world.queued("ledger", tmp_path / "a", hang_at=1, targets="a")
    once = await world.queued("once", tmp_path / "b", items=10, step_s=0.05, targets="b")
    carrier = world.carrier()
    async with serving(carrier):
        await world.until(once.id, lambda _: len(lines_of(tmp_path / "b")) > 1)
        await world.until(hanging.id, lambda _: len(lines_of(tmp_path / "a")) == 1)
        await carrier.leave()
        assert carrier.carrying == ()
    free(tmp_path / "a")
    async with serving(elsewhere.carrier()):
        for run, ledger in ((hanging, "a"), (once, "b")):
            assert (await elsewhere.ended(run.id)).state is RunState.SUCCEEDED
            assert lines_of(tmp_path / ledger) == [step.id for step in run.plan.steps]
            await in_order(elsewhere.database, run.id)


async def test_a_step_that_never_ends_is_broken_off_at_its_deadline(world: World, ledger: Path) -> None:
    """Nothing waits for ever, not even an action that forgot its own deadline."""
    timing = msgspec.structs.replace(QUICK, step_s=1.5)
    idempotent = await world.queued("ledger", ledger, hang_at=1, targets="a")
    once = await world.queued("once", ledger, hang_at=1, targets="b")
    async with serving(world.carrier(timing=timing)):
        failed, reviewed = await world.ended(idempotent.id), await world.ended(once.id)
    assert failed.state is RunState.FAILED
    assert "write lines/a-1 did not end within 1.5 s" in failed.outcome
    assert reviewed.state is RunState.NEEDS_REVIEW
    assert "may or may not be done: lines/b-1" in reviewed.outcome
    await in_order(world.database, once.id)


async def test_a_run_has_a_deadline_in_its_carriers_hands(world: World, ledger: Path) -> None:
    """The last resort, far above what any action takes."""
    timing = msgspec.structs.replace(QUICK, run_s=0.3)
    run = await world.queued("ledger", ledger, items=40, step_s=0.05)
    async with serving(world.carrier(timing=timing)):
        done = await world.ended(run.id)
    assert done.state is RunState.FAILED
    assert "ledger did not end within" in done.outcome
    await in_order(world.database, run.id)


async def test_a_store_that_is_away_is_said_once_and_waited_for(
    world: World, ledger: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Hours of a database being upgraded must not fill the log, nor end the carrier."""
    away, tries = True, 0
    original = world.database.read

    async def read(work):  # type: ignore[no-untyped-def]
        nonlocal tries
        if away:
            tries += 1
            raise StoreUnreachableError("the store is away")
        return await original(work)

    run = await world.queued("ledger", ledger)
    world.database.read = read  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        async with serving(world.carrier()):
            await eventually(lambda: true_of(tries > 5))
            away = False
            await world.ended(run.id)
    assert [record.getMessage() for record in caplog.records] == ["carrier: the store is away"]


async def test_a_carrier_is_announced_while_it_carries_and_gone_when_it_closed(
    world: World, ledger: Path
) -> None:
    """A door asks, before it closes, whether somebody else could go on with its run."""
    run = await world.queued("ledger", ledger, items=20, step_s=0.05)
    carrier = world.carrier()
    async with serving(carrier):

        async def announced() -> bool:
            return [card.id for card in await world.database.read(live_carriers)] == [carrier.id]

        await eventually(announced)
        await world.ended(run.id)
    assert await world.database.read(live_carriers) == []
