"""A whole namespace to zero, and values given exactly: the two ways to scale that name more than workloads.

To zero, whatever would start pods again is stopped first: CronJobs are suspended, ScaledObjects paused. Each step's
undo is an entry of `--exactly`, so that the run that did it is all that bringing it back needs.
"""

from __future__ import annotations

import re
from typing import Any, Final

from k8sops.actions.planning import no_change
from k8sops.actions.scaling.goals import PAUSED, PAUSED_REPLICAS, field_of, fields_step, replicas_step
from k8sops.actions.scaling.owners import (
    HPA,
    KEDA,
    Autoscalers,
    bounds_of,
    bounds_step,
    is_paused,
    pause_step,
)
from k8sops.core.errors import NotFoundError, UsageError
from k8sops.core.object_names import object_named
from k8sops.core.plan import Finding, JsonObject, Step
from k8sops.core.ports import ClusterReader, Resource

CRON_JOBS: Final = "cronjobs.batch"
SCALED: Final = (
    "deployments.apps",
    "statefulsets.apps",
    "replicasets.apps",
    "replicationcontrollers",
)
_BOUNDS: Final = re.compile(r"(\d{1,9})\.\.(\d{1,9})")
_PAUSE: Final = re.compile(r"running|paused(?::(\d{1,9}))?")


def suspend_step(resource: Resource, found: JsonObject, suspended: bool) -> Step:
    """Suspend a CronJob, or let it go on."""
    was = "suspended" if field_of(found, "spec.suspend") else "running"
    verb, why = ("suspend", "it would start pods again") if suspended else ("resume", "it made jobs before")
    return fields_step(verb, why, resource, found, {"spec.suspend": suspended}, recorded=was)


async def stopping_steps(
    cluster: ClusterReader, namespace: str, autoscalers: Autoscalers
) -> tuple[list[Step], list[Finding]]:
    """All that starts pods in a namespace, stopped; and what goes on regardless."""
    cron_jobs = await cluster.resource(CRON_JOBS)
    steps = [
        suspend_step(cron_jobs, one, suspended=True)
        async for one in cluster.list(cron_jobs, namespace)
        if not field_of(one, "spec.suspend")
    ]
    steps += [
        pause_step(resource, one, None, "0")
        for resource, one in autoscalers.found
        if resource.qualified == KEDA and not is_paused(resource, one)
    ]
    for kind in SCALED:
        resource = await cluster.resource(kind)
        async for one in cluster.list(resource, namespace):
            owned = any(owner.get("controller") for owner in one["metadata"].get("ownerReferences") or ())
            if not owned and one["spec"].get("replicas", 1):
                scale = await cluster.scale_of(resource, one["metadata"]["name"], namespace)
                steps.append(replicas_step(resource, scale, 0))
    return steps, [*await _going_on(cluster, namespace), *_inert(autoscalers)]


async def _going_on(cluster: ClusterReader, namespace: str) -> list[Finding]:
    """What cannot be scaled: DaemonSets, jobs that run, pods that nothing made."""
    found = []
    daemon_sets = await cluster.resource("daemonsets.apps")
    names = [one["metadata"]["name"] async for one in cluster.list(daemon_sets, namespace)]
    if names:
        text = f"{namespace}: DaemonSets have no replicas and go on: {', '.join(names)}"
        found.append(Finding(level="warning", code="daemonsets_stay", text=text, subjects=(namespace,)))
    jobs = await cluster.resource("jobs.batch")
    running = [
        one["metadata"]["name"]
        async for one in cluster.list(jobs, namespace)
        if (one.get("status") or {}).get("active")
    ]
    if running:
        text = f"{namespace}: jobs that run go on to their end: {', '.join(running)}"
        found.append(Finding(level="note", code="jobs_run", text=text, subjects=(namespace,)))
    pods = await cluster.resource("pods")
    bare = [
        one["metadata"]["name"]
        async for one in cluster.list(pods, namespace)
        if not one["metadata"].get("ownerReferences")
    ]
    if bare:
        text = f"{namespace}: pods that no controller owns go on: {', '.join(bare)}"
        found.append(Finding(level="warning", code="bare_pods_stay", text=text, subjects=(namespace,)))
    return found


def _inert(autoscalers: Autoscalers) -> list[Finding]:
    """An HPA does nothing at zero replicas (kubernetes.io, HorizontalPodAutoscaler, Implicit maintenance-mode)."""
    found = []
    for resource, one in autoscalers.found:
        if resource.qualified == HPA:
            name = one["metadata"]["name"]
            low, high = bounds_of(resource, one)
            text = f"HorizontalPodAutoscaler {name} ({low} to {high}) stops at zero replicas, and goes on after them"
            found.append(Finding(level="note", code="autoscaler_stops", text=text, subjects=(name,)))
    return found


async def exact_steps(
    cluster: ClusterReader, namespace: str, entries: tuple[str, ...]
) -> tuple[list[tuple[Step, JsonObject]], list[Finding]]:
    """A step, with its object, for each entry that is not as wanted already. Raises UsageError, NotFoundError."""
    steps, findings, missing = [], [], []
    for entry in entries:
        said, _, value = entry.rpartition("=")
        named = object_named(said)
        if named is None:
            raise UsageError(f"{entry!r} is not KIND/NAME=VALUE", hint="as in deployment/web=3")
        resource = await cluster.resource(named.kind)
        place = named.place(resource, namespace)
        label = f"{resource.kind.lower()} {place}/{named.name}"
        try:
            found = await cluster.get(resource, named.name, place)
        except NotFoundError:
            missing.append(label)
            continue
        step = await _exact(cluster, resource, found, entry, value)
        if step is None:
            findings.append(no_change(f"{label} is as wanted already", named.name))
        else:
            steps.append((step, found))
    if missing:
        raise NotFoundError(f"there is no {', '.join(missing)} any more; nothing was scaled")
    return steps, findings


async def _exact(
    cluster: ClusterReader, resource: Resource, found: JsonObject, entry: str, value: str
) -> Step | None:
    kind = resource.qualified
    if kind == CRON_JOBS:
        if value not in {"suspended", "running"}:
            raise UsageError(f"{entry!r}: a CronJob is `suspended` or `running`")
        wanted = value == "suspended"
        return suspend_step(resource, found, wanted) if field_of(found, "spec.suspend") != wanted else None
    if kind == KEDA and (match := _PAUSE.fullmatch(value)):
        paused = "true" if value == "paused" else None
        same = (field_of(found, PAUSED), field_of(found, PAUSED_REPLICAS)) == (paused, match[1])
        return None if same else pause_step(resource, found, paused, match[1])
    if kind in {HPA, KEDA}:
        bounds = _BOUNDS.fullmatch(value)
        if bounds is None:
            raise UsageError(f"{entry!r}: an autoscaler's bounds are written as in 2..5")
        least, most = int(bounds[1]), int(bounds[2])
        return (
            bounds_step(resource, found, least, most) if bounds_of(resource, found) != (least, most) else None
        )
    if not (value.isascii() and value.isdigit()):
        raise UsageError(f"{entry!r}: replicas are a number from 0 on")
    metadata: dict[str, Any] = found["metadata"]
    scale = await cluster.scale_of(resource, metadata["name"], metadata["namespace"])
    return replicas_step(resource, scale, int(value)) if scale.spec_replicas != int(value) else None
