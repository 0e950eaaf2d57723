"""The objects that a cloud's installer would have made: who serves metrics, which driver there is, which classes.

They are written each time the process starts: ports and authorities change when a sandbox is restored elsewhere.
Storage classes are only made where they are missing, since they belong to whoever uses the sandbox.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from k8sops.sandbox.ports import LOOPBACK

if TYPE_CHECKING:
    from k8sops.sandbox.played.api import PlayedApi

JsonObject = dict[str, Any]

DRIVER: Final = "disk.sandbox.k8sops.dev"
SERVICE: Final = "sandbox-played"
NAMESPACE: Final = "kube-system"
SERVING_NAME: Final = f"{SERVICE}.{NAMESPACE}.svc"
"""What the aggregation layer wants to read in the certificate."""
ZONES_PARAMETER: Final = "zones"
ALL_ZONES: Final = "all"
MOST_VOLUMES: Final = 24
ZONE_LABEL: Final = "topology.kubernetes.io/zone"

_STARTED: Final = "sandbox.k8sops.dev/started"
_DEFAULT_CLASS: Final = {"storageclass.kubernetes.io/is-default-class": "true"}


async def write_objects(api: PlayedApi, port: int, authority: bytes, started: str) -> None:
    """Make everything; the APIService last, so that whoever finds metrics finds the rest. Raises SandboxError."""
    for path, body in (
        (f"/api/v1/namespaces/{NAMESPACE}/services/{SERVICE}", _service(port)),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles/system:aggregated-metrics-reader", _reader_role()),
        (f"/apis/storage.k8s.io/v1/csidrivers/{DRIVER}", _driver()),
    ):
        await api.apply(path, body)
    for one in _storage_classes():
        await api.request("POST", "/apis/storage.k8s.io/v1/storageclasses", one, absent=(409,))
    service = _api_service(port, authority, started)
    await api.apply(f"/apis/apiregistration.k8s.io/v1/apiservices/{service['metadata']['name']}", service)


def csi_node(name: str, uid: str) -> JsonObject:
    """What a node's driver registers there, with how many volumes fit."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}
    driver = {
        "name": DRIVER,
        "nodeID": name,
        "topologyKeys": [ZONE_LABEL],
        "allocatable": {"count": MOST_VOLUMES},
    }
    return _object("storage.k8s.io/v1", "CSINode", {"name": name, "ownerReferences": [owner]}) | {
        "spec": {"drivers": [driver]}
    }


def _service(port: int) -> JsonObject:
    # No cluster IP: it is routed nowhere here, and the API server would call an address outside the machine.
    spec = {"type": "ExternalName", "externalName": LOOPBACK, "ports": [{"name": "https", "port": port}]}
    return _object("v1", "Service", {"name": SERVICE, "namespace": NAMESPACE}) | {"spec": spec}


def _api_service(port: int, authority: bytes, started: str) -> JsonObject:
    metadata = {
        "name": "v1beta1.metrics.k8s.io",
        # A change makes the aggregation layer look at once, where it would wait up to half a minute by itself.
        "annotations": {_STARTED: started},
    }
    spec = {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "service": {"name": SERVICE, "namespace": NAMESPACE, "port": port},
        "caBundle": base64.b64encode(authority).decode(),
    }
    return _object("apiregistration.k8s.io/v1", "APIService", metadata) | {"spec": spec}


def _reader_role() -> JsonObject:
    """Whoever may view a namespace may see what its pods use, as where metrics-server is installed."""
    roles = ("admin", "edit", "view")
    labels = {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in roles}
    rule = {"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": ["get", "list"]}
    metadata = {"name": "system:aggregated-metrics-reader", "labels": labels}
    return _object("rbac.authorization.k8s.io/v1", "ClusterRole", metadata) | {"rules": [rule]}


def _driver() -> JsonObject:
    spec = {
        "attachRequired": True,
        "podInfoOnMount": False,
        "fsGroupPolicy": "File",
        "volumeLifecycleModes": ["Persistent"],
    }
    return _object("storage.k8s.io/v1", "CSIDriver", {"name": DRIVER}) | {"spec": spec}


def _storage_classes() -> list[JsonObject]:
    return [
        _storage_class("standard", "WaitForFirstConsumer", ALL_ZONES, _DEFAULT_CLASS),
        _storage_class("zonal", "WaitForFirstConsumer", "one"),
        _storage_class("immediate", "Immediate", "one"),
    ]


def _storage_class(
    name: str, binding: str, zones: str, annotations: dict[str, str] | None = None
) -> JsonObject:
    metadata = {"name": name} | ({"annotations": annotations} if annotations else {})
    return _object("storage.k8s.io/v1", "StorageClass", metadata) | {
        "provisioner": DRIVER,
        "parameters": {ZONES_PARAMETER: zones},
        "reclaimPolicy": "Delete",
        "volumeBindingMode": binding,
        "allowVolumeExpansion": True,
    }


def _object(api_version: str, kind: str, metadata: JsonObject) -> JsonObject:
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
