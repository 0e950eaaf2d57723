"""Where the pods of a selection are to be looked for: a namespace and selectors for each thing that was named.

Reads the cluster to learn what a workload selects; which pods there are is asked by `finding` and `pods`. What cannot
be read in one namespace of several is told, and the others go on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final, NamedTuple, Protocol

from k8sops.cluster.paths import subject_of
from k8sops.core.errors import ForbiddenError, K8sOpsError, NotFoundError, UsageError
from k8sops.core.log_selection import LogSelection
from k8sops.core.object_names import AS_TYPED, object_named
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource, WatchEvent
from k8sops.core.selectors import selector_text

OF_A_JOB: Final = "job-name"
"""The label that every pod of a job has, since long before the prefixed one."""


class PodReader(Protocol):
    """What is asked of a cluster in order to find pods."""

    async def resource(self, kind: str) -> Resource:
        """Resolve a kind as typed."""
        ...

    async def get(self, resource: Resource, name: str, namespace: str = "") -> JsonObject:
        """One object."""
        ...

    def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[JsonObject, None]:
        """All objects."""
        ...

    def watch(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[WatchEvent, None]:
        """The present state, then changes."""
        ...


class Target(NamedTuple):
    """One list of pods."""

    namespace: str
    labels: str
    fields: str
    pod: str = ""
    """The one pod that was named."""
    cronjob: str = ""
    """The uid of the CronJob whose jobs' pods alone are meant."""


class Targets(NamedTuple):
    """Where to look, and what could not be looked at."""

    found: tuple[Target, ...]
    errors: tuple[str, ...]


async def targets_of(cluster: PodReader, selection: LogSelection) -> Targets:
    """Raises NotFoundError, ForbiddenError where nothing named can be read, UsageError for what selects no pods."""
    where = selection.namespaces or ("",)
    # One node is the server's to find; of several the chooser takes its pick.
    node = f"spec.nodeName={selection.nodes[0]}" if len(selection.nodes) == 1 else ""
    fields = _joined(selection.fields, node)
    if not selection.workloads:
        return Targets(tuple(Target(one, selection.labels, fields) for one in where), ())
    found: list[Target] = []
    failed: list[K8sOpsError] = []
    for said in selection.workloads:
        named = object_named(said)
        if named is None:
            raise UsageError(f"{said!r} names no workload", hint=f"write {AS_TYPED}, such as deployment/web")
        resource = await cluster.resource(named.kind)
        own = named.place(resource, "")
        if resource.qualified == "pods":
            only = _joined(fields, f"metadata.name={named.name}")
            places = (own,) if own else where
            found += [Target(one, selection.labels, only, pod=named.name) for one in places]
            continue
        places = (own,) if own else selection.namespaces
        objects = await _objects(cluster, resource, named.name, places, failed)
        found += [_target(resource, one, selection.labels, fields) for one in objects]
    if not found and failed:
        raise failed[0]
    return Targets(tuple(dict.fromkeys(found)), tuple(error.message for error in failed))


def is_of_cronjob(job: JsonObject, uid: str) -> bool:
    """Whether a CronJob made this job."""
    return any(owner.get("uid") == uid for owner in job["metadata"].get("ownerReferences") or ())


def job_of(pod: JsonObject) -> str:
    """The uid of the job that made a pod; empty where none did."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(owner.get("uid")) for owner in owners if owner.get("kind") == "Job"), "")


async def _objects(
    cluster: PodReader,
    resource: Resource,
    name: str,
    namespaces: tuple[str, ...],
    failed: list[K8sOpsError],
) -> list[JsonObject]:
    """The objects of a name, in every namespace that was named, or in all; adds to `failed` what was not read."""
    if not namespaces or not resource.namespaced:
        listed = cluster.list(resource, field_selector=f"metadata.name={name}")
        found = [one async for one in listed if one["metadata"]["name"] == name]
        if not found:
            failed.append(NotFoundError(f"{subject_of(resource, name)} does not exist in any namespace"))
        return found
    found, missing = [], []
    for namespace in namespaces:
        try:
            found.append(await cluster.get(resource, name, namespace))
        except NotFoundError as error:
            missing.append(error)
        except ForbiddenError as error:
            failed.append(error)
    # In one of several namespaces is where most things are.
    if not found:
        failed.extend(missing)
    return found


def _target(resource: Resource, found: JsonObject, labels: str, fields: str) -> Target:
    metadata, spec = found["metadata"], found.get("spec") or {}
    namespace = str(metadata.get("namespace") or "")
    if resource.qualified == "cronjobs.batch":
        return Target(namespace, _joined(labels, OF_A_JOB), fields, cronjob=metadata["uid"])
    selector = spec.get("selector") or spec.get("podSelector")
    if selector and resource.qualified in {"services", "replicationcontrollers"}:
        selector = {"matchLabels": selector}
    text = selector_text(selector) if isinstance(selector, dict) else ""
    if not text:
        subject = subject_of(resource, metadata["name"], namespace)
        raise UsageError(f"{subject} selects no pods, so it has no logs")
    return Target(namespace, _joined(labels, text), fields)


def _joined(*parts: str) -> str:
    return ",".join(part for part in parts if part)
