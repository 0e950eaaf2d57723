"""Whose an object is: left to the controller that makes it anew, or linked to its owner as it is on the cluster now.

An owner reference holds the owner's uid, which nothing brings back; one with an old uid would have the garbage
collector delete the object. So references are taken out, and put in again with the uid of the owner that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from k8sops.core.errors import ForbiddenError, NotFoundError, UnknownKindError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader, Resource

MADE_ANEW: Final = frozenset(
    {
        ("replicasets.apps", "Deployment"),
        ("controllerrevisions.apps", "StatefulSet"),
        ("controllerrevisions.apps", "DaemonSet"),
        ("jobs.batch", "CronJob"),
        ("endpointslices.discovery.k8s.io", "Service"),
        ("endpointslices.discovery.k8s.io", "Endpoints"),
        ("endpoints", "Service"),
    }
)
"""What Kubernetes' own controllers make of their owners. What an operator's object owns is restored: it may hold
what the operator would make anew with other contents, such as a password."""

_MARKS: Final[Mapping[str, tuple[str, str, frozenset[str]]]] = {
    "endpoints": ("labels", "endpoints.kubernetes.io/managed-by", frozenset({"endpoint-controller"})),
    "endpointslices.discovery.k8s.io": (
        "labels",
        "endpointslice.kubernetes.io/managed-by",
        frozenset({"endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"}),
    ),
    "apiservices.apiregistration.k8s.io": (
        "labels",
        "kube-aggregator.kubernetes.io/automanaged",
        frozenset({"true", "onstart"}),
    ),
}
_CONTROL_PLANE: Final = frozenset(
    {
        ("configmaps", "kube-system", "extension-apiserver-authentication"),
        ("configmaps", "kube-system", "kube-apiserver-legacy-service-account-token-tracking"),
        ("configmaps", "kube-public", "cluster-info"),
        ("endpoints", "default", "kubernetes"),
        ("endpointslices.discovery.k8s.io", "default", "kubernetes"),
        ("services", "default", "kubernetes"),
        ("servicecidrs.networking.k8s.io", "", "kubernetes"),
    }
)
"""What a control plane writes of itself: certificates and addresses of this one, not of the one that was backed up."""
_FLOW_CONTROL: Final = ".flowcontrol.apiserver.k8s.io"
_AUTO_UPDATE: Final = "apf.kubernetes.io/autoupdate-spec"
_LAST_CHANGE: Final = "endpoints.kubernetes.io/last-change-trigger-time"
_MIRROR: Final = "kubernetes.io/config.mirror"


class Reference(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An owner reference (meta/v1)."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


def references_of(found: JsonObject) -> tuple[Reference, ...]:
    """The owners an object names."""
    given = found["metadata"].get("ownerReferences") or ()
    return tuple(msgspec.convert(one, Reference) for one in given)


def left_to(kind: str, found: JsonObject, owned_by: frozenset[str]) -> str:
    """Who makes the object anew, or why it is not made at all; empty where it is restored.

    `owned_by` are the uids of the objects that are chosen: a pod whose owner is not among them is on its own.
    """
    metadata = found["metadata"]
    controller = next((one for one in references_of(found) if one.controller), None)
    if (
        controller is not None
        and controller.uid in owned_by
        and (kind == "pods" or (kind, controller.kind) in MADE_ANEW)
    ):
        return f"{controller.kind} controller"
    return _made_by(kind, metadata) or _finished(kind, found)


def _made_by(kind: str, metadata: Mapping[str, Any]) -> str:
    """Who makes it, told by its name or by a mark."""
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    where, key, values = _MARKS.get(kind, ("labels", "", frozenset()))
    found = [
        ("kubelet", kind == "pods" and _MIRROR in annotations),
        ("root CA publisher", kind == "configmaps" and metadata["name"] == "kube-root-ca.crt"),
        ("control plane", (kind, metadata.get("namespace", ""), metadata["name"]) in _CONTROL_PLANE),
        ("API server", kind.endswith(_FLOW_CONTROL) and annotations.get(_AUTO_UPDATE) == "true"),
        ("Endpoints controller", kind == "endpoints" and _LAST_CHANGE in annotations),
        ("controller that labels it", (metadata.get(where) or {}).get(key) in values),
    ]
    return next((who for who, made in found if made), "")


def _finished(kind: str, found: JsonObject) -> str:
    """What ran to its end would run again."""
    status: dict[str, Any] = found.get("status") or {}
    if kind == "pods" and status.get("phase") in {"Succeeded", "Failed"}:
        return "past: it has finished"
    if kind == "jobs.batch" and any(
        one.get("type") in {"Complete", "Failed"} and one.get("status") == "True"
        for one in status.get("conditions") or ()
    ):
        return "past: it has finished"
    return ""


class Owners:
    """The new uids of owners, by their old ones: told as objects are made, else looked up once."""

    def __init__(
        self, cluster: ClusterReader, served: Mapping[tuple[str, str], Resource], mapping: Mapping[str, str]
    ) -> None:
        """`served` are resources by `apiVersion` and kind."""
        self._cluster: Final = cluster
        self._served: Final = served
        self._mapping: Final = mapping
        self._known: Final[dict[str, str]] = {}

    def made(self, old: str, made: JsonObject) -> None:
        """An object is there under a new uid."""
        self._known[old] = made["metadata"]["uid"]

    def linked(self, references: tuple[Reference, ...]) -> list[JsonObject]:
        """Those references whose owners are known to be there, with their uids of now."""
        return [
            msgspec.to_builtins(
                msgspec.structs.replace(one, api_version=self._version_of(one), uid=self._known[one.uid])
            )
            for one in references
            if one.uid in self._known
        ]

    def _version_of(self, one: Reference) -> str:
        """As the owner's kind is served here: the garbage collector asks for it by that."""
        resource = self._served.get((one.api_version, one.kind))
        return resource.api_version if resource is not None else one.api_version

    async def look_up(self, references: tuple[Reference, ...], namespace: str) -> list[JsonObject]:
        """The same, looked for on the cluster where nothing is known; `namespace` is where the object is now."""
        for one in references:
            if one.uid in self._known:
                continue
            resource = self._served.get((one.api_version, one.kind))
            if resource is None:
                continue
            try:
                found = await self._cluster.get(resource, one.name, namespace if resource.namespaced else "")
            except (NotFoundError, ForbiddenError, UnknownKindError):
                continue
            if not found["metadata"].get("deletionTimestamp"):
                self._known[one.uid] = found["metadata"]["uid"]
        return self.linked(references)
