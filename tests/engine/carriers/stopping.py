"""Cancels: from any process, within a second, saying what was done and what was not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from k8sops.core.run import RunState
from k8sops.engine.timing import Timing
from k8sops.store.leases import lease_held
from k8sops.store.runs import load_row
from tests.engine.carriers.hands import Hands, dying_in_step
from tests.support.engine_records import chain_of, in_order
from tests.support.engine_world import BOB, World, eventually
from tests.support.ledger import lines_of

MANY: Final = 500
"""Steps, as many as a plan may have: more than are done before a cancel comes through."""


class Stops:
    """A run that goes on."""

    async def test_a_cancel_from_another_process_takes_effect_in_the_middle_of_a_step(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """It is looked for twice a second; the outcome says what was done, what was not, and what nobody knows."""
        assert Timing().round_s <= 0.5
        run = await world.queued("ledger", ledger, items=3, hang_at=1)
        async with hands.at_work(world):
            await world.until(run.id, lambda _: len(lines_of(ledger)) == 1)
            await world.until(run.id, lambda found: found.state is RunState.RUNNING)
            await elsewhere.desk.cancel(run.id, BOB, "wrong shop")
            done = await elsewhere.ended(run.id)
        assert done.state is RunState.CANCELLED
        assert done.outcome.startswith("cancelled by bob: wrong shop: done: lines/item-0")
        assert "lines/item-2" in done.outcome.split("not done: ")[1]
        assert len(lines_of(ledger)) == 1
        await in_order(world.database, run.id)
        records = [record for record in await chain_of(world.database) if record.run == run.id]
        assert [r.actor.name for r in records if r.code == "run.cancel_requested" and r.actor] == ["bob"]

    async def test_a_cancelled_step_is_in_doubt_and_on_record_as_such(
        self, hands: Hands, world: World, ledger: Path
    ) -> None:
        """A request that was on its way may have arrived: the outcome is unknown, and says so."""
        run = await world.queued("once", ledger, items=2, hang_at=1)
        async with hands.at_work(world):
            await world.until(run.id, lambda _: len(lines_of(ledger)) == 1)
            await begun(world, run.id, 2)
            await world.desk.cancel(run.id, BOB, "")
            done = await world.ended(run.id)
        assert "may or may not be done: lines/item-1" in done.outcome
        outcomes = [r.outcome for r in await chain_of(world.database) if r.code == "step.outcome"]
        assert outcomes == ["done", "unknown"]
        await in_order(world.database, run.id)

    async def test_a_cancel_between_steps_loses_none_of_what_was_done(
        self, hands: Hands, world: World, tmp_path: Path
    ) -> None:
        """Whenever it comes: what the ledger shows and what the outcome says agree."""
        for number in range(8):
            ledger = tmp_path / f"ledger{number}"
            run = await world.queued("once", ledger, items=MANY, targets=f"t{number}")
            async with hands.at_work(world):
                await eventually(partial(has_more_lines, ledger, 3 + number))
                await world.desk.cancel(run.id, BOB, "")
                done = await world.ended(run.id)
            assert done.state is RunState.CANCELLED
            told, _, rest = done.outcome.removeprefix("cancelled by bob: ").partition("; ")
            doubtful, left = rest.split("; ") if rest.startswith("may or may not") else ("", rest)
            counts = [part.count("lines/") for part in (told, doubtful, left)]
            assert sum(counts) == MANY, done.outcome
            # A machine that stood still for longer than a lease leaves the step it was in in doubt, written or not.
            assert counts[0] <= len(lines_of(ledger)) <= counts[0] + counts[1], done.outcome
            await in_order(world.database, run.id)

    async def test_a_parked_run_is_cancelled_at_once_carrier_or_not(
        self, hands: Hands, world: World, ledger: Path, tmp_path: Path
    ) -> None:
        """Nobody holds it: it need not be woken to be told."""
        run = await world.queued("ledger", ledger, waits_for=str(tmp_path / "never"))
        async with hands.at_work(world):
            await world.parked(run.id)
        done = await world.desk.cancel(run.id, BOB, "enough")
        assert done.state is RunState.CANCELLED
        assert done.outcome == (
            "cancelled by bob: enough: done: lines/item-0, lines/item-1; not done: lines/item-2"
        )
        await in_order(world.database, run.id)
        async with hands.at_work(world):
            assert len(lines_of(ledger)) == 2

    async def test_a_cancelled_run_that_is_taken_over_may_take_back_what_it_did(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """A node that was cordoned by a carrier that is gone must not stay cordoned because of that."""
        run = await world.queued("ledger", ledger, items=3, hang_at=1, gives_back=True)
        async with dying_in_step(hands, world, run.id, ledger, 1):
            await elsewhere.desk.cancel(run.id, BOB, "")
            async with hands.at_work(elsewhere):
                done = await elsewhere.ended(run.id)
        assert done.state is RunState.CANCELLED
        assert lines_of(ledger) == [run.plan.steps[0].id, "given-back"]
        assert "may or may not be done: lines/item-1" in done.outcome
        await in_order(elsewhere.database, run.id)

    async def test_a_run_whose_carrier_died_is_left_to_another_to_take_back_what_it_did(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """Cancelled after its lease has ended: nobody holds it, and it is not ended over what it did."""
        run = await world.queued("ledger", ledger, items=3, hang_at=1, gives_back=True)
        async with dying_in_step(hands, world, run.id, ledger, 1):
            await lease_over(elsewhere, run.id)
            asked = await elsewhere.desk.cancel(run.id, BOB, "", taken_back=lambda tx, run: True)
            assert asked.state is RunState.RUNNING
            async with hands.at_work(elsewhere):
                done = await elsewhere.ended(run.id)
        assert done.state is RunState.CANCELLED
        assert lines_of(ledger) == [run.plan.steps[0].id, "given-back"]
        await in_order(elsewhere.database, run.id)

    async def test_what_has_not_begun_is_cancelled_at_once_whoever_could_take_it_back(
        self, world: World, ledger: Path
    ) -> None:
        """There is nothing to take back."""
        run = await world.queued("ledger", ledger)
        done = await world.desk.cancel(run.id, BOB, "", taken_back=lambda tx, run: True)
        assert done.outcome == "cancelled by bob: it had not started, nothing was changed"

    async def test_a_run_whose_carrier_died_can_be_cancelled_without_another(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """The step it died in is said to be in doubt; the dead one, if it wakes, finds the run ended."""
        run = await world.queued("once", ledger, items=3, hang_at=1)
        async with dying_in_step(hands, world, run.id, ledger, 1):
            await elsewhere.until(run.id, lambda _: True)
            await lease_over(elsewhere, run.id)
            done = await elsewhere.desk.cancel(run.id, BOB, "")
        assert done.state is RunState.CANCELLED
        assert "may or may not be done: lines/item-1" in done.outcome
        await in_order(elsewhere.database, run.id)


async def begun(world: World, run: str, steps: int) -> None:
    """Return once so many steps have been begun."""

    async def holds() -> bool:
        found = await world.get(run)
        return sum(event.kind == "step_started" for event in found.events) == steps

    await eventually(holds)


async def lease_over(world: World, run: str) -> None:
    """Return once nobody holds the run."""

    async def free() -> bool:
        return not await world.database.read(lambda tx: lease_held(tx, load_row(tx, run)))

    await eventually(free)


async def has_more_lines(ledger: Path, count: int) -> bool:
    """Whether more steps than that are done."""
    return len(lines_of(ledger)) > count
