"""Why a workload, a Job or a node is not well: its own status, and of its pods the one that says most.

Pure, as `core.why`. Sources: the conditions that the controllers write (apps/v1 `DeploymentCondition`, batch/v1
`JobCondition`, core/v1 `NodeCondition`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from k8sops.core.overview import Gauge
from k8sops.core.plan import JsonObject
from k8sops.core.text import counted
from k8sops.core.why import Why, condition, moment, said

_PRESSURES: Final = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def why_of_workload(workload: JsonObject, ready: str, pod: Why | None) -> Why | None:
    """Why a workload lacks pods, or cannot finish a rollout; `ready` as printed, `pod` of its worst pod.

    None where neither it nor the pod says anything.
    """
    have, _, want = ready.partition("/")
    lacking = have != want
    available = condition(workload, "Available")
    since = moment(available.get("lastTransitionTime")) if available.get("status") == "False" else None
    clause, word = (pod.clause, pod.word) if pod is not None else ("", "")
    gauge = Gauge.BAD if lacking and have == "0" else Gauge.WARN
    refused = condition(workload, "ReplicaFailure")
    progress = condition(workload, "Progressing")
    if refused.get("status") == "True" and pod is None:
        clause, word = f"no more pods can be made: {said(refused.get('message'))}", "FailedCreate"
        since = since or moment(refused.get("lastTransitionTime"))
    elif progress.get("reason") == "ProgressDeadlineExceeded":
        since = since or moment(progress.get("lastTransitionTime"))
        if not lacking:
            clause = f"its rollout is stuck{f': {clause}' if clause else ''}"
            word = word or "Stuck"
        clause = clause or "it made no progress within its progressDeadlineSeconds"
    if not clause and not lacking:
        return None
    count = _count(have, want) if lacking else ""
    parts = [part for part in (count, clause) if part]
    return Why(
        word=word or "NotReady",
        clause=": ".join(parts),
        since=since or (pod.since if pod is not None else None),
        gauge=gauge,
    )


def why_of_job(job: JsonObject, pod: Why | None) -> Why | None:
    """Why a Job failed; None where it has not."""
    failed = condition(job, "Failed")
    if failed.get("status") != "True":
        return None
    reason, message = str(failed.get("reason") or "Failed"), said(failed.get("message"))
    parts = [part for part in (message or reason, pod.clause if pod is not None else "") if part]
    return Why(word=reason, clause=": ".join(parts), since=moment(failed.get("lastTransitionTime")))


def why_of_node(node: JsonObject) -> Why | None:
    """Why a node is not well or takes no pods; None where neither is so."""
    ready = condition(node, "Ready")
    if ready.get("status") != "True":
        message = said(ready.get("message") or ready.get("reason")) or "its kubelet has never reported"
        lost = (
            "its kubelet does not report" if ready.get("status") == "Unknown" else "its kubelet is not ready"
        )
        return Why(
            word="NotReady",
            clause=f"{lost}: {message}",
            since=moment(ready.get("lastTransitionTime")),
        )
    for kind in _PRESSURES:
        found = condition(node, kind)
        if found.get("status") == "True":
            return Why(
                word=kind,
                clause=f"{kind}: {said(found.get('message'))}",
                since=moment(found.get("lastTransitionTime")),
                gauge=Gauge.WARN,
            )
    if not (node.get("spec") or {}).get("unschedulable"):
        return None
    return Why(
        word="SchedulingDisabled",
        clause=f"it takes no new pods: {_who(node)}",
        since=_since(node),
        gauge=Gauge.WARN,
    )


def blocked_budget(budget: JsonObject) -> str:
    """Why a PodDisruptionBudget allows nothing, in a clause; empty where it allows something."""
    status = budget.get("status") or {}
    if int(status.get("disruptionsAllowed") or 0):
        return ""
    healthy, wanted = int(status.get("currentHealthy") or 0), int(status.get("desiredHealthy") or 0)
    expected = int(status.get("expectedPods") or 0)
    if not expected:
        return "it selects no pod"
    if healthy < wanted:
        return f"no pod may be evicted: {healthy} of {counted(wanted, 'needed pod')} healthy"
    return f"no pod may be evicted: all {wanted} of {counted(expected, 'pod')} are needed"


def _count(have: str, want: str) -> str:
    if have == "0":
        return "its only pod is not ready" if want == "1" else f"none of its {want} pods is ready"
    return f"{have} of its {want} pods {'is' if have == '1' else 'are'} ready"


def _who(node: JsonObject) -> str:
    marks = node["metadata"].get("annotations") or {}
    by, why = marks.get("k8sops.dev/cordon-by", ""), marks.get("k8sops.dev/cordon-reason", "")
    if not by:
        return "cordoned, and nobody wrote down why"
    return f"cordoned by {said(by)}{f', {said(why)}' if why else ''}"


def _since(node: JsonObject) -> datetime | None:
    if at := (node["metadata"].get("annotations") or {}).get("k8sops.dev/cordon-at"):
        return moment(at)
    for taint in (node.get("spec") or {}).get("taints") or ():
        if taint.get("key") == "node.kubernetes.io/unschedulable":
            return moment(taint.get("timeAdded"))
    return None
