"""A StatefulSet makes its pods one after the other: which one holds the others up.

With `podManagementPolicy: OrderedReady` no pod is made before the one below is ready, and none is deleted while another
is not (kubernetes.io, StatefulSets, Deployment and Scaling Guarantees; kubernetes#36333).
"""

from __future__ import annotations

from k8sops.actions.workload import pod_is_ready, pod_trouble
from k8sops.core.plan import Finding, JsonObject
from k8sops.core.ports import ClusterReader


async def blocking_ordinal(cluster: ClusterReader, workload: JsonObject) -> list[Finding]:
    """The lowest pod of an ordered StatefulSet that is not ready, if there is one."""
    spec = workload["spec"]
    if spec.get("podManagementPolicy", "OrderedReady") != "OrderedReady":
        return []
    name, namespace = workload["metadata"]["name"], workload["metadata"]["namespace"]
    start = int((spec.get("ordinals") or {}).get("start") or 0)
    selector = ",".join(
        f"{key}={value}" for key, value in (spec["selector"].get("matchLabels") or {}).items()
    )
    resource = await cluster.resource("pods")
    pods = {
        pod["metadata"]["name"]: pod
        async for pod in cluster.list(resource, namespace, label_selector=selector)
    }
    for ordinal in range(start, start + int(spec.get("replicas", 1))):
        pod = pods.get(f"{name}-{ordinal}")
        if pod is None or not pod_is_ready(pod):
            why = pod_trouble(pod) if pod else "it does not exist yet"
            text = (
                f"{namespace}/{name}-{ordinal} is not ready ({why}): as long as that is so, "
                f"{name} makes no further pod and ends none"
            )
            return [
                Finding(level="warning", code="ordinal_blocks", text=text, subjects=(f"{namespace}/{name}",))
            ]
    return []
