"""The scheduler on both stores: one run for each due instant, whoever dies, stops, edits or pauses in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from k8sops.core.errors import BlockedError, DeniedError, StoreOutcomeError, UnreachableError
from k8sops.core.run import RunId
from k8sops.engine.schedules import claiming, ledger, table
from k8sops.engine.schedules.claiming import MOST_OPEN, Firing
from k8sops.engine.schedules.firing import MOST_ATTEMPTS, Complete, Going
from k8sops.store.schema import schedules
from tests.engine.schedules.stage import ALICE, CLUSTER, Engine, Stage, a_spec, a_stage, serving

RARELY = "0 0 1 1 *"


@pytest.fixture
async def stage(store_url: str) -> AsyncIterator[Stage]:
    """Either store."""
    async with a_stage(store_url) as made:
        yield made


@pytest.fixture
async def nightly(stage: Stage) -> Stage:
    """With a schedule that is due, and then not for long."""
    await stage.make(cron=RARELY)
    await stage.due_now()
    return stage


async def test_a_due_schedule_becomes_one_run_and_moves_on(nightly: Stage) -> None:
    """The plain case, and a second look finds nothing more to do."""
    scheduler = nightly.scheduler()
    await nightly.turn(scheduler)
    await nightly.turn(scheduler)

    assert await nightly.outcomes() == ["run"]
    assert len(await nightly.runs()) == 1
    after = await nightly.get()
    assert after.next_due is not None
    assert after.last_due is not None
    assert after.next_due - after.last_due > timedelta(hours=1)


async def test_replicas_side_by_side_fire_each_due_instant_once(stage: Stage) -> None:
    """Forty overdue seconds of three schedules, taken on by three replicas at once."""
    names = ["a", "b", "c"]
    for name in names:
        await stage.make(name=name, cron="* * * * * *", concurrency="queue")
        await stage.due_now(name, late_s=40)
    replicas = [stage.scheduler(str(index), _Unheeding(stage.database), poll_s=0.01) for index in range(3)]

    async with serving(*replicas):
        await stage.until_fired(names, 40)

    for name in names:
        found, made = await stage.entries_and_runs(name)
        dues = [entry.due for entry in found]
        assert dues == [dues[0] + timedelta(seconds=index) for index in range(len(dues))]
        of_firings = [entry.run for entry in found if entry.outcome == "run"]
        assert sorted(of_firings) == made


async def test_a_firing_whose_claimer_died_is_taken_over(nightly: Stage) -> None:
    """Killed after the claim was committed and before there was a run."""
    await nightly.write(lambda tx: claiming.claim_due(tx, "dead", 8.0, (CLUSTER,), nightly.engine.tell))
    await nightly.turn(nightly.scheduler("two"))
    assert await nightly.outcomes() == ["claimed"]

    await nightly.lose_leases()
    await nightly.turn(nightly.scheduler("two"))

    assert await nightly.outcomes() == ["run"]
    assert len(await nightly.runs()) == 1


async def test_who_was_stopped_past_the_lease_makes_no_second_run(nightly: Stage) -> None:
    """Its plan is ready, its claim is not its own any more: run and firing are one transaction, which is undone."""
    stopped = Engine(nightly.database)
    stopped.may_write.clear()
    first = nightly.scheduler("one", stopped)
    await first.round()
    await stopped.planned.wait()

    await nightly.lose_leases()
    await nightly.turn(nightly.scheduler("two"))
    stopped.may_write.set()
    await first.settled()

    assert await nightly.outcomes() == ["run"]
    assert len(await nightly.runs()) == 1


async def test_planning_longer_than_the_lease_keeps_the_claim(nightly: Stage) -> None:
    """A drain of thousands of pods takes long to plan; nobody else may begin it meanwhile."""
    slow = Engine(nightly.database)
    slow.may_write.clear()
    first = nightly.scheduler("one", slow, lease_s=3.0)
    await first.round()
    claimed_until = await nightly.lease_until()
    async with asyncio.timeout(60):
        while await nightly.lease_until() <= claimed_until:  # noqa: ASYNC110 - the heartbeat is a write
            await asyncio.sleep(0.02)
    await nightly.turn(nightly.scheduler("two"))
    assert await nightly.outcomes() == ["claimed"]

    slow.may_write.set()
    await first.settled()

    assert len(await nightly.runs()) == 1


async def test_a_claim_that_was_lost_ends_the_planning(nightly: Stage) -> None:
    """The heartbeat sees it, rather than the plan's end, which may be minutes away."""
    lost = Engine(nightly.database)
    lost.may_write.clear()
    first = nightly.scheduler("one", lost, lease_s=0.1)
    await first.round()
    await lost.planned.wait()
    await nightly.write(lambda tx: table.pause(tx, "nightly", "hands off"))

    async with asyncio.timeout(60):
        await first.settled()

    assert await nightly.outcomes() == ["skipped"]


async def test_an_edit_during_planning_plans_again_what_it_says_now(nightly: Stage) -> None:
    """A run from params nobody wants any more must not come into being."""
    slow = Engine(nightly.database)
    slow.may_write.clear()
    scheduler = nightly.scheduler("one", slow)
    await scheduler.round()
    await slow.planned.wait()
    spec = a_spec(cron=RARELY, params={"namespace": "other"})
    await nightly.write(
        lambda tx: table.change(tx, spec, version=1, owner="bob", actor=ALICE, execute_as="service")
    )
    slow.may_write.set()
    await scheduler.settled()
    assert await nightly.outcomes() == ["queued"]

    await nightly.lose_leases()
    await nightly.turn(scheduler)

    assert await nightly.outcomes() == ["run"]
    assert slow.proposed_by == ["bob"]


async def test_a_pause_during_planning_lets_no_run_through(nightly: Stage) -> None:
    """Who pauses a schedule means now."""
    slow = Engine(nightly.database)
    slow.may_write.clear()
    scheduler = nightly.scheduler("one", slow)
    await scheduler.round()
    await slow.planned.wait()

    await nightly.write(lambda tx: table.pause(tx, "nightly", "incident"))
    slow.may_write.set()
    await scheduler.settled()

    assert await nightly.runs() == []
    assert await nightly.why() == ["the schedule was paused: incident"]


async def test_after_a_pause_the_missed_policy_decides(stage: Stage) -> None:
    """Three hours paused: `once` makes up for one of the three."""
    await stage.make(cron="0 * * * *", missed="once")
    await stage.write(lambda tx: table.pause(tx, "nightly", "incident"))
    await stage.due_now(late_s=3 * 3600)
    scheduler = stage.scheduler()
    await stage.turn(scheduler)
    assert await stage.outcomes() == []

    await stage.write(lambda tx: table.resume(tx, "nightly"))
    await stage.turn(scheduler)

    outcomes = await stage.outcomes()
    assert outcomes[:2] == ["skipped", "run"]
    assert len(outcomes) <= 3
    assert [code for code, _ in await stage.told()][:1] == ["schedule.skipped"]


async def test_forbid_skips_while_a_run_has_not_ended(nightly: Stage) -> None:
    """The skipped firing names the run that was in its way."""
    scheduler = nightly.scheduler()
    await nightly.turn(scheduler)
    await nightly.due_now(late_s=0)
    await nightly.turn(scheduler)

    (run,) = await nightly.runs()
    assert await nightly.outcomes() == ["run", "skipped"]
    assert await nightly.told() == [
        ("schedule.skipped", f"nightly did not fire: run {run} of it has not ended")
    ]


@pytest.mark.parametrize("concurrency", ["forbid", "queue", "replace"])
async def test_a_run_whose_step_is_in_doubt_is_in_the_way_whatever_the_rule(
    stage: Stage, concurrency: str
) -> None:
    """Nobody knows yet whether it has been done; only a person's word ends it, and the firing says how."""
    await stage.make(cron=RARELY, concurrency=concurrency)
    scheduler = stage.scheduler()
    await stage.due_now(late_s=2)
    await stage.turn(scheduler)
    (run,) = await stage.runs()
    stage.engine.in_doubt.add(run)
    await stage.due_now(late_s=1)
    await stage.turn(scheduler)
    assert await stage.outcomes() == ["run", "skipped" if concurrency == "forbid" else "queued"]
    assert (await stage.why())[1] == (
        f"run {run} of it needs review, a step of it may or may not have been done:"
        f" `k8sops runs resume {run} --as done|retry|abandon`"
    )


async def test_a_firing_that_is_denied_is_told_as_refused(nightly: Stage) -> None:
    """Unlike one that found no way: somebody has to grant a right, or give the schedule to another."""
    nightly.engine.fails = [DeniedError("alice may not do this themselves")]
    await nightly.turn(nightly.scheduler())
    assert await nightly.outcomes() == ["failed"]
    assert await nightly.told() == [
        ("schedule.refused", "nightly did not fire: alice may not do this themselves")
    ]


async def test_queue_waits_and_goes_as_soon_as_the_run_has_ended(stage: Stage) -> None:
    """One after the other, in the order in which they were due."""
    await stage.make(cron=RARELY, concurrency="queue")
    scheduler = stage.scheduler()
    for late in (3, 2, 1):
        await stage.due_now(late_s=late)
        await stage.turn(scheduler)
    assert await stage.outcomes() == ["run", "queued", "queued"]

    await stage.end_runs()
    await stage.turn(scheduler)
    assert await stage.outcomes() == ["run", "run", "queued"]
    await stage.turn(scheduler)
    assert await stage.outcomes() == ["run", "run", "queued"]

    await stage.end_runs()
    await stage.turn(scheduler)
    assert await stage.outcomes() == ["run", "run", "run"]


async def test_replace_cancels_the_run_and_only_the_latest_waits(stage: Stage) -> None:
    """The new run starts once the old one has really stopped, not beside it."""
    await stage.make(cron=RARELY, concurrency="replace")
    scheduler = stage.scheduler()
    for late in (3, 2, 1):
        await stage.due_now(late_s=late)
        await stage.turn(scheduler)

    (run,) = await stage.runs()
    assert {cancelled for cancelled, _ in stage.engine.cancelled} == {run}
    assert await stage.outcomes() == ["run", "replaced", "queued"]

    await stage.end_runs()
    await stage.turn(scheduler)
    assert await stage.outcomes() == ["run", "replaced", "run"]


async def test_a_queue_that_only_grows_is_cut_off(stage: Stage) -> None:
    """A run that hangs for days must not be followed by thousands."""
    await stage.make(cron=RARELY, concurrency="queue")
    await stage.write(
        lambda tx: [
            ledger.record(tx, "nightly", tx.now() - timedelta(minutes=index + 1), "queued")
            for index in range(MOST_OPEN)
        ]
    )
    await stage.due_now()
    await stage.write(lambda tx: claiming.claim_due(tx, "one", 8.0, (CLUSTER,), stage.engine.tell))

    assert (await stage.outcomes())[-1] == "skipped"
    assert await stage.told() == [
        ("schedule.skipped", f"nightly did not fire: {MOST_OPEN} firings of it wait already")
    ]


async def test_an_owner_policy_no_longer_lets_pauses_the_schedule_loudly(nightly: Stage) -> None:
    """Somebody left the company; their schedules do not go on in their name."""
    nightly.engine.refusal = "alice is not in the policy any more"
    await nightly.turn(nightly.scheduler())

    after = await nightly.get()
    assert (after.active, after.paused_why) == (False, "alice is not in the policy any more")
    assert await nightly.runs() == []
    assert await nightly.outcomes() == ["skipped"]
    assert await nightly.told() == [
        ("schedule.paused", "nightly is paused: alice is not in the policy any more")
    ]


async def test_a_cluster_that_is_away_is_tried_again_and_then_given_up_loudly(nightly: Stage) -> None:
    """A firing neither disappears in an outage nor is retried for ever."""
    scheduler = nightly.scheduler()
    nightly.engine.fails = [UnreachableError("demo does not answer") for _ in range(MOST_ATTEMPTS + 1)]
    for _ in range(MOST_ATTEMPTS):
        await nightly.turn(scheduler)
        assert await nightly.outcomes() == ["queued"]
        await nightly.lose_leases()
    await nightly.turn(scheduler)

    assert await nightly.outcomes() == ["failed"]
    assert await nightly.told() == [("schedule.skipped", "nightly did not fire: demo does not answer")]


async def test_a_wait_before_trying_again_is_kept(nightly: Stage) -> None:
    """The next look comes a moment later, the next try not before two seconds."""
    nightly.engine.fails = [UnreachableError("demo does not answer")]
    await nightly.turn(nightly.scheduler("one"))
    await nightly.turn(nightly.scheduler("two"))

    assert await nightly.outcomes() == ["queued"]


async def test_a_plan_that_cannot_be_made_fails_the_firing_with_its_reason(nightly: Stage) -> None:
    """Blocked now does not mean blocked tomorrow: the schedule goes on."""
    nightly.engine.fails = [BlockedError("the node is gone")]
    await nightly.turn(nightly.scheduler())

    assert await nightly.outcomes() == ["failed"]
    assert (await nightly.get()).active


async def test_a_bug_in_a_planner_fails_one_firing_and_shows_no_inner_text(nightly: Stage) -> None:
    """The exception may hold anything, also a secret; the scheduler lives on."""
    nightly.engine.fails = [ValueError("token=s3cr3t")]
    scheduler = nightly.scheduler()
    await nightly.turn(scheduler)
    assert await nightly.why() == ["an internal error, ValueError; see the log"]

    await nightly.due_now(late_s=0)
    await nightly.turn(scheduler)

    assert await nightly.outcomes() == ["failed", "run"]


async def test_a_commit_whose_outcome_is_unknown_makes_no_second_run(nightly: Stage) -> None:
    """The connection broke during the commit that made the run: it was made, and the firing says so."""
    broken = _CommitsThenBreaks(nightly.database)
    scheduler = nightly.scheduler("one", broken)
    await nightly.turn(scheduler)
    await nightly.lose_leases()
    await nightly.turn(scheduler)

    assert await nightly.outcomes() == ["run"]
    assert len(await nightly.runs()) == 1


async def test_run_now_fires_beside_the_timetable(stage: Stage) -> None:
    """By hand, under the schedule's own rules, without moving its next time."""
    made = await stage.make(cron=RARELY)
    await stage.write(lambda tx: claiming.run_now(tx, "nightly", "bob"))
    await stage.turn(stage.scheduler())

    assert await stage.why() == ["run now, asked for by bob"]
    assert len(await stage.runs()) == 1
    assert (await stage.get()).next_due == made.next_due


async def test_closing_gives_a_firing_back_at_once(nightly: Stage) -> None:
    """SIGTERM during a long plan: the next worker need not wait for the lease."""
    slow = Engine(nightly.database)
    slow.may_write.clear()
    closing = nightly.scheduler("one", slow)
    await closing.round()
    await slow.planned.wait()
    await closing.aclose(grace_s=0)
    assert await nightly.outcomes() == ["queued"]

    await nightly.turn(nightly.scheduler("two"))

    assert await nightly.outcomes() == ["run"]


async def test_a_timetable_that_cannot_be_followed_any_more_pauses_only_itself(nightly: Stage) -> None:
    """A time zone that a replica's zone data lacks must not stop every other schedule."""
    await nightly.make(name="other", cron=RARELY)
    bad = '{"name":"nightly","action":"x","params":{},"timetable":{"cron":"0 0 1 1 *","zone":"Mars/Olympus"}}'
    await nightly.write(
        lambda tx: tx.execute(update(schedules).where(schedules.c.name == "nightly").values(spec=bad))
    )
    await nightly.due_now("other", late_s=0)
    await nightly.turn(nightly.scheduler())

    assert (await nightly.get()).paused_why == "There is no time zone 'Mars/Olympus'."
    assert await nightly.outcomes("other") == ["run"]


class _Unheeding(Engine):
    """Lets runs of one schedule go side by side, to measure the scheduler alone."""

    async def running(self, schedule: table.Schedule) -> list[Going]:
        return []


class _CommitsThenBreaks(Engine):
    async def propose(self, firing: Firing, complete: Complete) -> RunId:
        await super().propose(firing, complete)
        raise StoreOutcomeError("the connection broke, while a change was being committed")
