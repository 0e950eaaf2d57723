"""Scale from proposal to ready replicas, on a real control plane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.errors import DriftedError, NotFoundError, UnknownKindError, UsageError
from k8sops.core.events import Event
from k8sops.core.ops import Ops
from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunState, Vote
from k8sops.service import open_ops
from k8sops.service.config import Config
from tests.support.workloads import NEVER_READY, create, deployment, replicas_of, stateful_set

ALICE = Actor(name="kubernetes-admin")
RUN_DEADLINE_S = 180


@pytest.fixture
async def ops(kubeconfig: Path, cluster_namespace: str) -> AsyncIterator[Ops]:
    """The service, acting in the test's namespace."""
    async with open_ops(Config(kubeconfig=(kubeconfig,), namespace=cluster_namespace)) as opened:
        yield opened


async def propose(ops: Ops, **params: Any) -> Run:
    """Propose a scale."""
    return await ops.propose("scale", params, ALICE)


async def finish(ops: Ops, run: Run) -> tuple[Run, list[Event]]:
    """Start a run and follow it to its end."""
    await ops.start(run.id, ALICE)
    async with asyncio.timeout(RUN_DEADLINE_S):
        events = [event async for event in ops.watch(run.id)]
    return await ops.get_run(run.id), events


async def test_scaling_up_returns_when_the_replicas_are_ready(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """kubectl's own wait ends before readiness (kubernetes#55369)."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    run, events = await finish(ops, await propose(ops, target="deployment/web", replicas=3))
    assert run.state is RunState.SUCCEEDED, run.error
    assert await replicas_of(cluster, "deployments", "web", cluster_namespace) == (3, 3)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.kind for event in events][:5] == [*["state"] * 3, "step_started", "step_done"]
    assert run.progress.done == run.progress.total == 3


async def test_a_plan_changes_nothing_and_says_what_it_rests_on(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Looking must be free."""
    made = await create(cluster, deployment("web", cluster_namespace, replicas=1))
    run = await propose(ops, target="deploy/web", replicas=0)
    plan = run.plan
    assert plan.risk is Risk.DISRUPTIVE
    assert [finding.code for finding in plan.findings if finding.level == "warning"] == ["to_zero"]
    assert plan.requires[0].fact == "spec.replicas"
    assert plan.requires[0].value == 1
    assert plan.requires[0].target.uid == made["metadata"]["uid"]
    assert plan.steps[0].undo is not None
    assert plan.steps[0].undo["params"]["replicas"] == 1
    assert (await replicas_of(cluster, "deployments", "web", cluster_namespace))[0] == 1


@pytest.mark.parametrize("kind", ["statefulset", "sts", "StatefulSet.apps"])
async def test_a_stateful_set_is_scaled_down_under_any_of_its_names(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str, kind: str
) -> None:
    """Whatever kubectl takes as a kind is taken here."""
    await create(cluster, stateful_set("db", cluster_namespace, replicas=2))
    run, _ = await finish(ops, await propose(ops, target=f"{kind}/db", replicas=1))
    assert run.state is RunState.SUCCEEDED, run.error
    assert await replicas_of(cluster, "statefulsets", "db", cluster_namespace) == (1, 1)


async def test_what_is_as_wanted_already_is_left_alone(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Running the same command twice is safe and says so."""
    await create(cluster, deployment("web", cluster_namespace, replicas=2))
    run, _ = await finish(ops, await propose(ops, target="deployment/web", replicas=2))
    assert run.state is RunState.SUCCEEDED
    assert run.plan.steps == ()
    assert run.plan.summary.startswith("Nothing to do")


async def test_a_change_after_the_plan_voids_it_and_nothing_is_written(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Two people scale the same deployment: the second must look again."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    run = await propose(ops, target="deployment/web", replicas=3)
    deployments = await cluster.resource("deployments")
    await cluster.patch(deployments, "web", cluster_namespace, body={"spec": {"replicas": 2}})
    ended, _ = await finish(ops, run)
    assert ended.state is RunState.VOID
    assert ended.error is not None
    assert ended.error.code == DriftedError.code
    assert "spec.replicas was 1 and is 2" in ended.error.message
    assert (await replicas_of(cluster, "deployments", "web", cluster_namespace))[0] == 2


async def test_a_status_change_alone_does_not_void_the_plan(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Every pod that comes up writes the status; a plan resting on resourceVersion would never apply."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    run = await propose(ops, target="deployment/web", replicas=2)
    deployments = await cluster.resource("deployments")
    await cluster.patch(deployments, "web", cluster_namespace, body={"metadata": {"labels": {"seen": "yes"}}})
    ended, _ = await finish(ops, run)
    assert ended.state is RunState.SUCCEEDED, ended.error


async def test_an_object_made_again_under_its_name_voids_the_plan(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Same name, other object: nobody approved a change to that one."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    run = await propose(ops, target="deployment/web", replicas=3)
    await cluster.delete(await cluster.resource("deployments"), "web", cluster_namespace)
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    ended, _ = await finish(ops, run)
    assert ended.state is RunState.VOID
    assert "deleted and made again" in ended.outcome


async def _waiting(ops: Ops, *, replicas: int) -> Run:
    """A scale of `web` whose step is done and which now waits."""
    run = await propose(ops, target="deployment/web", replicas=replicas)
    await ops.start(run.id, ALICE)
    async with asyncio.timeout(RUN_DEADLINE_S), aclosing(ops.watch(run.id)) as events:
        async for event in events:
            if event.kind == "progress":
                break
    return run


async def test_replicas_set_back_by_something_else_end_the_wait_as_overruled(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """kubectl reports success when an autoscaler resets the replicas; that is a lie at three in the morning."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1, annotations=NEVER_READY))
    run = await _waiting(ops, replicas=3)
    deployments = await cluster.resource("deployments")
    await cluster.patch(deployments, "web", cluster_namespace, body={"spec": {"replicas": 1}})
    async with asyncio.timeout(RUN_DEADLINE_S):
        async for _ in ops.watch(run.id):
            pass
    ended = await ops.get_run(run.id)
    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert ended.error.code == "overruled"
    assert "set to 1 replicas by something else" in ended.error.message


async def test_at_the_deadline_the_pods_that_are_not_ready_are_named_with_why(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The next question would be `why`; the answer belongs in the same sentence, with the way back."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1, annotations=NEVER_READY))
    run, _ = await finish(ops, await propose(ops, target="deployment/web", replicas=2, timeout=15))
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert run.error.code == "wait_deadline"
    assert "web-" in run.error.message
    assert f"--replicas 1 -n {cluster_namespace}" in run.error.hint


async def test_cancelling_a_wait_says_what_was_done_and_how_to_go_back(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The write has happened; only the waiting stops."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1, annotations=NEVER_READY))
    run = await _waiting(ops, replicas=2)
    cancelled = await ops.cancel(run.id, ALICE, "wrong deployment")
    assert cancelled.state is RunState.CANCELLED
    assert "wrong deployment" in cancelled.outcome
    assert "done: " in cancelled.outcome
    assert "--replicas 1" in cancelled.outcome
    assert (await replicas_of(cluster, "deployments", "web", cluster_namespace))[0] == 2


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("deployment/nothing", NotFoundError),
        ("gizmo/web", UnknownKindError),
        ("configmap/kube-root-ca.crt", UsageError),
        ("web", UsageError),
    ],
)
async def test_a_target_that_cannot_be_scaled_is_refused_before_any_run(
    ops: Ops, target: str, error: type[Exception]
) -> None:
    """Nothing is proposed that could not be done."""
    with pytest.raises(error):
        await propose(ops, target=target, replicas=1)


async def test_a_vote_counts_only_for_the_plan_it_names(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Approving prose is how wrong changes are approved."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    run = await propose(ops, target="deployment/web", replicas=2)
    with pytest.raises(UsageError, match="digest"):
        await ops.decide(run.id, Vote(verdict="approve", digest="0" * 64), ALICE)
    denied = await ops.decide(run.id, Vote(verdict="deny", digest=run.plan.digest), ALICE)
    assert denied.state is RunState.DENIED
