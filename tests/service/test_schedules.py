"""Schedules on a real cluster: what they may do by themselves, when they wait, and who is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor, Identity
from k8sops.core.errors import AlreadyDecidedError, DeniedError, ScheduleChangedError, UsageError
from k8sops.core.ports import AccessRequest
from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunState, Vote
from k8sops.store.runs import set_columns
from tests.support.engine_records import chain_of, in_order
from tests.support.engine_world import eventually, serving
from tests.support.persons import granted, rule
from tests.support.scheduling import ALICE, BOB, CAROL, Worker, a_policy, a_worker
from tests.support.workloads import NEVER_READY, create, deployment, replicas_of


@pytest.fixture
async def web(cluster: KubeCluster, cluster_namespace: str) -> None:
    """A deployment of one replica."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))


@pytest.fixture
async def worker(
    web: None, cluster: KubeCluster, cluster_namespace: str, store_url: str
) -> AsyncIterator[Worker]:
    """On each kind of store, under the shipped policy."""
    async with a_worker(cluster, cluster_namespace, store_url) as found:
        yield found


@pytest.fixture
async def team(
    web: None, cluster: KubeCluster, cluster_namespace: str, sqlite_url: str, tmp_path: Path
) -> AsyncIterator[Worker]:
    """On SQLite, under a policy by which disruption takes one approval."""
    async with a_worker(
        cluster, cluster_namespace, sqlite_url, a_policy(tmp_path, cluster.info.uid)
    ) as found:
        yield found


async def codes(worker: Worker) -> list[str]:
    """Codes of every audit record."""
    return [record.code for record in await chain_of(worker.database)]


async def scale(worker: Worker, replicas: int) -> None:
    """Somebody scales web by hand."""
    deployments = await worker.cluster.resource("deployments")
    await worker.cluster.patch(deployments, "web", worker.namespace, body={"spec": {"replicas": replicas}})


async def test_within_its_standing_approval_a_firing_runs_by_itself(worker: Worker) -> None:
    """Nobody is asked at night; the run says under which approval it went, and the success is noted."""
    view = await worker.add(replicas=2)
    assert (view.standing, view.standing_risk, view.owner) == ("granted", "low", "alice")
    run = await worker.fire()
    assert run.state is RunState.QUEUED
    assert run.grant == view.standing_digest
    assert (run.actor.name, run.actor.surface, run.schedule) == ("alice", "schedule", "night")
    async with serving(await worker.carrier()):
        ended = await worker.until(run.id, RunState.SUCCEEDED)
    assert await replicas_of(worker.cluster, "deployments", "web", worker.namespace) == (2, 2)
    shown = await worker.records.schedule("night")
    assert [(firing.outcome, firing.run) for firing in shown.firings] == [("run", ended.id)]
    assert shown.last_success is not None
    assert ("schedule.fired", "night fired") in await worker.told()
    await in_order(worker.database, run.id)


async def test_a_risk_that_the_cluster_raised_makes_the_firing_wait_and_is_told(worker: Worker) -> None:
    """Approved was growing; by now it would end pods: a person looks first."""
    await worker.add(replicas=2)
    await scale(worker, 4)
    run = await worker.fire()
    assert run.state is RunState.PROPOSED
    assert run.grant == ""
    assert run.plan.decision is not None
    assert "its risk is disruptive, at most low is approved" in run.plan.decision.why
    told = [text for kind, text in await worker.told() if kind == "schedule.fired"]
    assert told == ["night fired; the run waits: its risk is disruptive, at most low is approved"]
    with pytest.raises(DeniedError, match="only its requester"):
        await (await worker.runs_desk()).start(run.id, BOB)
    started = await (await worker.runs_desk()).start(run.id, ALICE)
    assert started.state is RunState.QUEUED


async def test_more_may_be_approved_in_advance_than_it_would_do_now(worker: Worker) -> None:
    """At noon there is nothing to scale down; the schedule is for the night."""
    view = await worker.add(replicas=2, risk=Risk.DISRUPTIVE)
    assert view.standing_risk == "disruptive"
    await scale(worker, 4)
    assert (await worker.fire()).state is RunState.QUEUED
    with pytest.raises(UsageError, match="would be disruptive now, more than low"):
        await worker.add("other", replicas=1, risk=Risk.LOW)


async def test_a_standing_approval_ends_and_then_firings_wait(worker: Worker) -> None:
    """What was right in spring is looked at again in summer."""
    await worker.add(replicas=2, stands_for=timedelta(seconds=-1))
    run = await worker.fire()
    assert run.state is RunState.PROPOSED
    assert run.plan.decision is not None
    assert "the standing approval ended at" in run.plan.decision.why


async def test_a_change_voids_the_approval_and_a_late_editor_is_refused(team: Worker) -> None:
    """Votes were on what it was; whoever edits an older version than there is hears so."""
    before = await team.add(replicas=2, risk=Risk.DISRUPTIVE)
    await team.vote(before, BOB)
    changed = await team.add(replicas=3, risk=Risk.DISRUPTIVE, change=before.version)
    assert (changed.standing, changed.standing_votes) == ("awaits votes", ())
    assert changed.standing_digest != before.standing_digest
    with pytest.raises(UsageError, match="the standing approval's is"):
        await team.vote(before, CAROL)
    with pytest.raises(ScheduleChangedError, match="by now"):
        await team.add(replicas=4, change=before.version)
    assert [code for code in await codes(team) if code.startswith("schedule.")] == [
        *("schedule.added", "schedule.approved", "schedule.changed")
    ]


async def test_a_standing_approval_takes_the_votes_that_policy_asks_for(team: Worker) -> None:
    """Until then each firing waits by itself; the owner's own vote does not count."""
    view = await team.add(replicas=2, risk=Risk.DISRUPTIVE)
    assert view.standing == "awaits votes"
    await scale(team, 4)
    early = await team.fire()
    assert early.state is RunState.AWAITING_APPROVAL
    with pytest.raises(DeniedError, match="asked for themselves"):
        await team.vote(view, ALICE)
    with pytest.raises(UsageError, match="the standing approval's is"):
        await team.desk.decide("night", Vote(verdict="approve", digest="0" * 64), BOB)
    voted = await team.vote(view, BOB)
    assert (voted.standing, voted.standing_votes) == ("granted", ("bob",))
    with pytest.raises(AlreadyDecidedError, match="takes no votes"):
        await team.vote(view, CAROL)
    await (await team.runs_desk()).cancel(early.id, ALICE, "it waited")
    later = await team.fire()
    assert later.state is RunState.QUEUED
    assert later.grant == view.standing_digest
    async with serving(await team.carrier()):
        await team.until(later.id, RunState.SUCCEEDED)


async def test_a_no_to_the_standing_approval_pauses_the_schedule(team: Worker) -> None:
    """It does not go on asking every night."""
    view = await team.add(replicas=2, risk=Risk.DISRUPTIVE)
    denied = await team.vote(view, CAROL, "deny")
    assert (denied.state, denied.standing) == ("paused", "none")
    assert "denied by carol" in denied.paused_why
    assert [text for kind, text in await team.told() if kind == "schedule.paused"] == [
        "night: standing approval denied by carol"
    ]


async def test_finding_nothing_to_do_today_approves_nothing_of_tomorrow(team: Worker) -> None:
    """A schedule made while there is nothing to do would else go round every vote from then on."""
    view = await team.add(replicas=1)
    assert (view.standing, view.standing_risk) == ("awaits votes", "disruptive")
    await scale(team, 3)
    assert (await team.fire()).state is RunState.AWAITING_APPROVAL


async def test_a_policy_that_asks_for_more_by_now_is_asked_at_each_firing(
    team: Worker, tmp_path: Path
) -> None:
    """What was confirmed under the old rules does not go round the new ones."""
    uid = team.cluster.info.uid
    team.under(a_policy(tmp_path, uid, baseline={"disruptive": {"effect": "confirm"}}))
    assert (await team.add(replicas=2, risk=Risk.DISRUPTIVE)).standing == "granted"
    await scale(team, 4)
    team.under(a_policy(tmp_path, uid))
    run = await team.fire()
    assert run.state is RunState.AWAITING_APPROVAL
    (fired,) = [text for kind, text in await team.told() if kind == "schedule.fired"]
    assert fired.startswith("night fired; the run waits: policy asks for more than its standing approval has")


async def test_an_owner_whom_policy_no_longer_knows_pauses_the_schedule_loudly(
    team: Worker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who has left the team leaves nothing behind that fires; whoever reads the worker's log sees why."""
    await team.add(replicas=2)
    team.under(a_policy(tmp_path, team.cluster.info.uid, people=("bob", "carol")))
    await team.turn()
    view = await team.records.schedule("night")
    assert view.state == "paused"
    assert view.paused_why == "the policy no longer knows its owner, alice"
    assert "schedule night is paused: the policy no longer knows its owner, alice" in caplog.text
    assert await team.runs() == []
    kinds = [kind for kind, _ in await team.told()]
    assert kinds.count("schedule.paused") == 1
    assert "schedule.paused" in await codes(team)


async def test_nobody_adds_a_schedule_that_would_be_paused_when_it_first_fires(
    team: Worker, tmp_path: Path
) -> None:
    """A nightly backup was listed as granted, of an owner whom the policy does not know, and never made one."""
    team.under(a_policy(tmp_path, team.cluster.info.uid, people=("bob", "carol")))
    with pytest.raises(
        DeniedError, match="does not know alice, who would own the schedule 'night'"
    ) as raised:
        await team.add(replicas=2)
    assert "`people`" in raised.value.hint
    with pytest.raises(UsageError):
        await team.records.schedule("night")


async def test_only_its_owner_or_an_administrator_brings_a_schedule_back_but_anybody_may_pause_it(
    team: Worker,
) -> None:
    """It takes less to stop than to go on."""
    await team.add(replicas=2)
    assert (await team.desk.pause("night", "it is Friday", BOB)).paused_why == "bob: it is Friday"
    for do in (team.desk.resume, team.desk.run_now, team.desk.remove):
        with pytest.raises(DeniedError, match="is alice's"):
            await do("night", BOB)
    assert (await team.desk.resume("night", ALICE)).state == "active"
    assert await refusals(team) == [
        ("bob", asked, "the schedule 'night' is alice's") for asked in ("resume", "run-now", "remove")
    ]


async def refusals(worker: Worker) -> list[tuple[str, str, str]]:
    """Who was refused what of the schedule, and why."""
    return [
        (record.person, str(record.data.get("asked", "")), record.reason)
        for record in await chain_of(worker.database)
        if record.code == "schedule.refused" and record.data["schedule"] == "night"
    ]


async def test_what_is_refused_of_a_schedule_is_on_record(team: Worker, tmp_path: Path) -> None:
    """Who tries what they may not is what an auditor looks for: a schedule policy denies, a vote that cannot count."""
    uid = team.cluster.info.uid
    freeze = [{"name": "no-schedules", "match": {"scheduled": True}, "effect": "deny"}]
    team.under(a_policy(tmp_path, uid, rules=freeze))
    with pytest.raises(DeniedError):
        await team.add(replicas=2)
    team.under(a_policy(tmp_path, uid))
    view = await team.add(replicas=2, risk=Risk.DISRUPTIVE)
    with pytest.raises(DeniedError):
        await team.vote(view, ALICE)
    await team.vote(view, BOB)
    with pytest.raises(AlreadyDecidedError):
        await team.vote(view, CAROL)
    assert [(person, asked) for person, asked, _ in await refusals(team)] == [
        ("alice", "add"),
        ("alice", "vote"),
        ("carol", "vote"),
    ]
    assert "would be denied: no-schedules" in (await refusals(team))[0][2]


LACKS = "alice may not do this themselves: the cluster does not allow them to"


async def test_a_schedule_lends_its_owner_no_power_they_do_not_have(
    team: Worker, tmp_path: Path, cluster: KubeCluster
) -> None:
    """Asked when it is made and at each firing: who was degraded since does not go on by timetable."""
    uid = team.cluster.info.uid
    team.under(a_policy(tmp_path, uid, access_review={"requester": True}))
    with pytest.raises(DeniedError, match=LACKS):
        await team.add(replicas=2)
    rights = (
        rule("", "namespaces", "get"),
        rule("", "pods", "list", "watch"),
        rule("apps", "deployments", "get", "list", "watch"),
        rule("apps", "deployments/scale", "get", "update"),
    )
    async with granted(cluster, "alice", *rights):
        await team.add(replicas=2)
        assert (await team.fire()).state is RunState.QUEUED
    scaling = AccessRequest(
        verb="update", group="apps", resource="deployments", subresource="scale", namespace=team.namespace
    )

    async def taken_back() -> bool:
        return not (await cluster.can_they(Identity(username="alice", groups=("ops",)), scaling)).allowed

    await eventually(taken_back)
    await (await team.runs_desk()).cancel((await team.runs())[0].id, ALICE, "")
    await team.turn()
    outcome, why = (await team.outcomes())[-1]
    assert (outcome, LACKS in why, len(await team.runs())) == ("failed", True, 1)
    (told,) = [text for kind, text in await team.told() if kind == "schedule.refused"]
    assert told.startswith(f"night did not fire: {LACKS}")
    assert [(person, asked) for person, asked, _ in await refusals(team)] == [("alice", "add"), ("alice", "")]
    assert (await refusals(team))[1][2] == told


async def waiting_run(worker: Worker) -> Run:
    """The schedule's run, carried, and waiting for replicas that never get ready."""
    deployments = await worker.cluster.resource("deployments")
    template = {"spec": {"template": {"metadata": {"annotations": NEVER_READY}}}}
    await worker.cluster.patch(deployments, "web", worker.namespace, body=template)
    run = await worker.fire()
    return await worker.until(run.id, RunState.RUNNING)


async def test_while_a_run_goes_a_firing_is_skipped_and_says_so(worker: Worker) -> None:
    """`forbid`: two of the same at once is what nobody means."""
    await worker.add(replicas=2, concurrency="forbid")
    async with serving(await worker.carrier(), grace_s=0.0):
        run = await waiting_run(worker)
        await worker.turn()
        assert await worker.outcomes() == [
            ("run", ""),
            ("skipped", f"run {run.id} of it has not ended"),
        ]
        assert f"night did not fire: run {run.id} of it has not ended" in dict(await worker.told()).values()


async def test_a_run_that_needs_review_has_not_ended_for_the_next_firing(worker: Worker) -> None:
    """Whether its step was done is in doubt: the next one must not do it a second time."""
    await worker.add(replicas=2)
    run = await worker.fire()
    await worker.write(lambda tx: set_columns(tx, run.id, state="needs_review", ended_at=tx.now_ms()))
    await worker.turn()
    outcome, why = (await worker.outcomes())[-1]
    assert outcome == "skipped"
    assert why.startswith(f"run {run.id} of it needs review")
    assert f"night did not fire: {why}" in dict(await worker.told()).values()


async def test_a_firing_waits_for_the_run_before_it(worker: Worker) -> None:
    """`queue`: one after the other, none left out."""
    await worker.add(replicas=2, concurrency="queue")
    async with serving(await worker.carrier(), grace_s=0.0):
        first = await waiting_run(worker)
        await worker.turn()
        assert [outcome for outcome, _ in await worker.outcomes()] == ["run", "queued"]
        await (await worker.runs_desk()).cancel(first.id, ALICE, "enough")
        await worker.until(first.id, RunState.CANCELLED)
        await worker.look()
        assert [outcome for outcome, _ in await worker.outcomes()] == ["run", "run"]


async def test_a_later_firing_takes_the_place_of_the_run_before_it(worker: Worker) -> None:
    """`replace`: the run is stopped, safely, and only then the new one begins."""
    await worker.add(replicas=2, concurrency="replace")
    async with serving(await worker.carrier(), grace_s=0.0):
        first = await waiting_run(worker)
        await worker.turn()
        stopped = await worker.until(first.id, RunState.CANCELLED)
        assert "cancelled by the scheduler: night fired again at" in stopped.outcome
        await worker.look()
        assert [outcome for outcome, _ in await worker.outcomes()] == ["run", "run"]


async def test_a_schedule_without_a_success_for_its_time_raises_an_event(worker: Worker) -> None:
    """Nobody notices a backup that stopped, until the day it is needed; a pause does not silence it."""
    await worker.add(replicas=2, alert_after_s=60)
    await worker.desk.pause("night", "", ALICE)

    def age(tx: object) -> None:
        from sqlalchemy import update

        from k8sops.store.database import Tx
        from k8sops.store.schema import schedules

        assert isinstance(tx, Tx)
        tx.execute(update(schedules).values(alert_at=tx.now_ms() - 1))

    await worker.write(age)
    await worker.look()
    await worker.look()
    overdue = [text for kind, text in await worker.told() if kind == "schedule.overdue"]
    assert overdue == ["night has not succeeded yet, and should within 60 s; it is paused: by alice"], (
        "once, not at every look"
    )
    assert (await codes(worker)).count("schedule.overdue") == 1


async def test_who_changed_a_schedule_from_a_chat_is_told_by_name(team: Worker) -> None:
    """`paused by U0ALICE` is a riddle; the trail keeps whose word it was."""
    in_chat = Actor(name="U0ALICE", team="T0001", surface="slack", auth="slack")
    await team.add(replicas=2)
    assert (await team.desk.pause("night", "it is Friday", in_chat)).paused_why == "alice: it is Friday"
    await team.desk.resume("night", in_chat)
    await team.desk.run_now("night", in_chat)
    await team.desk.remove("night", in_chat)
    told = [text for kind, text in await team.told() if kind.startswith("schedule.")]
    assert [text.rpartition(" ")[2] for text in told[-4:]] == ["alice"] * 4, told
    record = (await chain_of(team.database))[-1]
    assert record.actor is not None
    assert record.actor.name == "U0ALICE"


async def test_run_now_fires_beside_the_timetable_and_a_paused_one_does_not(worker: Worker) -> None:
    """The timetable goes on as if nothing had been."""
    view = await worker.add(replicas=2)
    await worker.desk.run_now("night", ALICE)
    await worker.look()
    (run,) = await worker.runs()
    assert run.state is RunState.QUEUED
    assert (await worker.records.schedule("night")).next == view.next
    await worker.desk.pause("night", "", ALICE)
    with pytest.raises(UsageError, match="is paused"):
        await worker.desk.run_now("night", ALICE)


async def test_what_policy_denies_now_is_not_kept_and_what_it_denies_later_is_on_record(
    team: Worker, tmp_path: Path
) -> None:
    """A freeze stops a schedule like anybody, standing approval or not."""
    freeze = [{"name": "no-schedules", "match": {"scheduled": True}, "effect": "deny"}]
    await team.add(replicas=2)
    team.under(a_policy(tmp_path, team.cluster.info.uid, rules=freeze))
    run = await team.fire()
    assert run.state is RunState.DENIED
    assert "no-schedules" in run.outcome
    with pytest.raises(DeniedError, match="would be denied: no-schedules"):
        await team.add("other", replicas=3)


async def test_a_reason_that_policy_wants_is_asked_for_when_the_schedule_is_made(
    team: Worker, tmp_path: Path
) -> None:
    """At night nobody is there to give it."""
    rules = [{"name": "tickets", "match": {"risk": "low"}, "effect": "allow", "ticket": "OPS-[0-9]+"}]
    team.under(a_policy(tmp_path, team.cluster.info.uid, rules=rules))
    with pytest.raises(UsageError, match="asks for a reason"):
        await team.add(replicas=2)
    await team.add(replicas=2, reason="OPS-12")
    assert (await team.fire()).reason == "OPS-12"


async def test_a_run_nobody_alive_may_carry_says_so(worker: Worker) -> None:
    """The schedule fires, but whoever could carry it has gone; the list tells why nothing moves."""
    view = await worker.add(replicas=2)
    assert view.unattended.startswith("no worker is alive")
    run = await worker.fire()
    waiting = "a carrier: nobody who is alive may carry it as alice"
    assert (await worker.records.get_run(run.id)).progress.waiting_for == waiting
    carrier = await worker.carrier()
    await carrier.announce()
    assert (await worker.records.schedule("night")).unattended == ""
    await (await worker.runs_desk()).cancel(run.id, ALICE, "")
    assert (await worker.fire()).progress.waiting_for == ""
