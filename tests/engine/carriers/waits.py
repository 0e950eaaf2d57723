"""Waits: on record, parked without a task or a lease, and going on in whatever carrier finds them due."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from k8sops.core.errors import AlreadyDecidedError
from k8sops.core.run import RunState
from k8sops.engine.signalling import signal
from tests.engine.carriers.hands import Hands, empty_handed
from tests.support.engine_records import in_order
from tests.support.engine_world import BOB, World, eventually
from tests.support.ledger import lines_of

PAUSE_S: Final = 3.0
"""Long enough to be looked at on a busy machine before it is over."""


class Waits:
    """Timers, conditions and signals."""

    async def test_a_long_pause_parks_the_run_and_outlives_its_carrier(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """It holds no slot and no lease meanwhile, and counts from when it was begun, not from a restart."""
        run = await world.queued("ledger", ledger, items=2, pause_s=PAUSE_S)
        async with hands.at_work(world) as carrier:
            await world.parked(run.id)
            await eventually(lambda: empty_handed(carrier))
        row = await world.row(run.id)
        assert (row.state, row.lease_owner, row.lease_until) == ("running", None, None)
        waiting = await world.get(run.id)
        assert waiting.progress.waiting_for.startswith("ledger/pause: until ")
        async with hands.at_work(elsewhere):
            done = await elsewhere.ended(run.id)
        assert done.state is RunState.SUCCEEDED
        first, last = (event.at for event in done.events if event.kind == "step_done")
        assert (last - first).total_seconds() >= PAUSE_S - 0.01
        begun = [event for event in done.events if event.text == f"ledger/pause: waits {PAUSE_S:g} s"]
        assert len(begun) == 1, "it was begun once, and by then was over"
        assert len(lines_of(ledger)) == 2
        await in_order(elsewhere.database, run.id)

    async def test_a_condition_is_asked_until_it_holds(
        self, hands: Hands, world: World, ledger: Path, tmp_path: Path
    ) -> None:
        """Each look is a claim; the wait's events do not grow with the looks."""
        there = tmp_path / "there"
        run = await world.queued("ledger", ledger, waits_for=str(there))
        async with hands.at_work(world):
            await world.parked(run.id)
            fence = (await world.row(run.id)).lease_fence
            await eventually(lambda: looked_since(world, run.id, fence + 3))
            told = [event for event in (await world.get(run.id)).events if event.kind == "progress"]
            assert [event.text for event in told] == [f"{there} is not there"]
            there.touch()
            done = await world.ended(run.id)
        assert done.state is RunState.SUCCEEDED
        assert len(lines_of(ledger)) == 3
        await in_order(world.database, run.id)

    async def test_a_wait_ends_at_its_deadline_and_says_what_was_missing(
        self, hands: Hands, world: World, ledger: Path, tmp_path: Path
    ) -> None:
        """No run waits for ever."""
        run = await world.queued("ledger", ledger, waits_for=str(tmp_path / "never"), wait_s=0.3)
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert done.state is RunState.FAILED
        assert "never is not there, and the deadline of 0.3 s has passed" in done.outcome

    async def test_a_signal_wakes_the_run_that_waits_for_it(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """From any process, within a second."""
        run = await world.queued("ledger", ledger, signal="nod")
        async with hands.at_work(world):
            await world.parked(run.id)
            await nod(elsewhere, run.id)
            done = await world.ended(run.id)
        assert done.state is RunState.SUCCEEDED
        assert any(event.text == "the signal said yes" for event in done.events)

    async def test_a_signal_that_came_first_is_not_missed_and_the_first_counts(
        self, hands: Hands, world: World, ledger: Path
    ) -> None:
        """Whoever nods early, or twice, is heard once."""
        run = await world.queued("ledger", ledger, signal="nod")
        await nod(world, run.id, "first")
        with pytest.raises(AlreadyDecidedError, match="has its signal 'nod' already; the first one counts"):
            await nod(world, run.id, "second")
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert any(event.text == "the signal said first" for event in done.events)

    async def test_a_signal_sent_while_the_run_parks_is_not_missed(
        self, hands: Hands, world: World, elsewhere: World, tmp_path: Path
    ) -> None:
        """The look for the signal and the parking are two transactions; what comes between must wake the run."""
        runs = [
            await world.queued("ledger", tmp_path / f"l{n}", signal="nod", targets=f"t{n}") for n in range(12)
        ]
        async with hands.at_work(world):
            for run in runs:
                await elsewhere.until(run.id, lambda found: found.state is RunState.RUNNING)
                await nod(elsewhere, run.id)
            for run in runs:
                assert (await world.ended(run.id)).state is RunState.SUCCEEDED

    async def test_a_wait_inside_a_step_parks_only_what_may_be_gone_through_again(
        self, hands: Hands, world: World, tmp_path: Path
    ) -> None:
        """Else the step around it would be in doubt for no reason; then the wait is waited out in place."""
        again = await world.queued("ledger", tmp_path / "a", items=3, bulk=True, pause_s=PAUSE_S, targets="a")
        once = await world.queued("once", tmp_path / "b", items=3, bulk=True, pause_s=PAUSE_S, targets="b")
        async with hands.at_work(world):
            await world.parked(again.id)
            await world.until(once.id, lambda _: bool(lines_of(tmp_path / "b")))
            row = await world.row(once.id)
            assert row.lease_owner is not None or row.wake_at is None, "held, or over by now; not parked"
            for run, ledger in ((again, "a"), (once, "b")):
                assert (await world.ended(run.id)).state is RunState.SUCCEEDED
                assert [line[-1] for line in lines_of(tmp_path / ledger)] == ["0", "1", "2"]
                await in_order(world.database, run.id)

    async def test_parking_waits_for_the_steps_of_other_branches(
        self, hands: Hands, world: World, ledger: Path, tmp_path: Path
    ) -> None:
        """One branch that waits must not break off what another is in the middle of."""
        there = tmp_path / "there"
        run = await world.queued("once", ledger, items=3, branches=True, step_s=0.3, waits_for=str(there))
        async with hands.at_work(world):
            await world.parked(run.id)
            assert len(lines_of(ledger)) == 2
            there.touch()
            done = await world.ended(run.id)
        assert done.state is RunState.SUCCEEDED
        assert sorted(lines_of(ledger)) == [step.id for step in run.plan.steps]
        await in_order(world.database, run.id)


async def looked_since(world: World, run: str, fence: int) -> bool:
    """Whether the run has been claimed that often."""
    return bool((await world.row(run)).lease_fence >= fence)


async def nod(world: World, run: str, word: str = "yes") -> None:
    """Send the signal."""
    await signal(world.database, world.books, world.rules, run, "nod", {"word": word}, BOB)
