"""Workloads for tests on a real control plane, made through the program's own client."""

from __future__ import annotations

from typing import Any, Final

from k8sops.core.plan import JsonObject
from k8sops.core.ports import Cluster

NEVER_READY: Final = {"sandbox.k8sops.dev/play": "never-ready"}
"""Annotations of a pod that the simulated kubelet starts and never makes ready."""


def pod_template(app: str, annotations: dict[str, str] | None = None) -> JsonObject:
    """One container that the simulated kubelet makes ready about a second after it is placed."""
    return {
        "metadata": {"labels": {"app": app}, "annotations": annotations or {}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "app", "image": "example/app:1"}],
        },
    }


def deployment(
    name: str, namespace: str, *, replicas: int = 1, annotations: dict[str, str] | None = None
) -> JsonObject:
    """A Deployment of one container."""
    return _workload("Deployment", name, namespace, replicas, annotations)


def stateful_set(name: str, namespace: str, *, replicas: int = 1) -> JsonObject:
    """A StatefulSet without volumes."""
    manifest = _workload("StatefulSet", name, namespace, replicas, None)
    manifest["spec"]["serviceName"] = name
    return manifest


def naked_pod(name: str, namespace: str) -> JsonObject:
    """A pod that no controller owns: there is exactly this one, under this name."""
    template = pod_template(name)
    metadata = template["metadata"] | {"name": name, "namespace": namespace}
    return template | {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}


def hpa(namespace: str, name: str, least: int, most: int) -> JsonObject:
    """An autoscaler of the Deployment of the same name; without metrics it still keeps its bounds."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
                }
            ],
        },
    }


def _workload(
    kind: str, name: str, namespace: str, replicas: int, annotations: dict[str, str] | None
) -> JsonObject:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(name, annotations),
        },
    }


async def create(cluster: Cluster, manifest: JsonObject) -> JsonObject:
    """Create an object of any kind."""
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    kind = str(manifest["kind"])
    resource = await cluster.resource(f"{kind}.{group}" if group else kind)
    return await cluster.create(resource, manifest)


async def replicas_of(cluster: Cluster, kind: str, name: str, namespace: str) -> tuple[int, int]:
    """(spec.replicas, status.readyReplicas)."""
    found: dict[str, Any] = await cluster.get(await cluster.resource(kind), name, namespace)
    return int(found["spec"]["replicas"]), int(found.get("status", {}).get("readyReplicas", 0))
