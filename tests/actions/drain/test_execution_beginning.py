"""Nodes of one drain that begin one after the other: none is taken for empty before its pods were looked at."""

from __future__ import annotations

import asyncio
from typing import Any

from k8sops.actions.drain.action import Drain
from k8sops.actions.drain.draining import Drainage
from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.planning import plan_drain
from k8sops.core.clock import SystemClock
from k8sops.core.ports import Cluster
from tests.actions.drain.ground import WITHIN_S, Ground
from tests.support.journals import NotedJournal
from tests.support.workloads import create


class SlowToTell:
    """The cluster, which answers about DaemonSets only once it may."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.asked, self.may = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def get(self, resource: Any, name: str, namespace: str = "") -> Any:
        if resource.plural == "daemonsets":
            self.asked.set()
            await self.may.wait()
        return await self._cluster.get(resource, name, namespace)


async def test_a_node_that_begins_while_anothers_pods_are_judged_is_not_taken_for_empty(
    ground: Ground, cluster: Cluster
) -> None:
    """It was said to be drained with `0 of 0 pods left`, and the run succeeded while its pods were still there."""
    first, second, _ = await ground.add_nodes(3)
    daemons = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": ground.namespace},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": ground.template("agent")},
    }
    await create(cluster, daemons)
    await ground.until(lambda: _has(ground, first, 1))
    await ground.until(lambda: _has(ground, second, 1))
    async with ground.only(second):
        await ground.workload("Deployment", "web", 2)
    params = DrainParams(nodes=(first, second), ignore_daemonsets=True)
    plan = await plan_drain(Drain(), params, cluster, SystemClock())
    for node in (first, second):
        await ground.patch("nodes", node, {"spec": {"unschedulable": True}})
    slow = SlowToTell(cluster)
    drainage = Drainage(plan, params, slow, NotedJournal())
    one, other = (step for step in plan.steps if step.verb == "drain")
    await drainage.begin()
    async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as tasks:
        deciding = tasks.create_task(drainage.decide())
        tasks.create_task(drainage.drain_node(one))
        await slow.asked.wait()
        later = tasks.create_task(drainage.drain_node(other))
        await asyncio.sleep(0)
        slow.may.set()
        said = await later
        deciding.cancel()
    await drainage.aclose()
    assert said == f"node {second} is drained: 2 of 2 pods left"
    assert [pod["metadata"]["labels"]["app"] for pod in await ground.pods(second)] == ["agent"]


async def _has(ground: Ground, node: str, number: int) -> bool:
    return len(await ground.pods(node)) == number
