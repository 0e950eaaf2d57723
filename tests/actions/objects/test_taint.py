"""Taints on a node of the test's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import BlockedError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.risk import Risk
from k8sops.core.run import RunState
from tests.support.desk import Desk
from tests.support.workloads import create, naked_pod


@pytest.fixture
async def node(cluster: KubeCluster) -> AsyncIterator[str]:
    """A node that nothing simulates, so that nobody else's pods land on it."""
    name = f"own-{uuid.uuid4().hex[:6]}"
    manifest = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"taints": [{"key": "theirs", "value": "x", "effect": "NoSchedule"}]},
    }
    await create(cluster, manifest)
    yield name
    await cluster.delete(await cluster.resource("nodes"), name)


async def _taints(cluster: KubeCluster, node: str) -> set[str]:
    found: JsonObject = await cluster.get(await cluster.resource("nodes"), node)
    return {
        f"{one['key']}={one.get('value', '')}:{one['effect']}"
        for one in found["spec"].get("taints", [])
        if not one["key"].startswith("node.kubernetes.io/")
    }


async def test_a_taint_is_set_changed_and_taken_back_and_others_stay(
    desk: Desk, cluster: KubeCluster, node: str
) -> None:
    """The list is written whole: a taint that somebody else set must not be lost with it."""
    run = await desk.do("taint", node, "dedicated=batch:NoSchedule")
    assert run.state is RunState.SUCCEEDED, run.error
    assert await _taints(cluster, node) == {"theirs=x:NoSchedule", "dedicated=batch:NoSchedule"}
    changed = await desk.do("taint", node, "dedicated=web:NoSchedule", overwrite=True)
    assert (await desk.undo(changed)).state is RunState.SUCCEEDED
    assert "dedicated=batch:NoSchedule" in await _taints(cluster, node)
    removed = await desk.do("taint", node, "dedicated-")
    assert removed.state is RunState.SUCCEEDED, removed.error
    assert await _taints(cluster, node) == {"theirs=x:NoSchedule"}
    assert (await desk.plan("taint", node, "dedicated-")).plan.summary.startswith("Nothing to do")


async def test_a_no_execute_taint_names_the_pods_it_would_throw_out(
    desk: Desk, cluster: KubeCluster, node: str
) -> None:
    """They end without any budget being asked; one that tolerates it stays and is not counted."""
    bearing = naked_pod("bearing", desk.namespace)
    bearing["spec"] |= {"nodeName": node, "tolerations": [{"key": "out", "operator": "Exists"}]}
    going = naked_pod("going", desk.namespace)
    going["spec"] |= {"nodeName": node, "tolerations": [{"key": "theirs", "operator": "Exists"}]}
    await create(cluster, bearing)
    await create(cluster, going)
    plan = (await desk.plan("taint", node, "out=now:NoExecute")).plan
    (finding,) = plan.findings
    assert (finding.level, finding.code) == ("warning", "throws_pods_out")
    assert (
        f"1 pod does not tolerate it: thrown out at once, whatever budgets say: {desk.namespace}/going"
        in (finding.text)
    )
    assert plan.risk is Risk.DISRUPTIVE


async def test_a_value_is_replaced_only_when_asked_and_nonsense_is_refused(desk: Desk, node: str) -> None:
    """An effect that does not exist would be refused by the server in terms of JSON."""
    with pytest.raises(BlockedError, match="theirs=x:NoSchedule"):
        await desk.do("taint", node, "theirs=y:NoSchedule")
    with pytest.raises(UsageError, match="no effect that exists"):
        await desk.plan("taint", node, "a=b:NoSuch")


async def test_a_taint_that_goes_is_told_as_removed(desk: Desk, node: str) -> None:
    """`theirs-.` at the end of a sentence reads as a typing error."""
    plan = (await desk.plan("taint", node, "theirs-")).plan
    assert plan.summary == f"Safe: nodes/{node}: theirs removed."
