"""Plans of drains on a real control plane: what is read, what holds while a plan waits, what voids it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from k8sops.actions.drain.action import Drain
from k8sops.actions.drain.params import DrainParams
from k8sops.cluster.identity import Impersonation
from k8sops.core.clock import SystemClock
from k8sops.core.drift import drift_between
from k8sops.core.errors import ForbiddenError, NotFoundError
from k8sops.core.plan import Item, JsonObject, Plan
from k8sops.core.ports import Cluster, ClusterReader
from tests.actions.drain.ground import POOL, Ground
from tests.support.clients import client_of
from tests.support.workloads import create


async def planned(cluster: ClusterReader, *nodes: str, **given: Any) -> Plan:
    """The plan of a drain, DaemonSets left alone."""
    values = {"nodes": nodes, "ignore_daemonsets": True} | given
    return await Drain().plan(DrainParams.model_validate(values), cluster, SystemClock())


def items_of(plan: Plan) -> list[Item]:
    """All items of all steps."""
    return [item for step in plan.steps if step.bulk for item in step.bulk.items]


@pytest.fixture
async def two(ground: Ground) -> list[str]:
    """Two nodes; the Deployment `web` runs two pods on the first."""
    nodes = await ground.add_nodes(2)
    async with ground.only(nodes[0]):
        await ground.workload("Deployment", "web", 2)
    return nodes


async def test_a_pool_is_planned_by_its_label_and_the_plan_changes_nothing(
    ground: Ground, two: list[str]
) -> None:
    """Each pod has its landing; the node is as it was."""
    plan = await planned(ground.cluster, two[0])
    items = items_of(plan)
    assert [(item.verb, item.group) for item in items] == [("evict", "replicated")] * 2
    assert {item.data["lands_on"] for item in items} == {two[1]}
    assert plan.summary.startswith("Fits: 2 pods move, none stays pending")
    assert not (await ground.node(two[0]))["spec"].get("unschedulable")
    pool = await planned(ground.cluster, pool=ground.namespace, pool_label=(POOL,))
    assert {step.target.name for step in pool.steps} == set(two)
    assert "last_host" in {finding.code for finding in pool.blockers}, "nothing else bears the pool's taint"


async def test_status_changes_leave_a_waiting_plan_as_it_is(ground: Ground, two: list[str]) -> None:
    """Heartbeats, readiness, phases: none of them is anything that somebody approved."""
    await ground.budget("web", maxUnavailable=1)
    plan = await planned(ground.cluster, *two, allow_pending=True)
    pods = await ground.pods(app="web")
    for number in range(10):
        for pod in pods:
            await flap(ground.cluster, "pods", pod, ready=number % 2 == 0)
        await flap(ground.cluster, "nodes", await ground.node(two[1]), ready=True)
        if number in {0, 9}:
            again = await planned(ground.cluster, *two, allow_pending=True)
            assert drift_between(plan, again) == ()


async def flap(cluster: Cluster, kind: str, found: JsonObject, *, ready: bool) -> None:
    """Write a condition of an object's status anew."""
    condition = {"type": "Ready", "status": "True" if ready else "False", "reason": "Flapping"}
    meta = found["metadata"]
    await cluster.patch(
        await cluster.resource(kind),
        meta["name"],
        meta.get("namespace", ""),
        body={"status": {"conditions": [condition]}},
        patch_type="strategic",
        subresource="status",
    )


async def test_another_pod_of_a_known_class_is_no_drift_and_one_nothing_makes_again_is(
    ground: Ground, two: list[str]
) -> None:
    """Pods come and go while a plan waits; one that would be lost was approved by nobody."""
    plan = await planned(ground.cluster, two[0])
    async with ground.only(two[0]):
        await ground.patch("deployments", "web", {"spec": {"replicas": 3}})
        await ground.until(lambda: _has(ground, "web", 3))
    more = await planned(ground.cluster, two[0])
    assert len(items_of(more)) == 3
    assert drift_between(plan, more) == ()
    assert plan.digest != more.digest
    await ground.bare("solo", on=two[0])
    lost = await planned(ground.cluster, two[0])
    assert any("a new blocker" in text for text in drift_between(plan, lost))
    assert f"{ground.namespace}/solo" in lost.blockers[0].text


async def _has(ground: Ground, app: str, count: int) -> bool:
    return len([pod for pod in await ground.pods(app=app) if pod["spec"].get("nodeName")]) == count


async def test_a_pod_that_finishes_while_the_plan_waits_is_no_drift(ground: Ground, two: list[str]) -> None:
    """Its class is who owns it, not what state it is in."""
    await ground.bare("solo", on=two[0])
    plan = await planned(ground.cluster, two[0], force=True)
    solo = (await ground.pods(app="solo"))[0]["metadata"]
    await ground.cluster.patch(
        await ground.cluster.resource("pods"),
        solo["name"],
        solo["namespace"],
        body={"status": {"phase": "Succeeded"}},
        subresource="status",
    )
    again = await planned(ground.cluster, two[0], force=True)
    assert "has finished and is removed" in {item.why for item in items_of(again)}
    assert drift_between(plan, again) == ()


async def test_one_missing_node_refuses_them_all(ground: Ground, two: list[str]) -> None:
    """kubectl looks before it cordons; so do we."""
    with pytest.raises(NotFoundError, match="no-such-node"):
        await planned(ground.cluster, two[0], "no-such-node")


async def test_pod_selector_leaves_other_pods_out(ground: Ground, two: list[str]) -> None:
    """They stay, as with kubectl, and are no part of the plan."""
    await ground.bare("solo", on=two[0])
    plan = await planned(ground.cluster, two[0], pod_selector="app=web")
    assert {item.target.name.split("-")[0] for item in items_of(plan)} == {"web"}
    assert not plan.blockers


async def test_what_is_read_in_small_pages_is_the_same(ground: Ground, two: list[str]) -> None:
    """--chunk-size 1: as many requests as there are pods."""
    plan = await planned(ground.cluster, two[0], chunk_size=1)
    whole = await planned(ground.cluster, two[0])
    assert [item.target for item in items_of(plan)] == [item.target for item in items_of(whole)]


async def test_whoever_may_read_less_gets_a_plan_that_says_what_it_lacks(
    ground: Ground, two: list[str], kubeconfig: Path
) -> None:
    """Nodes, pods and budgets are needed; the rest only sharpens the forecast."""
    user = f"planner-{ground.namespace}"
    rules = [
        {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list"]},
        {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["list"]},
    ]
    role = cluster_role(user, rules)
    for manifest in role:
        await create(ground.cluster, manifest)
    try:
        async with client_of(kubeconfig, impersonate=Impersonation(user=user, groups=())) as reader:
            await ground.until(lambda: _may_plan(reader, two[0]))
            plan = await planned(reader, two[0])
    finally:
        for manifest in role:
            kind = await ground.cluster.resource(manifest["kind"])
            await ground.cluster.delete(kind, user)
    unread = next(finding for finding in plan.findings if finding.code == "unread")
    assert {"services", "replicasets", "persistentvolumes"} <= set(unread.subjects)
    assert len(items_of(plan)) == 2


async def _may_plan(reader: ClusterReader, node: str) -> bool:
    try:
        await planned(reader, node)
    except ForbiddenError:
        return False
    return True


def cluster_role(user: str, rules: list[JsonObject]) -> list[JsonObject]:
    """A role for the whole cluster, bound to one user; both are called like the user."""
    api = "rbac.authorization.k8s.io"
    return [
        {
            "apiVersion": f"{api}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": user},
            "rules": rules,
        },
        {
            "apiVersion": f"{api}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": user},
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": user},
            "subjects": [{"kind": "User", "name": user, "apiGroup": api}],
        },
    ]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.0", "needs_new_node"),
        ("example/app:1", "last_host"),
    ],
)
async def test_an_autoscaler_is_recognised_by_what_runs(
    ground: Ground, two: list[str], image: str, expected: str
) -> None:
    """With one, a pod without a place waits for a node; without one it waits for ever."""
    template = ground.template("autoscaler", on=two[1])
    template["spec"]["containers"][0]["image"] = image
    body: JsonObject = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "autoscaler", "namespace": ground.namespace},
        "spec": {"selector": {"matchLabels": {"app": "autoscaler"}}, "template": template},
    }
    await create(ground.cluster, body)
    try:
        plan = await planned(ground.cluster, *two)
        assert expected in {finding.code for finding in plan.findings if "web" in finding.text}
    finally:
        deployments = await ground.cluster.resource("deployments.apps")
        await ground.cluster.delete(deployments, "autoscaler", ground.namespace)
