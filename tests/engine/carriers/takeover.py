"""What becomes of a run whose carrier died, was stopped, or lost it: taken over, never doubled, never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.core.errors import AlreadyDecidedError, DeniedError
from k8sops.core.run import RunState, Settlement
from k8sops.engine.settling import settle
from tests.engine.carriers.hands import Hands, dying_in_step, empty_handed
from tests.support.engine_records import chain_of, in_order
from tests.support.engine_world import ALICE, BOB, World, eventually
from tests.support.ledger import awake, free, lines_of


class TakesOver:
    """From a carrier that is gone."""

    async def test_an_idempotent_step_is_done_again_and_what_was_done_is_not(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """The record answers for what is done; the step in doubt is repeated, since it may be."""
        run = await world.queued("ledger", ledger, items=3, hang_at=1)
        async with dying_in_step(hands, world, run.id, ledger, 1):
            free(ledger)
            async with hands.at_work(elsewhere):
                done = await elsewhere.ended(run.id)
        assert done.state is RunState.SUCCEEDED
        assert lines_of(ledger) == [step.id for step in run.plan.steps]
        again = [event for event in done.events if event.kind == "step_started"]
        assert [event.step[-1] for event in again] == ["0", "1", "1", "2"]
        assert any("another has taken the run over" in event.text for event in done.events)
        await in_order(elsewhere.database, run.id)
        codes = [record.code for record in await chain_of(elsewhere.database) if record.run == run.id]
        assert codes.count("run.taken_over") == 1

    async def test_a_step_that_must_not_be_repeated_needs_a_person(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """Nobody can tell whether it was done: the run stops there and says what is known."""
        run = await world.queued("once", ledger, items=3, hang_at=1)
        async with dying_in_step(hands, world, run.id, ledger, 1):
            free(ledger)
            async with hands.at_work(elsewhere):
                done = await elsewhere.ended(run.id)
        assert done.state is RunState.NEEDS_REVIEW
        assert "write lines/item-1 was started at" in done.outcome
        assert "done: lines/item-0" in done.outcome
        assert "may or may not be done: lines/item-1" in done.outcome
        assert "not done: lines/item-2" in done.outcome
        assert len(lines_of(ledger)) == 1
        await in_order(elsewhere.database, run.id)

    @pytest.mark.parametrize(
        ("settles", "state", "lines"),
        [
            ("done", RunState.SUCCEEDED, ["0", "2"]),
            ("not_done", RunState.SUCCEEDED, ["0", "1", "2"]),
            ("unknown", RunState.NEEDS_REVIEW, ["0"]),
        ],
    )
    async def test_a_look_at_the_cluster_may_settle_it(
        self,
        hands: Hands,
        world: World,
        elsewhere: World,
        ledger: Path,
        settles: str,
        state: RunState,
        lines: list[str],
    ) -> None:
        """The cluster often shows whether the change is there; then no person is needed."""
        run = await world.queued("once", ledger, items=3, hang_at=1, settles=settles)
        async with dying_in_step(hands, world, run.id, ledger, 1):
            free(ledger)
            async with hands.at_work(elsewhere):
                done = await elsewhere.ended(run.id)
        assert done.state is state
        assert [line[-1] for line in lines_of(ledger)] == lines
        await in_order(elsewhere.database, run.id)

    @pytest.mark.parametrize(
        ("how", "state", "lines"),
        [
            ("done", RunState.SUCCEEDED, ["0", "2"]),
            ("retry", RunState.SUCCEEDED, ["0", "1", "2"]),
            ("abandon", RunState.FAILED, ["0"]),
        ],
    )
    async def test_a_person_settles_it(
        self,
        hands: Hands,
        world: World,
        elsewhere: World,
        ledger: Path,
        how: Settlement,
        state: RunState,
        lines: list[str],
    ) -> None:
        """As done, to be done again, or given up: on record, and the run goes on from there."""
        run = await world.queued("once", ledger, items=3, hang_at=1)
        async with dying_in_step(hands, world, run.id, ledger, 1):
            free(ledger)
            async with hands.at_work(elsewhere):
                await elsewhere.ended(run.id)
                settled = await settle(elsewhere.database, elsewhere.books, elsewhere.rules, run.id, how, BOB)
                assert settled.ended_at is None or how == "abandon"
                done = await elsewhere.ended(run.id)
        assert done.state is state
        assert [line[-1] for line in lines_of(ledger)] == lines
        await in_order(elsewhere.database, run.id)
        records = [record for record in await chain_of(elsewhere.database) if record.run == run.id]
        resumed = next(record for record in records if record.code == "run.resumed")
        assert (resumed.outcome, resumed.actor and resumed.actor.name) == (how, "bob")

    async def test_a_part_of_a_step_is_settled_and_the_rest_of_the_step_gone_through(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """Saying that one item was done must not pass the whole step off as done."""
        run = await world.queued("once", ledger, items=4, bulk=True, hang_at=1)
        async with dying_in_step(hands, world, run.id, ledger, 1, inside=1):
            free(ledger)
            async with hands.at_work(elsewhere):
                assert (await elsewhere.ended(run.id)).state is RunState.NEEDS_REVIEW
                await settle(elsewhere.database, elsewhere.books, elsewhere.rules, run.id, "done", BOB)
                done = await elsewhere.ended(run.id)
        assert done.state is RunState.SUCCEEDED
        assert [line[-1] for line in lines_of(ledger)] == ["0", "2", "3"]
        await in_order(elsewhere.database, run.id)

    async def test_only_who_may_settles_and_only_what_needs_it(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """Settling is policy's to allow, and answers truly when there is nothing to settle."""
        run = await world.queued("once", ledger, items=2, hang_at=1)
        with pytest.raises(AlreadyDecidedError, match="queued; only one that needs review"):
            await settle(world.database, world.books, world.rules, run.id, "done", ALICE)
        async with dying_in_step(hands, world, run.id, ledger, 1):
            async with hands.at_work(elsewhere):
                await elsewhere.ended(run.id)
            elsewhere.rules.refuses = "not yours"
            with pytest.raises(DeniedError, match="not yours"):
                await settle(elsewhere.database, elsewhere.books, elsewhere.rules, run.id, "done", BOB)
        assert (await elsewhere.get(run.id)).state is RunState.NEEDS_REVIEW
        refused = [r for r in await chain_of(elsewhere.database) if r.code == "run.refused"]
        assert [record.outcome for record in refused] == ["refused"]

    async def test_a_carrier_that_lost_its_run_neither_writes_nor_changes_anything(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """Not even where the action goes on after whatever exception it gets."""
        run = await world.queued("ledger", ledger, items=4, hang_at=1, swallow=True)
        async with dying_in_step(hands, world, run.id, ledger, 1) as lost:
            free(ledger)
            async with hands.at_work(elsewhere):
                done = await elsewhere.ended(run.id)
            seen = (await elsewhere.row(run.id)).last_seq
            awake(ledger)
            lost.come_back()
            await eventually(lambda: empty_handed(lost))
        assert done.state is RunState.SUCCEEDED
        assert len(lines_of(ledger)) == 4
        assert (await elsewhere.row(run.id)).last_seq == seen
        await in_order(elsewhere.database, run.id)

    async def test_a_closing_carrier_hands_its_run_over(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """A worker that is drained loses nothing: the run goes on elsewhere from its next step, none doubled."""
        run = await world.queued("once", ledger, items=60, step_s=0.05)
        async with hands.at_work(world, grace_s=0.0):
            await world.until(run.id, lambda _: len(lines_of(ledger)) > 2)
        assert (await elsewhere.row(run.id)).state == "running"
        before = len(lines_of(ledger))
        assert before < 60
        async with hands.at_work(elsewhere):
            done = await elsewhere.ended(run.id)
        assert done.state is RunState.SUCCEEDED
        assert lines_of(ledger) == [step.id for step in run.plan.steps]
        await in_order(elsewhere.database, run.id)
