"""Carrying a run from queued to its end, in order, on record, and only where the carrier may."""

from __future__ import annotations

from pathlib import Path

from k8sops.core.run import RunState
from k8sops.store.leases import running_on
from k8sops.store.runs import set_columns
from tests.engine.carriers.hands import Hands, empty_handed
from tests.support.engine_records import chain_of, in_order
from tests.support.engine_world import ALICE, BOB, EXECUTE_AS, World, eventually, needing
from tests.support.ledger import CLUSTER, lines_of


class CarriesRuns:
    """From queued to ended."""

    async def test_a_queued_run_is_carried_to_its_end(self, hands: Hands, world: World, ledger: Path) -> None:
        """The whole way, each step once and in order, told and on record."""
        run = await world.queued("ledger", ledger, items=3)
        async with hands.at_work(world) as carrier:
            done = await world.ended(run.id)
            await eventually(lambda: empty_handed(carrier))
        assert done.state is RunState.SUCCEEDED
        assert lines_of(ledger) == [step.id for step in run.plan.steps]
        told = [event.kind if event.kind != "state" else event.data["state"] for event in done.events]
        assert told == [
            *("proposed", "queued", "running"),
            *("step_started", "step_done") * 3,
            "succeeded",
        ]
        await in_order(world.database, run.id)

    async def test_a_step_has_intent_and_outcome_in_the_chain(
        self, hands: Hands, world: World, ledger: Path
    ) -> None:
        """Who asked for what to be changed, as whom, is on record before it is done."""
        run = await world.queued("ledger", ledger, items=1)
        async with hands.at_work(world):
            await world.ended(run.id)
        intent, outcome = [record for record in await chain_of(world.database) if record.step]
        assert (intent.code, outcome.code, outcome.outcome) == ("step.intent", "step.outcome", "done")
        assert intent.person == "alice"
        assert intent.effective == EXECUTE_AS
        assert intent.digest == run.plan.digest
        assert intent.objects[0].difference == {"written": [False, True]}

    async def test_a_refused_step_fails_the_run_and_says_what_was_done(
        self, hands: Hands, world: World, ledger: Path
    ) -> None:
        """Half done is said to be half done."""
        run = await world.queued("ledger", ledger, items=3, fail_at=1)
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert done.state is RunState.FAILED
        assert done.error is not None
        assert done.error.code == "conflict"
        assert "done: lines/item-0; not done: lines/item-1, lines/item-2" in done.outcome
        await in_order(world.database, run.id)

    async def test_a_defect_in_an_action_ends_the_run_and_leaves_the_step_in_doubt(
        self, hands: Hands, world: World, ledger: Path
    ) -> None:
        """What raised may have changed something first; nobody is told that it did not."""
        run = await world.queued("once", ledger, items=2, break_at=1)
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert done.state is RunState.FAILED
        assert "may or may not be done: lines/item-1" in done.outcome
        await in_order(world.database, run.id)

    async def test_a_run_whose_plan_no_longer_holds_is_void(
        self, hands: Hands, world: World, ledger: Path
    ) -> None:
        """What was approved is not what would be done now: nothing is done."""
        run = await world.queued("ledger", ledger)
        ledger.with_name(ledger.name + ".marker").write_text("another")
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert done.state is RunState.VOID
        assert "marker was none and is another" in done.outcome
        assert lines_of(ledger) == []
        await in_order(world.database, run.id)

    async def test_a_run_the_carriers_own_policy_refuses_is_denied(
        self, hands: Hands, world: World, elsewhere: World, ledger: Path
    ) -> None:
        """The store may say queued; the carrier's own file is what counts."""
        run = await elsewhere.queued("ledger", ledger)
        world.rules.refuses_to_carry = "nobody signed it"
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert done.state is RunState.DENIED
        assert "nobody signed it" in done.outcome
        assert lines_of(ledger) == []

    async def test_a_run_somebody_wrote_as_running_is_checked_all_the_same(
        self, hands: Hands, world: World, ledger: Path
    ) -> None:
        """Write access to the runs is not enough to slip one past the carrier's policy."""
        run = await world.proposed("ledger", ledger)
        await forge(world, run.id, state="running")
        world.rules.refuses_to_carry = "nobody signed it"
        async with hands.at_work(world):
            done = await world.ended(run.id)
        assert done.state is RunState.FAILED
        assert "nobody signed it" in done.outcome
        assert lines_of(ledger) == []

    async def test_a_run_of_another_identity_is_left_to_others(
        self, hands: Hands, world: World, ledger: Path
    ) -> None:
        """A carrier never carries as somebody it may not act as."""
        other = await world.queued("ledger", ledger, execute_as="user:bob", targets="other")
        mine = await world.queued("ledger", ledger, targets="mine")
        async with hands.at_work(world):
            await world.ended(mine.id)
            assert (await world.get(other.id)).state is RunState.QUEUED
        async with hands.at_work(world, execute_as="user:bob"):
            assert (await world.ended(other.id)).state is RunState.SUCCEEDED

    async def test_two_runs_never_change_one_target_at_once(
        self, hands: Hands, world: World, ledger: Path, tmp_path: Path
    ) -> None:
        """An approved run waits behind the one that holds its target, names it, and goes on by itself."""
        go_on = tmp_path / "go"
        first = await world.queued("ledger", ledger, waits_for=str(go_on))
        world.rules.decision = needing(1)
        second = await world.proposed("ledger", ledger)
        await world.vote(second)
        async with hands.at_work(world):
            waiting = await world.until(second.id, lambda run: first.id in run.progress.waiting_for)
            assert waiting.progress.waiting_for == f"lines/item-0: held by run {first.id} (ledger by alice)"
            assert waiting.state is RunState.QUEUED
            go_on.touch()
            await world.ended(first.id)
            done = await world.ended(second.id)
        assert done.state is RunState.SUCCEEDED
        assert len(lines_of(ledger)) == 6
        await in_order(world.database, second.id)

    async def test_no_more_runs_at_once_than_a_cluster_takes(
        self, hands: Hands, world: World, elsewhere: World, tmp_path: Path
    ) -> None:
        """The limit is the cluster's, however many carriers there are; other clusters go on beside it."""
        world.rules.most = 2
        runs = [
            await world.queued("ledger", tmp_path / "slow", items=2, targets=f"t{n}", step_s=0.05)
            for n in range(24)
        ]
        other = await world.queued("ledger", tmp_path / "other", cluster="c-2", targets="o")
        most = 0
        async with hands.at_work(world), hands.at_work(elsewhere):

            async def all_over() -> bool:
                nonlocal most
                # One snapshot: rows read one after the other would count runs that never went at the same time.
                going = await world.database.read(lambda tx: running_on(tx, [CLUSTER.uid]))
                most = max(most, going.get(CLUSTER.uid, 0))
                rows = [await world.row(run.id) for run in runs]
                return all(row.state == "succeeded" for row in rows)

            await eventually(all_over)
            beside = await world.ended(other.id)
        assert 1 <= most <= 2, most
        assert beside.state is RunState.SUCCEEDED
        ends = [(await world.get(run.id)).ended_at for run in runs]
        assert beside.ended_at is not None
        assert beside.ended_at < max(end for end in ends if end), "it did not wait for the others' places"

    async def test_a_held_run_waits_for_its_requester(self, hands: Hands, world: World, ledger: Path) -> None:
        """Approved is not started, where the requester asked for that."""
        world.rules.decision = needing(1)
        run = await world.proposed("ledger", ledger, hold=True)
        assert (await world.vote(run, BOB)).state is RunState.PROPOSED
        async with hands.at_work(world):
            await world.desk.start(run.id, ALICE)
            assert (await world.ended(run.id)).state is RunState.SUCCEEDED
        await in_order(world.database, run.id)

    async def test_progress_is_stored_twice_a_second_and_the_last_of_it_always(
        self, hands: Hands, world: World, ledger: Path
    ) -> None:
        """A run that tells a thousand times a second must not write as often; its end must not lose the last."""
        run = await world.queued("ledger", ledger, items=60, progress=True, step_s=0.02)
        async with hands.at_work(world):
            done = await world.ended(run.id)
        told = [event for event in done.events if event.kind == "progress"]
        seconds = (done.events[-1].at - told[0].at).total_seconds()
        assert 2 <= len(told) <= 2 * seconds + 2
        assert told[-1].data["done"] == done.progress.done == 59


async def forge(world: World, run: str, **columns: object) -> None:
    """Change a run's row as somebody with access to the table would."""
    await world.database.write(lambda tx: set_columns(tx, run, **columns), name="forged")
