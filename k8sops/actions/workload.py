"""What a workload's status says of readiness, and why a pod is not ready, in one short clause.

Works on plain objects. Kinds of group apps report readiness themselves; for any other kind with the scale
subresource the pods behind its selector are counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from k8sops.core.plan import JsonObject

REPORTS_READINESS: Final = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"})


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """How many replicas there are and how many are ready, as of the generation that was observed."""

    existing: int
    ready: int
    observed: bool
    """Whether the controller has seen the present spec."""

    def complete(self, wanted: int) -> bool:
        """Whether exactly the wanted replicas exist and all are ready."""
        return self.observed and self.existing == wanted and self.ready == wanted


def readiness_of(workload: JsonObject) -> Readiness:
    """Read `status` of an apps/v1 workload (API conventions: absent counts are zero)."""
    status: dict[str, Any] = workload.get("status") or {}
    generation = int(workload["metadata"].get("generation", 0))
    return Readiness(
        existing=int(status.get("replicas") or 0),
        ready=int(status.get("readyReplicas") or 0),
        observed=int(status.get("observedGeneration") or 0) >= generation,
    )


def readiness_of_pods(pods: Iterable[JsonObject]) -> Readiness:
    """Count pods that are not ending, and of them the ready ones."""
    living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return Readiness(existing=len(living), ready=sum(map(pod_is_ready, living)), observed=True)


def pod_is_ready(pod: JsonObject) -> bool:
    """Whether the pod's Ready condition is True."""
    return _condition(pod, "Ready").get("status") == "True"


def pod_trouble(pod: JsonObject) -> str:
    """Why a pod is not ready: the scheduler's word, a container's waiting reason, or its phase."""
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return str(scheduled.get("message") or scheduled.get("reason") or "not scheduled")
    status: dict[str, Any] = pod.get("status") or {}
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason") not in {"ContainerCreating", "PodInitializing"}:
            return f"container {container['name']}: {waiting.get('reason', 'waiting')}"
    if "deletionTimestamp" in pod["metadata"]:
        return "ending"
    unready = [str(container["name"]) for container in containers if not container.get("ready")]
    return f"container {unready[0]} is not ready" if unready else str(status.get("phase", "Pending"))


def failure_to_create(workload: JsonObject) -> str:
    """Why a controller cannot make pods at all (quota, admission): the message of its ReplicaFailure condition."""
    condition = _condition(workload, "ReplicaFailure")
    return str(condition.get("message", "")) if condition.get("status") == "True" else ""


def _condition(of: JsonObject, kind: str) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = (of.get("status") or {}).get("conditions") or []
    return next((condition for condition in conditions if condition.get("type") == kind), {})
