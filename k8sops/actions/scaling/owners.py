"""Who else sets the replicas: a HorizontalPodAutoscaler, a KEDA ScaledObject, a controller, or GitOps.

Whatever owns the number will set it back (kubernetes#95695), so a plan names it and offers what can be done: move its
bounds, pin it, or go on regardless. Owners are found by `scaleTargetRef`, not by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from k8sops.actions.scaling.goals import PAUSED, PAUSED_REPLICAS, field_of, fields_step
from k8sops.actions.scaling.params import Autoscaler
from k8sops.core.errors import ForbiddenError, UnknownKindError
from k8sops.core.plan import Finding, JsonObject, Step
from k8sops.core.ports import ClusterReader, Resource

HPA: Final = "horizontalpodautoscalers.autoscaling"
KEDA: Final = "scaledobjects.keda.sh"
GITOPS_MANAGERS: Final = {
    "argocd": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "flux": "Flux",
    "helm": "Helm",
    "fleet": "Fleet",
    "config-sync": "Config Sync",
}
"""The beginning of a field manager's name, and what it is."""
GITOPS_MARKS: Final = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}


class Autoscalers(msgspec.Struct, frozen=True, kw_only=True):
    """The autoscalers of a namespace."""

    found: tuple[tuple[Resource, JsonObject], ...] = ()
    unread: tuple[str, ...] = ()
    """Kinds that may not be read: whether one owns the replicas is then unknown."""

    def of(self, resource: Resource, name: str) -> tuple[Resource, JsonObject] | None:
        """The one that owns a workload's replicas; KEDA's before the HPA that KEDA made."""
        owning = [one for one in self.found if _owns(one, resource, name)]
        return min(owning, key=lambda one: one[0].qualified != KEDA, default=None)


async def autoscalers_in(cluster: ClusterReader, namespace: str) -> Autoscalers:
    """Read the HorizontalPodAutoscalers and, where KEDA is installed, the ScaledObjects of a namespace."""
    found: list[tuple[Resource, JsonObject]] = []
    unread = []
    for kind in (KEDA, HPA):
        try:
            resource = await cluster.resource(kind)
            found += [(resource, one) async for one in cluster.list(resource, namespace)]
        except UnknownKindError:
            continue
        except ForbiddenError:
            unread.append(kind.split(".", 1)[0])
    return Autoscalers(found=tuple(found), unread=tuple(unread))


def _owns(one: tuple[Resource, JsonObject], resource: Resource, name: str) -> bool:
    reference: dict[str, Any] = one[1]["spec"].get("scaleTargetRef") or {}
    group = str(reference.get("apiVersion", "")).rpartition("/")[0]
    # KEDA's default kind is a Deployment.
    kind = reference.get("kind") or "Deployment"
    return bool(reference.get("name") == name and kind == resource.kind and group in {resource.group, ""})


def bounds_of(resource: Resource, found: JsonObject) -> tuple[int, int]:
    """Between how many and how many replicas an autoscaler keeps its workload."""
    names = ("spec.minReplicaCount", "spec.maxReplicaCount") if resource.qualified == KEDA else (
        "spec.minReplicas",
        "spec.maxReplicas",
    )  # fmt: skip
    return int(field_of(found, names[0])), int(field_of(found, names[1]))


def bounds_step(resource: Resource, found: JsonObject, least: int, most: int) -> Step:
    """Move an autoscaler's bounds."""
    low, high = bounds_of(resource, found)
    names = ("spec.minReplicaCount", "spec.maxReplicaCount") if resource.qualified == KEDA else (
        "spec.minReplicas",
        "spec.maxReplicas",
    )  # fmt: skip
    why = "else it would set the replicas back"
    after = {names[0]: least, names[1]: most}
    return fields_step("bound", why, resource, found, after, recorded=f"{low}..{high}")


def pause_step(resource: Resource, found: JsonObject, paused: str | None, replicas: str | None) -> Step:
    """Pause a ScaledObject by its annotations, or take them away again."""
    why = "KEDA must leave the replicas alone" if paused or replicas else "KEDA is to scale again"
    after = {PAUSED: paused, PAUSED_REPLICAS: replicas}
    return fields_step("pause", why, resource, found, after, recorded=recorded_pause(found))


def recorded_pause(found: JsonObject) -> str:
    """How `--exactly` writes whether a ScaledObject is paused: `running`, `paused`, `paused:3`."""
    paused, replicas = field_of(found, PAUSED), field_of(found, PAUSED_REPLICAS)
    if replicas is not None:
        return f"paused:{replicas}"
    return "paused" if str(paused).lower() == "true" else "running"


def is_paused(resource: Resource, found: JsonObject) -> bool:
    """Whether a ScaledObject leaves the replicas alone at present."""
    return resource.qualified == KEDA and recorded_pause(found) != "running"


def answer(
    owner: tuple[Resource, JsonObject], label: str, present: int, wanted: int, how: Autoscaler
) -> tuple[list[Step], list[Finding]]:
    """What is done about an autoscaler, and what is said."""
    resource, found = owner
    name = f"{resource.kind} {found['metadata']['name']}"
    low, high = bounds_of(resource, found)
    if is_paused(resource, found):
        text = f"{name} owns {label} and is paused: it leaves the replicas alone"
        return [], [Finding(level="note", code="autoscaler_paused", text=text, subjects=(label, name))]
    inert = resource.qualified == HPA and 0 in {present, wanted}
    if wanted == 0 and inert:
        text = f"{name} stops while {label} has no replicas, and goes on once it has some"
        return [], [Finding(level="note", code="autoscaler_stops", text=text, subjects=(label, name))]
    if how in {"refuse", "ignore"}:
        return [], [_in_the_way(name, label, (low, high), refuse=how == "refuse")]
    if how == "pin" and resource.qualified == KEDA:
        return [pause_step(resource, found, None, str(wanted))], []
    least, most = (wanted, wanted)
    if how == "bounds":
        # Above the present number only a higher floor holds it, below it only a lower ceiling.
        least, most = (wanted, max(high, wanted)) if wanted > present else (min(low, wanted), wanted)
    if resource.qualified == HPA and least == 0:
        text = f"{name} cannot have a bound of 0"
        return [], [Finding(level="blocker", code="autoscaler", text=text, subjects=(label, name))]
    return ([bounds_step(resource, found, least, most)] if (least, most) != (low, high) else []), []


def _in_the_way(name: str, label: str, bounds: tuple[int, int], *, refuse: bool) -> Finding:
    says = f"{name} keeps {label} between {bounds[0]} and {bounds[1]} replicas"
    subjects = (label, name)
    if not refuse:
        text = f"{says}, and may set back what is set here"
        return Finding(level="warning", code="autoscaler", text=text, subjects=subjects)
    text = f"{says}, and would set back what is set here"
    flag = "--autoscaler bounds|pin|ignore"
    return Finding(level="blocker", code="autoscaler", text=text, subjects=subjects, override=flag)


def other_owners(found: JsonObject, label: str) -> list[Finding]:
    """A controller that made the workload, and GitOps that keeps it as it is written elsewhere."""
    metadata: dict[str, Any] = found["metadata"]
    findings = []
    owners: Sequence[JsonObject] = metadata.get("ownerReferences") or ()
    if controller := next((one for one in owners if one.get("controller")), None):
        text = (
            f"{label} belongs to {controller['kind']} {controller['name']}, which may set the replicas back"
        )
        findings.append(Finding(level="warning", code="owned", text=text, subjects=(label,)))
    if tool := _gitops(metadata):
        text = f"{label} is kept by {tool}, which may set the replicas back: change them where they are written too"
        findings.append(Finding(level="warning", code="gitops", text=text, subjects=(label,)))
    return findings


def _gitops(metadata: dict[str, Any]) -> str:
    """The GitOps tool that owns `spec.replicas`, by managedFields, or that marks the object as its own."""
    for entry in metadata.get("managedFields") or ():
        spec = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        manager = str(entry.get("manager", "")).lower()
        tool = next((tool for prefix, tool in GITOPS_MANAGERS.items() if manager.startswith(prefix)), "")
        if tool and "f:replicas" in spec and entry.get("subresource") != "scale":
            return tool
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    return next((tool for mark, tool in GITOPS_MARKS.items() if mark in marks), "")
