"""A change that was sent and not answered: nobody calls it failed, nobody makes it twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.core.run import RunState, Settlement
from k8sops.engine.settling import settle
from tests.engine.carriers.hands import Hands
from tests.support.engine_records import chain_of, in_order
from tests.support.engine_world import BOB, World
from tests.support.ledger import lines_of


class Unanswered:
    """In a step that must not be repeated, and in one that may."""

    @pytest.mark.parametrize(
        ("how", "state", "lines"),
        [
            ("done", RunState.SUCCEEDED, "012"),
            # Its answer is lost again.
            ("retry", RunState.NEEDS_REVIEW, "011"),
            ("abandon", RunState.FAILED, "01"),
        ],
    )
    async def test_a_person_is_asked_and_told_what_is_known(
        self,
        hands: Hands,
        world: World,
        ledger: Path,
        how: Settlement,
        state: RunState,
        lines: str,
    ) -> None:
        """A run that says `failed` is run again by whoever reads it, and then the change is there twice."""
        run = await world.queued("once", ledger, lose_at=1)
        async with hands.at_work(world):
            found = await world.ended(run.id)
            assert found.state is RunState.NEEDS_REVIEW
            assert "lines/item-1: the connection was lost" in found.outcome
            assert "may or may not be done: lines/item-1; not done: lines/item-2" in found.outcome
            await in_order(world.database, run.id)
            outcomes = [r.outcome for r in await chain_of(world.database) if r.code == "step.outcome"]
            assert outcomes == ["done", "unknown"]
            await settle(world.database, world.books, world.rules, run.id, how, BOB)
            assert (await world.ended(run.id)).state is state
        assert "".join(line[-1] for line in lines_of(ledger)) == lines
        await in_order(world.database, run.id)

    @pytest.mark.parametrize(
        ("settles", "arrives", "state", "lines"),
        [
            ("done", True, RunState.SUCCEEDED, "012"),
            ("not_done", False, RunState.FAILED, "0"),
            ("unknown", True, RunState.NEEDS_REVIEW, "01"),
            ("away", True, RunState.NEEDS_REVIEW, "01"),
        ],
    )
    async def test_the_cluster_is_asked_first(
        self,
        hands: Hands,
        world: World,
        ledger: Path,
        settles: str,
        arrives: bool,
        state: RunState,
        lines: str,
    ) -> None:
        """It often shows whether the change is there; where it cannot be asked either, a person is."""
        run = await world.queued("once", ledger, lose_at=1, arrives=arrives, settles=settles)
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert done.state is state
        assert "".join(line[-1] for line in lines_of(ledger)) == lines
        assert ("may or may not be done" in done.outcome) == (state is RunState.NEEDS_REVIEW)
        if settles == "not_done":
            assert done.error is not None
            assert done.error.code == "unreachable"
            assert "done: lines/item-0; not done: lines/item-1" in done.outcome
        if settles == "away":
            assert "looking at the cluster did not help: the cluster is away" in done.outcome
        await in_order(world.database, run.id)

    async def test_a_step_that_may_be_repeated_fails_as_ever(
        self, hands: Hands, world: World, ledger: Path
    ) -> None:
        """Whoever reads it may start it again: nothing is doubled by that."""
        run = await world.queued("ledger", ledger, lose_at=1)
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert done.state is RunState.FAILED
        assert "lines/item-1: the connection was lost" in done.outcome
        await in_order(world.database, run.id)

    @pytest.mark.parametrize(
        ("settles", "state"), [("", RunState.NEEDS_REVIEW), ("not_done", RunState.FAILED)]
    )
    async def test_a_part_of_a_step_is_asked_about_once(
        self, hands: Hands, world: World, ledger: Path, settles: str, state: RunState
    ) -> None:
        """The step around it is in doubt as long as its part is, and no longer."""
        run = await world.queued("once", ledger, bulk=True, lose_at=1, arrives=False, settles=settles)
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert done.state is state
        assert len(lines_of(ledger)) == 1
        await in_order(world.database, run.id)

    async def test_one_branch_of_several_is_enough(self, hands: Hands, world: World, ledger: Path) -> None:
        """What the others did is on record; the run is for a person all the same."""
        run = await world.queued("once", ledger, branches=True, lose_at=1)
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert done.state is RunState.NEEDS_REVIEW
        assert "lines/item-1" in done.outcome.split("may or may not be done: ")[1]
        await in_order(world.database, run.id)
