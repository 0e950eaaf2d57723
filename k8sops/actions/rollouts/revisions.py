"""Earlier revisions of a workload: ReplicaSets of a Deployment, ControllerRevisions of the others.

A Deployment numbers its ReplicaSets in an annotation; StatefulSets and DaemonSets keep ControllerRevisions whose data
is a patch of the workload (kubernetes.io, Rolling Back a Deployment; apps/v1 ControllerRevision).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from k8sops.actions.rollouts.templates import template_hash, template_of
from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader, Resource

NUMBER: Final = "deployment.kubernetes.io/revision"
CAUSE: Final = "kubernetes.io/change-cause"


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision and its pod template."""

    number: int
    template: JsonObject
    template_sha: str
    cause: str = ""


async def revisions_of(cluster: ClusterReader, resource: Resource, workload: JsonObject) -> list[Revision]:
    """All that are kept, oldest first."""
    kind = "replicasets.apps" if resource.qualified == "deployments.apps" else "controllerrevisions.apps"
    owned_kind = await cluster.resource(kind)
    uid, namespace = workload["metadata"]["uid"], workload["metadata"]["namespace"]
    found = []
    async for one in cluster.list(owned_kind, namespace):
        owners: list[dict[str, Any]] = one["metadata"].get("ownerReferences") or []
        if any(owner.get("controller") and owner["uid"] == uid for owner in owners):
            found.append(_from_replica_set(one) if kind == "replicasets.apps" else _from_data(one))
    return sorted((one for one in found if one is not None), key=lambda one: one.number)


def revision_to_go_to(label: str, revisions: list[Revision], present_sha: str, wanted: int) -> Revision:
    """The wanted revision, or with 0 the newest whose template differs from the present one.

    Raises UsageError naming the revisions there are.
    """
    known = ", ".join(str(one.number) for one in revisions) or "none"
    if wanted:
        chosen = next((one for one in revisions if one.number == wanted), None)
        if chosen is None:
            raise UsageError(
                f"{label} has no revision {wanted}", hint=f"the revisions that are kept: {known}"
            )
        return chosen
    earlier = [one for one in revisions if one.template_sha != present_sha]
    if not earlier:
        raise UsageError(
            f"{label} has no earlier revision to go back to", hint=f"the revisions that are kept: {known}"
        )
    return earlier[-1]


def present_number(revisions: list[Revision], present_sha: str) -> int:
    """The number of the present template's revision; 0 where it has none yet."""
    return next((one.number for one in reversed(revisions) if one.template_sha == present_sha), 0)


def _from_replica_set(one: JsonObject) -> Revision | None:
    annotations: dict[str, str] = one["metadata"].get("annotations") or {}
    number = annotations.get(NUMBER, "")
    if not number.isdigit():
        return None
    return Revision(
        number=int(number),
        template=template_of(one),
        template_sha=template_hash(one),
        cause=annotations.get(CAUSE, ""),
    )


def _from_data(one: JsonObject) -> Revision | None:
    template = ((one.get("data") or {}).get("spec") or {}).get("template")
    if not isinstance(template, dict):
        return None
    # `$patch: replace` is an instruction to the strategic merge, not a field of the template.
    plain = {"spec": {"template": {key: value for key, value in template.items() if key != "$patch"}}}
    return Revision(
        number=int(one.get("revision") or 0), template=template_of(plain), template_sha=template_hash(plain)
    )
