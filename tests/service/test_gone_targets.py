"""Targets that are gone when a run begins: one rule for every action that takes several (DESIGN §8, Drift)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.errors import NotFoundError
from k8sops.core.ops import Ops
from k8sops.core.run import Run, RunState
from k8sops.service import open_ops
from k8sops.service.config import Config
from tests.support.workloads import create, deployment

ALICE = Actor(name="kubernetes-admin")
RUN_DEADLINE_S = 120

BOTH = ["deployment/web", "deployment/api"]
ACTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "scale": ("scale", {"targets": BOTH, "replicas": 2}),
    "scale-exactly": ("scale", {"exactly": ["deployments.apps/web=2", "deployments.apps/api=2"]}),
    "restart": ("restart", {"targets": BOTH}),
    "label": ("label", {"targets": BOTH, "changes": ["tier=gold"]}),
    "delete": ("delete", {"targets": BOTH}),
    "scale-selected": ("scale", {"targets": ["deployment"], "selector": "team=shop", "replicas": 2}),
}


@pytest.fixture
async def ops(kubeconfig: Path, cluster_namespace: str, tmp_path: Path) -> AsyncIterator[Ops]:
    """The service, acting in the test's namespace."""
    url = f"sqlite:///{tmp_path}/k8sops.db"
    async with open_ops(
        Config(kubeconfig=(kubeconfig,), namespace=cluster_namespace, database_url=url)
    ) as opened:
        yield opened


@pytest.fixture
async def shop(cluster: KubeCluster, cluster_namespace: str) -> None:
    """Two workloads of one pod each, which is there: what goes with a workload is part of what is approved."""
    for name in ("web", "api"):
        manifest = deployment(name, cluster_namespace, replicas=1)
        manifest["metadata"]["labels"] = {"team": "shop"}
        await create(cluster, manifest)
    pods, seen = await cluster.resource("pods"), set[str]()
    async with asyncio.timeout(RUN_DEADLINE_S), aclosing(cluster.watch(pods, cluster_namespace)) as events:
        async for event in events:
            seen.add(event.object.get("metadata", {}).get("labels", {}).get("app", ""))
            if {"web", "api"} <= seen:
                return


async def removed(cluster: KubeCluster, namespace: str, name: str) -> None:
    """Somebody else takes a workload away."""
    await cluster.delete(await cluster.resource("deployments.apps"), name, namespace)


async def ended(ops: Ops, run: Run) -> Run:
    """Start it and follow it to its end."""
    await ops.start(run.id, ALICE)
    async with asyncio.timeout(RUN_DEADLINE_S):
        async for _ in ops.watch(run.id):
            pass
    return await ops.get_run(run.id)


@pytest.mark.parametrize("case", ACTIONS)
@pytest.mark.usefixtures("shop")
async def test_what_is_gone_is_left_out_and_the_rest_is_done(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str, case: str
) -> None:
    """Whoever took one away did not ask for the others to be left undone."""
    action, params = ACTIONS[case]
    run = await ops.propose(action, params, ALICE)
    assert len(run.plan.steps) == 2
    await removed(cluster, cluster_namespace, "api")
    assert await ops.drift(run.id) == ()
    done = await ended(ops, run)
    assert done.state is RunState.SUCCEEDED, done.error
    note = f"{cluster_namespace}/deployments/api is gone since the plan was made and is left out"
    assert [event.text for event in done.events if "left out" in event.text] == [note]
    assert {event.step for event in done.events if event.kind == "step_started"} == {
        step.id for step in run.plan.steps if step.target.name == "web"
    }


@pytest.mark.parametrize("case", ACTIONS)
@pytest.mark.usefixtures("shop")
async def test_with_all_of_it_gone_nothing_is_left_to_do(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str, case: str
) -> None:
    """The run ends in one sentence that names what is gone."""
    action, params = ACTIONS[case]
    run = await ops.propose(action, params, ALICE)
    for name in ("web", "api"):
        await removed(cluster, cluster_namespace, name)
    done = await ended(ops, run)
    assert done.state is RunState.VOID
    both = f"{cluster_namespace}/deployments/api, {cluster_namespace}/deployments/web"
    assert done.outcome == f"void: nothing is left to do: {both} are gone since the plan was made"


@pytest.mark.usefixtures("shop")
async def test_a_name_that_never_was_is_an_error_when_it_is_planned(ops: Ops, cluster_namespace: str) -> None:
    """A mistake in typing is no target that is gone: nothing is done at all."""
    with pytest.raises(NotFoundError, match="wbe"):
        await ops.propose("scale", {"targets": ["deployment/wbe", "deployment/api"], "replicas": 2}, ALICE)


@pytest.mark.usefixtures("shop")
async def test_what_was_deleted_and_made_again_is_not_gone(
    ops: Ops, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Another object under the name was never approved."""
    run = await ops.propose("scale", {"targets": BOTH, "replicas": 2}, ALICE)
    await removed(cluster, cluster_namespace, "api")
    await create(cluster, deployment("api", cluster_namespace, replicas=1))
    done = await ended(ops, run)
    assert done.state is RunState.VOID
    assert "was deleted and made again" in done.outcome
