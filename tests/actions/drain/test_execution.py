"""Draining real nodes: who leaves, what is written on the node, and what is waited for before it is called drained."""

from __future__ import annotations

from k8sops.core.ops import Ops
from k8sops.core.run import RunState
from tests.actions.drain.ground import READY, STOP, Ground, begun, drained, ended, heard, is_ready, told
from tests.support.workloads import create


async def test_a_drained_node_is_empty_and_its_pods_run_elsewhere(ground: Ground, ops: Ops) -> None:
    """And whoever finds the node cordoned can read who did it, why and when."""
    first, second = await ground.add_nodes(2)
    await ground.workload("Deployment", "web", 3)
    run = await drained(ops, nodes=[first], taint=True)
    assert run.state is RunState.SUCCEEDED, (run.error, told(run))
    assert await ground.pods(first) == []
    assert sum(is_ready(pod) for pod in await ground.pods(second)) == 3
    node = await ground.node(first)
    assert node["spec"]["unschedulable"] is True
    assert {"key": "k8sops.dev/drain", "value": run.id, "effect": "NoSchedule"} in node["spec"]["taints"]
    notes = node["metadata"]["annotations"]
    assert notes["k8sops.dev/cordon-run"] == run.id
    assert notes["k8sops.dev/cordon-by"] == "kubernetes-admin"
    assert notes["k8sops.dev/cordon-reason"] == "drain"
    assert run.progress.done == run.progress.total


async def test_each_eviction_is_on_record_under_the_node_and_the_pod(ground: Ground, ops: Ops) -> None:
    """Somebody who takes the run over, or reads the audit, finds each pod by its own path."""
    first, _ = await ground.add_nodes(2)
    await ground.workload("StatefulSet", "db", 2, on=first)
    run = await drained(ops, nodes=[first], allow_pending=True)
    assert run.state is RunState.SUCCEEDED, (run.error, told(run))
    done = {event.step for event in run.events if event.kind == "step_done"}
    space = ground.namespace
    assert {f"drain/node:{first}/evict:{space}.db-0", f"drain/node:{first}/evict:{space}.db-1"} <= done


async def test_pods_have_their_grace_period_and_the_run_waits_for_it(ground: Ground, ops: Ops) -> None:
    """Accepted is not gone: what says done while pods still end is believed once."""
    first, _ = await ground.add_nodes(2)
    await ground.workload("Deployment", "slow", 2, grace_s=3, annotations={STOP: "grace", READY: "100ms"})
    run = await drained(ops, nodes=[first])
    assert run.state is RunState.SUCCEEDED, (run.error, told(run))
    assert run.started_at is not None
    assert run.ended_at is not None
    # The server keeps whole seconds of the time of deletion: of 3 s of grace at least 2 are left.
    assert (run.ended_at - run.started_at).total_seconds() >= 2
    assert await ground.pods(first) == []


async def test_a_node_is_drained_only_when_what_left_it_is_ready_elsewhere(ground: Ground, ops: Ops) -> None:
    """Else the next node's drain takes the rest of the service down."""
    first, second = await ground.add_nodes(2)
    await ground.workload("Deployment", "web", 2, annotations={READY: "3s"})
    run = await begun(ops, nodes=[first])
    await heard(ops, run.id, lambda text: "not ready" in text)
    over = await ended(ops, run.id)
    assert over.state is RunState.SUCCEEDED, (over.error, told(over))
    assert sum(is_ready(pod) for pod in await ground.pods(second)) == 2


async def test_turns_of_nodes_begin_when_the_one_before_is_settled(ground: Ground, ops: Ops) -> None:
    """`--max-unavailable-capacity` holds the second node back until the first one's pods are ready elsewhere."""
    first, second, _ = await ground.add_nodes(3)
    for name, node in (("one", first), ("two", second)):
        async with ground.only(node):
            await ground.workload("Deployment", name, 1)
    run = await drained(ops, nodes=[first, second], max_unavailable_capacity="1%")
    assert run.state is RunState.SUCCEEDED, (run.error, told(run))
    marks = [(event.kind, event.step) for event in run.events]
    done = marks.index(("step_done", f"drain/node:{first}"))
    assert done < marks.index(("step_started", f"drain/node:{second}"))
    cordoned = marks.index(("step_done", f"cordon/node:{second}"))
    assert cordoned < marks.index(("step_started", f"drain/node:{first}"))


async def test_a_volume_still_attached_holds_the_node_back(ground: Ground, ops: Ops) -> None:
    """A machine switched off under an attached volume keeps the pod from starting elsewhere for minutes."""
    first, _ = await ground.add_nodes(2)
    space = ground.namespace
    await _volume(ground, f"pv-{space}", "data")
    claim = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    await ground.bare("keeper", on=first, volumes=claim)
    attachment = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "VolumeAttachment",
        "metadata": {"name": f"va-{space}"},
        "spec": {"attacher": "test", "nodeName": first, "source": {"persistentVolumeName": f"pv-{space}"}},
    }
    await create(ground.cluster, attachment)
    run = await begun(ops, nodes=[first], force=True)
    await heard(ops, run.id, lambda text: f"volume pv-{space}" in text)
    attachments = await ground.cluster.resource("volumeattachments.storage.k8s.io")
    await ground.cluster.delete(attachments, f"va-{space}")
    over = await ended(ops, run.id)
    assert over.state is RunState.SUCCEEDED, (over.error, told(over))


async def _volume(ground: Ground, name: str, claim: str) -> None:
    size = {"storage": "1Gi"}
    await create(
        ground.cluster,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": size,
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "claimRef": {"namespace": ground.namespace, "name": claim},
                "hostPath": {"path": "/data"},
            },
        },
    )
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": name}
    await create(
        ground.cluster,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": claim, "namespace": ground.namespace},
            "spec": spec | {"resources": {"requests": size}},
        },
    )


async def test_disable_eviction_deletes_past_a_budget(ground: Ground, ops: Ops) -> None:
    """The last resort, as with kubectl; the plan says so and is destructive."""
    first, _ = await ground.add_nodes(2)
    await ground.workload("Deployment", "web", 2)
    await ground.budget("web", maxUnavailable=0)
    run = await drained(ops, nodes=[first], disable_eviction=True)
    assert run.state is RunState.SUCCEEDED, (run.error, told(run))
    assert await ground.pods(first) == []


async def test_no_more_pods_are_on_their_way_than_allowed(ground: Ground, ops: Ops) -> None:
    """`--max-parallel 1`: one is ready elsewhere before the next has to go."""
    first, _ = await ground.add_nodes(2)
    async with ground.only(first):
        await ground.workload("Deployment", "web", 3, annotations={READY: "700ms"})
    async with ground.lowest_ready("web") as lowest:
        run = await drained(ops, nodes=[first], max_parallel=1)
    assert run.state is RunState.SUCCEEDED, (run.error, told(run))
    assert lowest() == 2


async def test_a_singleton_has_a_second_pod_before_the_first_must_go(ground: Ground, ops: Ops) -> None:
    """`--surge`: somebody answers all the time, and afterwards it is one again."""
    first, second = await ground.add_nodes(2)
    async with ground.only(first):
        await ground.workload("Deployment", "only", 1, annotations={READY: "1s"})
    await ground.budget("only", minAvailable=1)
    async with ground.lowest_ready("only") as lowest:
        run = await drained(ops, nodes=[first], surge=True)
    assert run.state is RunState.SUCCEEDED, (run.error, told(run))
    assert lowest() == 1
    found = await ground.get("deployment", "only")
    assert found["spec"]["replicas"] == 1
    assert "k8sops.dev/surge-run" not in found["metadata"].get("annotations", {})

    async def one_left() -> bool:
        return [pod["spec"]["nodeName"] for pod in await ground.pods(app="only")] == [second]

    await ground.until(one_left)
