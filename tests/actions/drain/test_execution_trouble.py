"""A drain in trouble: budgets that never open, pods that never end, nodes that vanish, people who interfere."""

from __future__ import annotations

from pathlib import Path

from k8sops.core.ops import Ops
from k8sops.core.run import Run, RunState
from tests.actions.drain.ground import (
    ALICE,
    FAST,
    POOL,
    READY,
    Ground,
    begun,
    drained,
    ended,
    heard,
    service,
    told,
)
from tests.support.fault_proxy import FaultProxy
from tests.support.workloads import create

CORDONED = "node.kubernetes.io/unschedulable"
HELD = "tests.k8sops.dev/hold"
SLOW = {READY: "1h"}


def error_of(run: Run) -> str:
    """What it failed with."""
    assert run.state is RunState.FAILED, (run.outcome, told(run))
    assert run.error is not None
    return run.error.message


async def held_by_budget(ground: Ground, ops: Ops, node: str, **params: object) -> Run:
    """A drain that waits: of two pods that can run on this node only, a budget lets just one go."""
    await ground.workload("Deployment", "web", 2, on=node)
    await ground.budget("web", maxUnavailable=1)
    run = await begun(ops, nodes=[node], allow_pending=True, **params)
    await heard(ops, run.id, lambda text: "web-pdb: 0 disruptions allowed" in text)
    return run


async def test_a_budget_that_never_opens_is_named_at_the_deadline(ground: Ground, ops: Ops) -> None:
    """And the node takes pods again, with nothing of ours left on it."""
    [first] = await ground.add_nodes(1)
    run = await ended(ops, (await held_by_budget(ground, ops, first, timeout=20, taint=True)).id)
    message = error_of(run)
    assert f"node {first} is not drained after 20 s (1 of 2 pods left)" in message
    assert f"({ground.namespace}/web-pdb: 0 disruptions allowed, since " in message
    node = await ground.node(first)
    assert "unschedulable" not in node["spec"]
    await ground.tainted(first, POOL)
    assert not [key for key in node["metadata"].get("annotations", {}) if key.startswith("k8sops.dev/")]


async def test_on_failure_keep_leaves_the_cordon_and_says_how_to_go_back(ground: Ground, ops: Ops) -> None:
    """Who is about to switch the machine off anyway wants no new pods on it."""
    [first] = await ground.add_nodes(1)
    run = await ended(ops, (await held_by_budget(ground, ops, first, timeout=15, on_failure="keep")).id)
    error_of(run)
    assert (await ground.node(first))["spec"]["unschedulable"] is True


async def test_a_cordon_of_somebody_else_is_never_taken_back(ground: Ground, ops: Ops) -> None:
    """It has a reason of its own."""
    [first] = await ground.add_nodes(1)
    await ground.workload("Deployment", "web", 2, on=first)
    await ground.patch("nodes", first, {"spec": {"unschedulable": True}})
    await ground.tainted(first, CORDONED, POOL)
    await ground.budget("web", maxUnavailable=1)
    run = await drained(ops, nodes=[first], allow_pending=True, timeout=3, taint=True)
    error_of(run)
    node = await ground.node(first)
    assert node["spec"]["unschedulable"] is True
    assert {taint["key"] for taint in node["spec"]["taints"]} == {CORDONED, POOL}


async def test_a_pod_that_never_ends_is_named_with_its_finalizers(ground: Ground, ops: Ops) -> None:
    """Nobody finds that out from a drain that just waits."""
    first, _ = await ground.add_nodes(2)
    async with ground.only(first):
        await ground.workload("Deployment", "stuck", 1, finalizer=HELD)
    run = await begun(ops, nodes=[first], timeout=40)
    said = await heard(ops, run.id, lambda text: text.startswith("note: pod"))
    assert f"finalizers {HELD} hold it" in said
    message = error_of(await ended(ops, run.id))
    assert f"should have ended but is still there (finalizers {HELD} hold it)" in message


async def test_a_node_that_vanishes_ends_its_drain_truly_and_not_the_others(ground: Ground, ops: Ops) -> None:
    """What went with it is named; the neighbour is drained all the same."""
    first, second, _ = await ground.add_nodes(3)
    await ground.workload("Deployment", "web", 2, on=first)
    async with ground.only(second):
        await ground.workload("Deployment", "calm", 1)
    await ground.budget("web", maxUnavailable=1)
    run = await begun(ops, nodes=[first, second], allow_pending=True)
    await heard(ops, run.id, lambda text: "web-pdb: 0 disruptions allowed" in text)
    nodes = await ground.cluster.resource("nodes")
    await ground.cluster.delete(nodes, first)
    message = error_of(await ended(ops, run.id))
    assert f"node {first} vanished while it was being drained (1 of 2 pods left before)" in message
    assert f"drained: {second}" in message
    assert (await ground.node(second))["spec"]["unschedulable"] is True


async def test_an_uncordon_in_the_middle_stops_that_node(ground: Ground, ops: Ops) -> None:
    """New pods would come as fast as old ones go."""
    [first] = await ground.add_nodes(1)
    run = await held_by_budget(ground, ops, first)
    await ground.patch("nodes", first, {"spec": {"unschedulable": None}})
    message = error_of(await ended(ops, run.id))
    assert f"node {first} was uncordoned by something else while it was being drained" in message


async def test_a_newcomer_that_needs_a_flag_stops_the_node_by_name(ground: Ground, ops: Ops) -> None:
    """It was not in the plan anybody said yes to, and evicted it would be lost."""
    [first] = await ground.add_nodes(1)
    run = await held_by_budget(ground, ops, first)
    await newcomer(ground, "lonely", first)
    over = await ended(ops, run.id)
    assert f"pod {ground.namespace}/lonely stops the drain of node {first}" in error_of(over)
    assert over.error is not None
    assert "--force" in over.error.hint
    assert await ground.get("pods", "lonely")


async def test_a_newcomer_within_the_flags_leaves_too(ground: Ground, ops: Ops) -> None:
    """The node is to be empty, not rid of what was there at some moment."""
    [first] = await ground.add_nodes(1)
    run = await held_by_budget(ground, ops, first, force=True)
    await newcomer(ground, "late", first)
    await ground.until(lambda: ground.gone("late"))
    await ground.patch("poddisruptionbudgets.policy", "web-pdb", {"spec": {"maxUnavailable": 2}})
    over = await ended(ops, run.id)
    assert over.state is RunState.SUCCEEDED, (over.error, told(over))
    assert await ground.pods(first) == []


async def newcomer(ground: Ground, name: str, node: str) -> None:
    """A pod bound to the node past the scheduler."""
    template = ground.template(name)
    template["spec"]["nodeName"] = node
    template["spec"]["nodeSelector"] = {}
    meta = template["metadata"] | {"name": name, "namespace": ground.namespace}
    await create(ground.cluster, template | {"apiVersion": "v1", "kind": "Pod", "metadata": meta})


async def test_a_cancel_leaves_nothing_of_the_run_behind(ground: Ground, ops: Ops) -> None:
    """The nodes it had cordoned take pods again; what has moved stays moved."""
    first, second = await ground.add_nodes(2)
    await ground.patch("nodes", second, {"spec": {"unschedulable": True}})
    await ground.workload("Deployment", "web", 2, on=first)
    await ground.budget("web", maxUnavailable=1)
    run = await begun(ops, nodes=[first, second], allow_pending=True, taint=True)
    await heard(ops, run.id, lambda text: "web-pdb: 0 disruptions allowed" in text)
    await ops.cancel(run.id, ALICE, "enough")
    over = await ended(ops, run.id)
    assert over.state is RunState.CANCELLED, (over.error, told(over))
    assert f"taken back: cordon nodes/{first}" in over.outcome
    assert "to go back" not in over.outcome
    assert "unschedulable" not in (await ground.node(first))["spec"]
    await ground.tainted(first, POOL)
    assert (await ground.node(second))["spec"]["unschedulable"] is True


async def test_a_stateful_pod_made_again_while_its_eviction_waits_is_left_alone(
    ground: Ground, kubeconfig: Path, tmp_path: Path
) -> None:
    """kubectl evicts whatever has the name by then, on whatever node it is (kubernetes#138229)."""
    first, second = await ground.add_nodes(2)
    async with ground.only(first):
        await ground.workload("StatefulSet", "db", 1)
    await ground.budget("db", maxUnavailable=1)
    async with FaultProxy(kubeconfig) as proxy, service(proxy.kubeconfig, tmp_path) as ops:
        refusal = "Cannot evict pod. The disruption budget db-pdb needs 1 healthy pods and has 1 currently"
        proxy.fail(429, path="/eviction", times=1000, reason="TooManyRequests", message=refusal)
        run = await begun(ops, nodes=[first])
        await heard(ops, run.id, lambda text: "db-pdb" in text)
        asked = evictions(proxy)
        pods = await ground.cluster.resource("pods")
        await ground.cluster.delete(pods, "db-0", ground.namespace, grace_period_seconds=0)
        over = await ended(ops, run.id)
    assert over.state is RunState.SUCCEEDED, (over.error, told(over))
    assert evictions(proxy) == asked
    again = await ground.get("pods", "db-0")
    assert again["spec"]["nodeName"] == second
    assert "deletionTimestamp" not in again["metadata"]


async def test_retry_after_is_honoured_where_the_server_names_a_time(
    ground: Ground, kubeconfig: Path, tmp_path: Path
) -> None:
    """A server that asks for patience has its reasons; asked once more than needed, every pod would be."""
    first, _ = await ground.add_nodes(2)
    async with ground.only(first):
        await ground.workload("Deployment", "web", 1, annotations=FAST)
    async with FaultProxy(kubeconfig) as proxy, service(proxy.kubeconfig, tmp_path) as ops:
        rule = proxy.fail(429, path="/eviction", times=1, reason="TooManyRequests", retry_after=3)
        run = await drained(ops, nodes=[first])
    assert run.state is RunState.SUCCEEDED, (run.error, told(run))
    assert rule.hits == 1
    assert evictions(proxy) == 2
    assert run.started_at is not None
    assert run.ended_at is not None
    assert (run.ended_at - run.started_at).total_seconds() >= 3, "what the server asked for"


def evictions(proxy: FaultProxy) -> int:
    """How many were sent."""
    return sum(one.method == "POST" and one.path.endswith("/eviction") for one in proxy.seen)


async def test_without_the_right_to_watch_budgets_their_refusals_are_waited_out(
    ground: Ground, kubeconfig: Path, tmp_path: Path
) -> None:
    """A budget that cannot be seen is still obeyed, and asked now and then, not in a loop."""
    first, _ = await ground.add_nodes(2)
    async with ground.only(first):
        await ground.workload("Deployment", "web", 2, annotations={READY: "1s"})
    await ground.budget("web", maxUnavailable=1)
    async with FaultProxy(kubeconfig) as proxy, service(proxy.kubeconfig, tmp_path) as ops:
        proxy.fail(403, path="poddisruptionbudgets", times=1000, reason="Forbidden", watches=True)
        async with ground.lowest_ready("web") as lowest:
            run = await drained(ops, nodes=[first])
    assert run.state is RunState.SUCCEEDED, (run.error, told(run))
    assert any("goes on without seeing poddisruptionbudgets" in event.text for event in run.events)
    assert lowest() == 1
    assert 3 <= evictions(proxy) <= 4


async def test_uncordon_takes_away_what_a_drain_wrote(ground: Ground, ops: Ops) -> None:
    """A taint left on a node that takes pods again would keep most of them off, and nobody would know why."""
    first, _ = await ground.add_nodes(2)
    run = await drained(ops, nodes=[first], taint=True)
    assert run.state is RunState.SUCCEEDED, (run.error, told(run))
    back = await ops.propose("uncordon", {"nodes": [first]}, ALICE)
    await ops.start(back.id, ALICE)
    assert (await ended(ops, back.id)).state is RunState.SUCCEEDED
    node = await ground.node(first)
    assert not [taint for taint in node["spec"].get("taints", []) if taint["key"].startswith("k8sops.dev/")]
    assert not [key for key in node["metadata"].get("annotations", {}) if key.startswith("k8sops.dev/")]
