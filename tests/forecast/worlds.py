"""Small worlds in a line or two, for tests that look at one rule."""

from __future__ import annotations

from typing import Any

import msgspec

from k8sops.forecast.fit import Fit, World, preview
from k8sops.forecast.objects import Node, Pod
from k8sops.forecast.storage import Attachment, Claim, CsiNode, PersistentVolume, StorageClass

HOST = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


def node(
    name: str, *, cpu: str = "4", pods: int = 110, zone: str = "", taints: Any = (), **more: Any
) -> Node:
    """A node; further labels in `labels`, further resources in `room`, `unschedulable` as in the API."""
    labels = {HOST: name, **({ZONE: zone} if zone else {}), **more.get("labels", {})}
    room = {"cpu": cpu, "memory": "8Gi", "pods": str(pods), **more.get("room", {})}
    spec = {"taints": [{"effect": "NoSchedule", "value": "", **one} for one in taints]}
    spec |= {"unschedulable": more.get("unschedulable", False)}
    return msgspec.convert(
        {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": {"allocatable": room}}, Node
    )


def pod(
    name: str, on: str = "", *, cpu: str = "1", app: str = "", namespace: str = "shop", **spec: Any
) -> Pod:
    """A pod of one container, `app` its label; the rest is its specification in the API's words."""
    container: dict[str, Any] = {
        "name": "main",
        "resources": {"requests": {"cpu": cpu, **spec.pop("asks", {})}},
    }
    container["ports"] = spec.pop("ports", [])
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"{namespace}-{name}",
        "labels": {"app": app or name},
    }
    metadata |= spec.pop("metadata", {})
    status = {"phase": "Running" if on else "Pending", **spec.pop("status", {})}
    manifest = {
        "metadata": metadata,
        "spec": {"nodeName": on, "containers": [container], **spec},
        "status": status,
    }
    return msgspec.json.decode(msgspec.json.encode(manifest), type=Pod)


def claim(name: str, volume: str = "", *, namespace: str = "shop", **spec: Any) -> Claim:
    """A claim, bound where it names a volume."""
    manifest = {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"volumeName": volume, "accessModes": ["ReadWriteOnce"], **spec},
        "status": {"phase": "Bound" if volume else "Pending"},
    }
    return msgspec.convert(manifest, Claim)


def volume(
    name: str, *, zone: str = "", labels: dict[str, str] | None = None, driver: str = "disk"
) -> PersistentVolume:
    """A volume of a driver, tied to a zone by node affinity where one is named."""
    spec: dict[str, Any] = {"csi": {"driver": driver, "volumeHandle": name}}
    if zone:
        expression = {"key": ZONE, "operator": "In", "values": [zone]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    return msgspec.convert(
        {"metadata": {"name": name, "labels": labels or {}}, "spec": spec}, PersistentVolume
    )


def csi_node(name: str, count: int | None, *, driver: str = "disk") -> CsiNode:
    """What a node's driver can attach."""
    drivers = [{"name": driver, "allocatable": {"count": count}}]
    return msgspec.convert({"metadata": {"name": name}, "spec": {"drivers": drivers}}, CsiNode)


def storage_class(
    name: str, *, mode: str = "WaitForFirstConsumer", zones: tuple[str, ...] = ()
) -> StorageClass:
    """A class whose volumes are made where a pod lands, in some zones only."""
    terms = [{"matchLabelExpressions": [{"key": ZONE, "values": list(zones)}]}] if zones else []
    manifest = {
        "metadata": {"name": name},
        "provisioner": "disk",
        "volumeBindingMode": mode,
        "allowedTopologies": terms,
    }
    return msgspec.convert(manifest, StorageClass)


def attachment(name: str, on: str, *, driver: str = "disk") -> Attachment:
    """A volume that is attached to a node."""
    spec = {"attacher": driver, "nodeName": on, "source": {"persistentVolumeName": name}}
    return msgspec.convert({"metadata": {"name": f"{name}-{on}"}, "spec": spec}, Attachment)


def uses(name: str) -> list[dict[str, Any]]:
    """The volumes of a pod with one claim."""
    return [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]


def away_from(app: str, key: str = HOST, **term: Any) -> dict[str, Any]:
    """Required anti-affinity."""
    one = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **term}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [one]}}


def near(app: str, key: str = ZONE, **term: Any) -> dict[str, Any]:
    """Required affinity."""
    one = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **term}
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [one]}}


def spread(app: str, key: str = ZONE, *, skew: int = 1, **more: Any) -> list[dict[str, Any]]:
    """One spread constraint that is required."""
    selector = {"matchLabels": {"app": app}}
    one = {
        "maxSkew": skew,
        "topologyKey": key,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": selector,
    }
    return [{**one, **more}]


def moved(nodes: list[Node], pods: list[Pod], *, leaving: str = "old", **world: Any) -> dict[str, Fit]:
    """The preview of all pods of one node, by name."""
    moving = [one for one in pods if one.spec.node_name == leaving]
    fits = preview(World(tuple(nodes), tuple(pods), **world), leaving=frozenset({leaving}), moving=moving)
    return {one.pod.partition("/")[2]: one for one in fits}
