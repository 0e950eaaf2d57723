"""Evict single pods on a real API server: budgets are asked, by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from k8sops.actions.objects.evict import Evict, EvictParams
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.clock import SystemClock
from k8sops.core.errors import BlockedError
from k8sops.core.plan import JsonObject
from k8sops.core.risk import Risk
from k8sops.core.run import RunState
from k8sops.sandbox.manager import SandboxHandle
from tests.support.desk import Desk
from tests.support.persons import client_as, granted, rule
from tests.support.workloads import create, deployment, naked_pod


def budget(namespace: str, app: str, **spec: Any) -> JsonObject:
    """A PodDisruptionBudget over an app's pods."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": f"{app}-pdb", "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": app}}, **spec},
    }


async def test_an_evicted_pod_is_gone_and_another_takes_its_place(desk: Desk, cluster: KubeCluster) -> None:
    """Done means gone, not accepted."""
    await create(cluster, deployment("web", desk.namespace, replicas=2))
    first, _ = await desk.ready_pods(cluster, "web", 2)
    run = await desk.do("evict", first["metadata"]["name"])
    assert run.state is RunState.SUCCEEDED, run.error
    after = await desk.ready_pods(cluster, "web", 2)
    assert first["metadata"]["uid"] not in {pod["metadata"]["uid"] for pod in after}


async def test_a_budget_that_never_opens_is_told_beforehand_and_ends_the_run_at_its_deadline(
    desk: Desk, cluster: KubeCluster
) -> None:
    """kubectl retries without a word; here the budget is named, before and after."""
    await create(cluster, budget(desk.namespace, "web", minAvailable=1))
    await create(cluster, deployment("web", desk.namespace, replicas=1))
    (pod,) = await desk.ready_pods(cluster, "web", 1)
    name = pod["metadata"]["name"]
    plan = (await desk.plan("evict", name)).plan
    assert [one.code for one in plan.findings] == ["budget_spent"]
    assert "web-pdb" in plan.findings[0].text
    run = await desk.do("evict", name, timeout=9)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "could not be evicted within 9 s" in run.error.message
    assert "web-pdb" in run.error.message
    (still,) = await desk.ready_pods(cluster, "web", 1)
    assert still["metadata"]["uid"] == pod["metadata"]["uid"]


async def test_a_pod_that_nothing_makes_again_needs_the_flag(desk: Desk, cluster: KubeCluster) -> None:
    """What it held is lost: destructive, and asked for by name."""
    await create(cluster, naked_pod("alone", desk.namespace))
    await desk.ready_pods(cluster, "alone", 1)
    with pytest.raises(BlockedError, match="alone") as caught:
        await desk.do("evict", "alone")
    assert "--force" in caught.value.message + caught.value.hint
    forced = (await desk.plan("evict", "alone", force=True)).plan
    assert forced.risk is Risk.DESTRUCTIVE
    assert (await desk.do("evict", "alone", force=True)).state is RunState.SUCCEEDED


async def test_a_pod_under_two_budgets_is_a_blocker(desk: Desk, cluster: KubeCluster) -> None:
    """The Eviction API answers 500 and would do so for ever."""
    for name in ("one", "two"):
        manifest = budget(desk.namespace, "web", maxUnavailable=1)
        manifest["metadata"]["name"] = name
        await create(cluster, manifest)
    await create(cluster, deployment("web", desk.namespace, replicas=1))
    (pod,) = await desk.ready_pods(cluster, "web", 1)
    plan = (await desk.plan("evict", pod["metadata"]["name"])).plan
    assert [one.code for one in plan.blockers] == ["two_budgets"]


async def test_who_may_not_evict_is_told_so_by_the_plan(
    desk: Desk, cluster: KubeCluster, sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """The dry run needs the right that the run needs: there is nothing to wait for."""
    await create(cluster, deployment("web", desk.namespace))
    await desk.ready_pods(cluster, "web", 1)
    params = EvictParams.model_validate({"selector": "app=web", "namespace": desk.namespace})
    async with (
        granted(cluster, "reader", rule("", "pods", "get", "list")),
        client_as(sandbox, tmp_path, "reader") as client,
    ):
        plan = await Evict().plan(params, ReadOnlyCluster(client), SystemClock())
    (blocker,) = plan.blockers
    assert 'user "reader" may not create pods/eviction' in blocker.text
