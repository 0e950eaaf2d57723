"""Whether a rollout is complete, and if not, what is missing: the questions `kubectl rollout status` asks.

Pure: reads a workload's spec and status. Source: kubectl 1.36, `pkg/polymorphichelpers/rollout_status.go`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from k8sops.core.plan import JsonObject
from k8sops.core.text import counted

KINDS: Final = ("deployments.apps", "statefulsets.apps", "daemonsets.apps")


class RolloutState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a rollout is."""

    wanted: int
    updated: int
    available: int
    missing: str = ""
    """What it waits for, in a clause; empty where it is complete."""
    stuck: str = ""
    """Why its controller has given up."""

    @property
    def complete(self) -> bool:
        """Whether every replica is of the present template and available."""
        return not self.missing and not self.stuck


def rollout_state(workload: JsonObject, kind: str) -> RolloutState:
    """Read it from the workload; `kind` is one of KINDS."""
    spec: dict[str, Any] = workload["spec"]
    status: dict[str, Any] = workload.get("status") or {}
    if int(status.get("observedGeneration") or 0) < int(workload["metadata"].get("generation", 0)):
        wanted = int(status.get("desiredNumberScheduled") or spec.get("replicas") or 0)
        return RolloutState(
            wanted=wanted, updated=0, available=0, missing="its controller has not seen the change"
        )
    if kind == "daemonsets.apps":
        return _of_daemon_set(spec, status)
    if kind == "statefulsets.apps":
        return _of_stateful_set(spec, status)
    return _of_deployment(spec, status)


def _of_deployment(spec: dict[str, Any], status: dict[str, Any]) -> RolloutState:
    wanted = int(spec.get("replicas", 1))
    updated = int(status.get("updatedReplicas") or 0)
    available = int(status.get("availableReplicas") or 0)
    existing = int(status.get("replicas") or 0)
    missing, stuck = "", ""
    for condition in status.get("conditions") or []:
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            stuck = "it made no progress within its progressDeadlineSeconds"
    if updated < wanted:
        missing = f"{updated} of {wanted} replicas are of the new template"
    elif existing > updated:
        missing = f"{counted(existing - updated, 'old replica')} still ending"
    elif available < updated:
        missing = f"{available} of {updated} new replicas are available"
    return RolloutState(wanted=wanted, updated=updated, available=available, missing=missing, stuck=stuck)


def _of_stateful_set(spec: dict[str, Any], status: dict[str, Any]) -> RolloutState:
    wanted = int(spec.get("replicas", 1))
    ready = int(status.get("readyReplicas") or 0)
    updated = int(status.get("updatedReplicas") or 0)
    strategy = spec.get("updateStrategy") or {}
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    missing = ""
    if strategy.get("type") == "OnDelete":
        missing = "" if ready >= wanted else f"{ready} of {wanted} replicas are ready"
    elif ready < wanted:
        missing = f"{ready} of {wanted} replicas are ready"
    elif partition and updated < wanted - partition:
        missing = f"{updated} of {wanted - partition} replicas above the partition are of the new template"
    elif not partition and status.get("updateRevision") != status.get("currentRevision"):
        missing = f"{updated} of {wanted} replicas are of the new template"
    return RolloutState(wanted=wanted, updated=updated, available=ready, missing=missing)


def _of_daemon_set(spec: dict[str, Any], status: dict[str, Any]) -> RolloutState:
    wanted = int(status.get("desiredNumberScheduled") or 0)
    updated = int(status.get("updatedNumberScheduled") or 0)
    available = int(status.get("numberAvailable") or 0)
    missing = ""
    if (spec.get("updateStrategy") or {}).get("type") != "OnDelete" and updated < wanted:
        missing = f"{updated} of {wanted} pods are of the new template"
    elif available < wanted:
        missing = f"{available} of {wanted} pods are available"
    return RolloutState(wanted=wanted, updated=updated, available=available, missing=missing)


def stuck_before(workload: JsonObject) -> bool:
    """Whether a Deployment's controller gave up on an earlier template and has not judged the present one yet.

    It leaves `ProgressDeadlineExceeded` standing until the new rollout makes its first progress (Kubernetes 1.36,
    `pkg/controller/deployment/progress.go`). Whole seconds are enough: no deadline is shorter than one.
    """
    given_up = [
        str(condition.get("lastTransitionTime", ""))
        for condition in (workload.get("status") or {}).get("conditions") or []
        if condition.get("type") == "Progressing" and condition.get("status") == "False"
    ]
    written = [
        str(entry.get("time", ""))
        for entry in workload["metadata"].get("managedFields") or []
        if "f:template" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    ]
    # RFC 3339 in UTC with whole seconds, as the API server writes them, sorts as text.
    return bool(given_up and written) and max(given_up) <= max(written)


def replaces_by_itself(workload: JsonObject) -> bool:
    """Whether a new template replaces pods without anybody deleting them (`OnDelete` does not)."""
    strategy: dict[str, Any] = workload["spec"].get("updateStrategy") or {}
    return strategy.get("type") != "OnDelete"
