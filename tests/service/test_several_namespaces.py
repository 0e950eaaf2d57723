"""One plan over objects of several namespaces, from proposal to undo, on a real control plane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.errors import NotFoundError, UsageError
from k8sops.core.ops import Ops
from k8sops.core.plan_words import where_text
from k8sops.core.run import Run, RunState
from k8sops.sandbox.manager import SandboxHandle
from k8sops.sandbox.namespaces import create_namespace, delete_namespace
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.service import open_ops
from k8sops.service.config import Config
from tests.support.workloads import create, deployment, hpa, replicas_of

ALICE = Actor(name="kubernetes-admin")
RUN_DEADLINE_S = 180


@pytest.fixture
def beside(sandbox: SandboxHandle, cluster_namespace: str) -> Iterator[str]:
    """Another namespace."""
    name = f"{cluster_namespace}-beside"
    in_thread(lambda: create_namespace(sandbox, name))
    yield name
    in_thread(lambda: delete_namespace(sandbox, name))


@pytest.fixture
async def ops(kubeconfig: Path, cluster_namespace: str, tmp_path: Path) -> AsyncIterator[Ops]:
    """The service, acting in the test's namespace."""
    url = f"sqlite:///{tmp_path}/k8sops.db"
    async with open_ops(
        Config(kubeconfig=(kubeconfig,), namespace=cluster_namespace, database_url=url)
    ) as opened:
        yield opened


@pytest.fixture
async def both(cluster: KubeCluster, cluster_namespace: str, beside: str) -> list[str]:
    """A workload of one name in each of the two namespaces, as a request names them from the first."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    await create(cluster, deployment("web", beside, replicas=2))
    return ["deployment/web", f"{beside}/deployment/web"]


async def ended(ops: Ops, run: Run) -> Run:
    """Start it and follow it to its end."""
    await ops.start(run.id, ALICE)
    async with asyncio.timeout(RUN_DEADLINE_S):
        async for _ in ops.watch(run.id):
            pass
    return await ops.get_run(run.id)


async def done(ops: Ops, action: str, **params: Any) -> Run:
    """Propose it, carry it out, and expect that it succeeds."""
    run = await ended(ops, await ops.propose(action, params, ALICE))
    assert run.state is RunState.SUCCEEDED, run.error
    return run


async def replicas(cluster: KubeCluster, *namespaces: str) -> list[int]:
    """How many replicas `web` is to have in each."""
    return [(await replicas_of(cluster, "deployments", "web", name))[0] for name in namespaces]


async def test_a_scale_over_two_namespaces_is_taken_back_by_one_run(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str, beside: str, both: list[str]
) -> None:
    """Each goes back to its own number, in its own namespace, by undo as by `--restore`."""
    run = await done(ops, "scale", targets=both, replicas=3)
    assert {step.target.namespace for step in run.plan.steps} == {cluster_namespace, beside}
    assert where_text(run.plan) == f"{cluster_namespace} and {beside}"
    assert await replicas(cluster, cluster_namespace, beside) == [3, 3]
    back = await ended(ops, await ops.undo(run.id, ALICE))
    assert back.state is RunState.SUCCEEDED, back.error
    assert set(back.plan.params["exactly"]) == {
        f"{cluster_namespace}/deployments.apps/web=1",
        f"{beside}/deployments.apps/web=2",
    }
    assert await replicas(cluster, cluster_namespace, beside) == [1, 2]
    # What the undo did is restored in turn.
    await done(ops, "scale", restore=back.id)
    assert await replicas(cluster, cluster_namespace, beside) == [3, 3]


async def test_an_autoscaler_owns_replicas_in_its_own_namespace_alone(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str, beside: str, both: list[str]
) -> None:
    """Of two workloads of one name it keeps one; its bounds go back where they were."""
    await create(cluster, hpa(beside, "web", 2, 3))
    plan = (await ops.preview("scale", {"targets": both, "replicas": 4}, ALICE)).plan
    assert [one.subjects[0] for one in plan.blockers] == [f"deployment {beside}/web"]
    run = await done(ops, "scale", targets=both, replicas=4, autoscaler="bounds")
    back = (await ops.undo(run.id, ALICE)).plan
    assert set(back.params["exactly"]) == {
        f"{beside}/horizontalpodautoscalers.autoscaling/web=2..3",
        f"{cluster_namespace}/deployments.apps/web=1",
        f"{beside}/deployments.apps/web=2",
    }
    assert {step.target.namespace for step in back.steps} == {cluster_namespace, beside}


async def test_a_restart_over_two_namespaces_replaces_the_pods_of_both(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str, beside: str, both: list[str]
) -> None:
    """One plan, one run, one result for each."""
    before = await _pods(cluster, cluster_namespace, beside)
    run = await done(ops, "restart", targets=both)
    assert [step.target.namespace for step in run.plan.steps] == [cluster_namespace, beside]
    assert before.isdisjoint(await _pods(cluster, cluster_namespace, beside))


async def test_labels_over_two_namespaces_are_set_and_taken_back_where_they_were_set(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str, beside: str, both: list[str]
) -> None:
    """An object of the same name elsewhere must not be the one that is changed."""
    run = await done(ops, "label", targets=both, changes=["tier=gold"])
    assert await _labels(cluster, cluster_namespace, beside) == ["gold", "gold"]
    back = await ended(ops, await ops.undo(run.id, ALICE))
    assert back.state is RunState.SUCCEEDED, back.error
    assert await _labels(cluster, cluster_namespace, beside) == ["", ""]


async def test_a_delete_over_two_namespaces_leaves_out_what_is_gone_by_then(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str, beside: str, both: list[str]
) -> None:
    """What somebody took away in one namespace is looked for there, not where the request is for."""
    run = await ops.propose("delete", {"targets": both}, ALICE)
    assert run.plan.blast_radius["namespaces"] == [cluster_namespace, beside]
    deployments = await cluster.resource("deployments.apps")
    await cluster.delete(deployments, "web", beside)
    over = await ended(ops, run)
    assert over.state is RunState.SUCCEEDED, over.error
    gone = f"{beside}/deployments/web is gone since the plan was made and is left out"
    assert gone in [event.text for event in over.events]
    with pytest.raises(NotFoundError):
        await cluster.get(deployments, "web", cluster_namespace)


async def test_what_is_named_twice_is_one_step(ops: Ops, cluster_namespace: str, both: list[str]) -> None:
    """With its namespace and without, it is the same object."""
    targets = [*both, f"{cluster_namespace}/deploy/web"]
    run = await ops.propose("restart", {"targets": targets}, ALICE)
    assert len(run.plan.steps) == 2


async def test_what_is_missing_is_told_with_the_namespace_it_is_missing_in(
    ops: Ops, cluster_namespace: str, beside: str, both: list[str]
) -> None:
    """The one that is there in another namespace would be found by whoever reads the name alone."""
    targets = [*both, "deployment/api", f"{beside}/deployment/cart"]
    told = (
        f"there is no deployment api in {cluster_namespace} and no deployment cart in {beside}; "
        "nothing was restarted"
    )
    with pytest.raises(NotFoundError, match=told):
        await ops.preview("restart", {"targets": targets}, ALICE)
    with pytest.raises(UsageError, match=r"nodes are in no namespace, write node/n1"):
        await ops.preview("label", {"targets": ["shop/node/n1"], "changes": ["a=b"]}, ALICE)


async def _pods(cluster: KubeCluster, *namespaces: str) -> set[str]:
    pods = await cluster.resource("pods")
    return {one["metadata"]["uid"] for namespace in namespaces async for one in cluster.list(pods, namespace)}


async def _labels(cluster: KubeCluster, *namespaces: str) -> list[str]:
    deployments = await cluster.resource("deployments.apps")
    found = [await cluster.get(deployments, "web", namespace) for namespace in namespaces]
    return [(one["metadata"].get("labels") or {}).get("tier", "") for one in found]
