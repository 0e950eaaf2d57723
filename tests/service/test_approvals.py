"""Approvals on both stores, carried by a process that goes by its own policy file and not by what the store says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.errors import AlreadyDecidedError
from k8sops.core.run import Run, RunState, Vote
from tests.support.engine_records import in_order
from tests.support.engine_world import serving
from tests.support.scheduling import ALICE, BOB, CAROL, Worker, a_policy, a_worker
from tests.support.workloads import create, deployment, replicas_of

TWO = {"disruptive": {"effect": "approve", "approvals": 2, "from": ["ops"]}}


@pytest.fixture
async def team(
    cluster: KubeCluster, cluster_namespace: str, store_url: str, tmp_path: Path
) -> AsyncIterator[Worker]:
    """A deployment of three replicas, and a policy by which fewer take one of bob and carol."""
    await create(cluster, deployment("web", cluster_namespace, replicas=3))
    policy = a_policy(tmp_path, cluster.info.uid)
    async with a_worker(cluster, cluster_namespace, store_url, policy) as found:
        yield found


async def asked(team: Worker) -> Run:
    """Alice asks for one replica."""
    plan = await team.planner.planned("scale", {"target": "deployment/web", "replicas": 1}, ALICE)
    run = await (await team.runs_desk()).propose(plan, ALICE, reason="cheaper")
    assert run.state is RunState.AWAITING_APPROVAL
    return run


async def approved(team: Worker, run: Run, *people: Actor) -> Run:
    """With the votes of these."""
    for person in people:
        run = await (await team.runs_desk()).decide(
            run.id, Vote(verdict="approve", digest=run.plan.digest), person
        )
    return run


def clicking(team: Worker, folder: Path) -> tuple[Actor, Actor]:
    """Bob and carol in the chat, from now on by a policy that wants two of them, one at a terminal."""
    chat = {"approve_up_to": "low"}
    team.under(a_policy(folder, team.cluster.info.uid, baseline=TWO, slack=chat))
    bob, carol = (
        Actor(name=user, team="T0001", surface="slack", auth="slack") for user in ("U0BOB", "U0CAROL")
    )
    return bob, carol


async def replicas(team: Worker) -> int:
    """What web is scaled to."""
    return (await replicas_of(team.cluster, "deployments", "web", team.namespace))[0]


async def test_what_was_approved_is_carried_out_and_its_record_is_whole(team: Worker) -> None:
    """From the proposal to the cluster."""
    run = await approved(team, await asked(team), BOB)
    assert run.state is RunState.QUEUED
    async with serving(await team.carrier()):
        await team.until(run.id, RunState.SUCCEEDED)
    assert await replicas(team) == 1
    await in_order(team.database, run.id)


async def test_whose_approval_would_not_count_is_known_before_it_is_given(team: Worker) -> None:
    """A door offers no yes that would be thrown away: neither the requester's own, nor a stranger's."""
    run, desk = await asked(team), await team.runs_desk()
    assert desk.uncounted(run, BOB) is None
    for actor in (ALICE, Actor(name="mallory")):
        why = desk.uncounted(run, actor)
        assert why is not None
        with pytest.raises(type(why), match=re.escape(why.message)):
            await approved(team, run, actor)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"baseline": TWO}, "approved by bob; needs 2 approvals from ops"),
        ({"people": ("alice", "carol")}, "needs 1 approval from ops"),
        ({"read_only": True}, "nothing may be changed here"),
    ],
)
async def test_a_carrier_goes_by_its_own_policy_whatever_was_decided_before(
    team: Worker, tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    """The rules became stricter, or the voter left the team, between the vote and the start: nothing is done."""
    run = await approved(team, await asked(team), BOB)
    team.under(a_policy(tmp_path, team.cluster.info.uid, **change))
    async with serving(await team.carrier()):
        denied = await team.until(run.id, RunState.DENIED)
    assert why in denied.outcome
    assert await replicas(team) == 3
    await in_order(team.database, run.id)


async def test_a_vote_counts_once_however_the_person_is_called(team: Worker, tmp_path: Path) -> None:
    """Bob at the cluster and bob in the chat are one bob."""
    uid = team.cluster.info.uid
    people = {
        "alice": {"groups": ["dev"], "cluster": [{"cluster": "prod", "username": "alice"}]},
        "bob": {
            "groups": ["ops"],
            "cluster": [{"cluster": "prod", "username": name} for name in ("bob", "bob@example.org")],
        },
        "carol": {"groups": ["ops"], "cluster": [{"cluster": "prod", "username": "carol"}]},
    }
    path = a_policy(tmp_path, uid, baseline=TWO)
    path.write_text(path.read_text().partition("people:")[0] + f"people: {people}\nbaseline: {TWO}\n")
    team.under(path)
    run = await approved(team, await asked(team), BOB)
    with pytest.raises(AlreadyDecidedError, match="bob has approved run"):
        await approved(team, run, Actor(name="bob@example.org"))
    assert (await approved(team, run, CAROL)).state is RunState.QUEUED


async def test_who_clicked_in_the_chat_may_say_it_again_at_a_terminal_where_one_is_wanted(
    team: Worker, tmp_path: Path
) -> None:
    """Else those who were quick on the phone would keep the run from ever being approved. Still one vote each."""
    bob, carol = clicking(team, tmp_path)
    run = await approved(team, await asked(team), bob)
    with pytest.raises(AlreadyDecidedError, match="bob has approved run"):
        await approved(team, run, bob)
    assert [one.actor for one in (await approved(team, run, BOB)).approvals] == [BOB], "one person, one vote"
    with pytest.raises(AlreadyDecidedError, match="bob has approved run"):
        await approved(team, run, bob)
    with pytest.raises(AlreadyDecidedError, match="bob has approved run"):
        await approved(team, run, BOB)
    assert (await approved(team, run, carol)).state is RunState.QUEUED
    async with serving(await team.carrier()):
        await team.until(run.id, RunState.SUCCEEDED)
    await in_order(team.database, run.id)


async def test_clicks_alone_are_not_enough_where_a_terminal_is_wanted_and_either_voter_mends_it(
    team: Worker, tmp_path: Path
) -> None:
    """Both have clicked; nobody else is there to ask."""
    run = await approved(team, await asked(team), *clicking(team, tmp_path))
    assert run.state is RunState.AWAITING_APPROVAL
    assert (await approved(team, run, CAROL)).state is RunState.QUEUED


async def test_a_plan_that_drifted_after_its_approval_is_void(team: Worker) -> None:
    """The votes were on what the cluster was."""
    run = await approved(team, await asked(team), BOB)
    body = {"spec": {"replicas": 5}}
    await team.cluster.patch(await team.cluster.resource("deployments"), "web", team.namespace, body=body)
    async with serving(await team.carrier()):
        void = await team.until(run.id, RunState.VOID)
    assert "spec.replicas was 3 and is 5" in void.outcome
    assert await replicas(team) == 5
