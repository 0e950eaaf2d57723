"""A drain with volumes that really are attached: the sandbox's CSI driver lets go of them in its own time."""

from __future__ import annotations

from k8sops.core.ops import Ops
from k8sops.core.run import RunState
from tests.actions.drain.ground import Ground, drained
from tests.support.workloads import create


async def test_a_drained_node_holds_no_volume_and_the_pod_has_it_elsewhere(ground: Ground, ops: Ops) -> None:
    """A node that is switched off with a volume still attached keeps the pod from starting for minutes."""
    first, second = await ground.add_nodes(2)
    size = {"requests": {"storage": "1Gi"}}
    claim = {"name": "data", "namespace": ground.namespace}
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "standard", "resources": size}
    await create(
        ground.cluster,
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": claim, "spec": spec},
    )
    async with ground.only(first):
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
        await ground.workload("StatefulSet", "keeper", 1, volumes=volumes)

    async def attached(node: str) -> bool:
        kind = await ground.cluster.resource("volumeattachments.storage.k8s.io")
        return any(
            [
                one["spec"]["nodeName"] == node and one.get("status", {}).get("attached")
                async for one in ground.cluster.list(kind)
            ]
        )

    await ground.until(lambda: attached(first), 120)
    run = await drained(ops, nodes=[first])
    assert run.state is RunState.SUCCEEDED, run.error
    assert not await attached(first)
    await ground.until(lambda: attached(second), 120)
