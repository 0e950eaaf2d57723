"""The controllers of a CSI driver: registers it on nodes, makes volumes for claims, grows them, and removes them.

What kube-controller-manager does on a real cluster it does here as well (binding, asking for a volume, attaching and
detaching); kwok's stages answer for the attacher. This is external-provisioner and external-resizer in small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from k8sops.core.errors import SandboxError
from k8sops.sandbox.played.api import MERGE, PlayedApi
from k8sops.sandbox.played.objects import ALL_ZONES, DRIVER, ZONE_LABEL, ZONES_PARAMETER, csi_node
from k8sops.sandbox.played.quantities import number
from k8sops.sandbox.played.workqueue import Retry

JsonObject = dict[str, Any]

PROVISIONER: Final = "volume.kubernetes.io/storage-provisioner"
SELECTED_NODE: Final = "volume.kubernetes.io/selected-node"
PROVISIONED_BY: Final = "pv.kubernetes.io/provisioned-by"
CONTROLLER_ATTACHES: Final = "volumes.kubernetes.io/controller-managed-attach-detach"
"""What a kubelet writes on its node; without it kube-controller-manager attaches nothing there."""
NOT_PLAYED: Final = "sandbox.k8sops.dev/csi"
"""Annotation: with the value `none` a node has no driver, so that somebody else may write its CSINode."""
FINALIZER: Final = "external-provisioner.volume.kubernetes.io/finalizer"
ONE_WRITER: Final = frozenset({"ReadWriteOnce", "ReadWriteOncePod"})
"""What a disk can be; several nodes at once cannot have it."""
_VOLUMES: Final = "/api/v1/persistentvolumes"
_ATTACHMENTS: Final = "/apis/storage.k8s.io/v1/volumeattachments"


class Storage:
    """Each method takes an object as a watch has shown it, and may be given it again."""

    def __init__(self, api: PlayedApi, now: Callable[[], float]) -> None:
        self._api: Final = api
        self._now: Final = now
        self._registered: Final[dict[str, str]] = {}
        """uid of each node by name, once its CSINode is there."""
        self._zones: Final[dict[str, str]] = {}
        """Zone of each node by name; no zone is `""`."""
        self._refused: Final[set[str]] = set()
        """Claims whose owners were told that they will get no volume."""

    async def node(self, node: JsonObject) -> None:
        """See to the node's CSINode, and that volumes are attached to it at all."""
        name, uid = node["metadata"]["name"], node["metadata"]["uid"]
        self._zones[name] = node["metadata"].get("labels", {}).get(ZONE_LABEL, "")
        annotations = node["metadata"].get("annotations", {})
        if annotations.get(NOT_PLAYED) == "none":
            return
        if annotations.get(CONTROLLER_ATTACHES) != "true":
            note = {"metadata": {"annotations": {CONTROLLER_ATTACHES: "true"}}}
            await self._api.request("PATCH", f"/api/v1/nodes/{name}", note, content_type=MERGE)
        if self._registered.get(name) == uid:
            return
        path = "/apis/storage.k8s.io/v1/csinodes"
        if await self._api.request("POST", path, csi_node(name, uid), absent=(409,)) is None:
            found = await self._api.request("GET", f"{path}/{name}") or {"metadata": {}}
            if uid not in {one["uid"] for one in found["metadata"].get("ownerReferences", ())}:
                # Of a node that had the name before; the garbage collector has not come by yet.
                await self._api.request("DELETE", f"{path}/{name}")
                raise Retry(f"CSINode {name} belongs to an earlier node")
        self._registered[name] = uid

    def forget_node(self, node: JsonObject) -> None:
        """A node has been removed."""
        self._zones.pop(node["metadata"]["name"], None)
        self._registered.pop(node["metadata"]["name"], None)

    async def claim(self, claim: JsonObject) -> None:
        """Make a volume for a claim that waits for one of ours, or grow the one it has."""
        metadata, spec = claim["metadata"], claim["spec"]
        if metadata.get("deletionTimestamp"):
            return
        if spec.get("volumeName"):
            await self._grow(claim)
        elif metadata.get("annotations", {}).get(PROVISIONER) == DRIVER:
            await self._provision(claim)

    async def volume(self, volume: JsonObject) -> None:
        """Remove a volume that nobody claims any more, where its class says so."""
        metadata, spec, phase = volume["metadata"], volume["spec"], volume.get("status", {}).get("phase")
        if metadata.get("annotations", {}).get(PROVISIONED_BY) != DRIVER:
            return
        path = f"{_VOLUMES}/{metadata['name']}"
        kept = spec.get("persistentVolumeReclaimPolicy") != "Delete"
        if metadata.get("deletionTimestamp"):
            if FINALIZER in metadata.get("finalizers", ()) and (kept or phase != "Bound"):
                rest = [one for one in metadata["finalizers"] if one != FINALIZER]
                body = {"metadata": {"finalizers": rest, "resourceVersion": metadata["resourceVersion"]}}
                await self._api.request("PATCH", path, body, content_type=MERGE, absent=(404, 409))
        elif phase == "Released" and not kept:
            if metadata["name"] in await self._attached():
                raise Retry(f"{metadata['name']} is still attached")
            await self._api.request(
                "DELETE", path, {"preconditions": {"uid": metadata["uid"]}}, absent=(404, 409)
            )

    async def _attached(self) -> set[str]:
        return {
            name
            async for page in self._api.pages(_ATTACHMENTS)
            for one in msgspec.json.decode(page)["items"]
            if (name := one["spec"]["source"].get("persistentVolumeName"))
        }

    async def _provision(self, claim: JsonObject) -> None:
        metadata = claim["metadata"]
        wrong = set(claim["spec"].get("accessModes", ())) - ONE_WRITER
        if wrong:
            if metadata["uid"] not in self._refused:
                self._refused.add(metadata["uid"])
                told = f"failed to provision volume: {DRIVER} makes disks, which cannot be {', '.join(sorted(wrong))}"
                await self._event(claim, "Warning", "ProvisioningFailed", told)
            return
        name = claim["spec"].get("storageClassName", "")
        storage_class = await self._api.request("GET", f"/apis/storage.k8s.io/v1/storageclasses/{name}")
        if storage_class is None:
            raise Retry(f"StorageClass {name} is gone")
        node = metadata.get("annotations", {}).get(SELECTED_NODE, "")
        if node and await self._api.request("GET", f"/api/v1/nodes/{node}") is None:
            # The scheduler chooses again once the node it chose is no longer written there.
            body = {"metadata": {"annotations": {SELECTED_NODE: None}}}
            await self._api.request("PATCH", _claim_path(claim), body, content_type=MERGE)
            return
        body = _persistent_volume(claim, storage_class, self._reachable(claim, storage_class, node))
        if await self._api.request("POST", _VOLUMES, body, absent=(409,)) is not None:
            told = f"Successfully provisioned volume {body['metadata']['name']}"
            await self._event(claim, "Normal", "ProvisioningSucceeded", told)

    def _reachable(self, claim: JsonObject, storage_class: JsonObject, node: str) -> list[str]:
        """The zones a volume can be attached in; none where nodes have no zones."""
        zones = sorted({zone for zone in self._zones.values() if zone})
        if storage_class.get("parameters", {}).get(ZONES_PARAMETER) == ALL_ZONES:
            return zones
        if node:
            own = self._zones.get(node, "")
            return [own] if own else []
        allowed = {
            zone
            for term in storage_class.get("allowedTopologies", ())
            for expression in term.get("matchLabelExpressions", ())
            if expression["key"] == ZONE_LABEL
            for zone in expression["values"]
        }
        choice = [zone for zone in zones if zone in allowed or not allowed]
        if not choice:
            return []
        digest = hashlib.sha256(claim["metadata"]["uid"].encode()).digest()
        return [choice[digest[0] % len(choice)]]

    async def _grow(self, claim: JsonObject) -> None:
        wanted = claim["spec"]["resources"]["requests"]["storage"]
        status = claim.get("status", {})
        has = status.get("capacity", {}).get("storage")
        if status.get("phase") != "Bound" or has is None or number(wanted) <= number(has):
            return
        path = f"{_VOLUMES}/{claim['spec']['volumeName']}"
        volume = await self._api.request("GET", path) or {"spec": {}}
        if volume["spec"].get("csi", {}).get("driver") != DRIVER:
            return
        size = {"capacity": {"storage": wanted}}
        await self._api.request("PATCH", path, {"spec": size}, content_type=MERGE)
        grown = {"status": size | {"allocatedResourceStatuses": None, "conditions": None}}
        await self._api.request("PATCH", f"{_claim_path(claim)}/status", grown, content_type=MERGE)
        await self._event(claim, "Normal", "VolumeResizeSuccessful", "Resize volume succeeded")

    async def _event(self, claim: JsonObject, kind: str, reason: str, message: str) -> None:
        metadata, moment = claim["metadata"], self._now()
        stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
            "metadata": {
                "name": f"{metadata['name']}.{int(moment * 1e6):x}",
                "namespace": metadata["namespace"],
            },
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                **{key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion")},
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": DRIVER},
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
        try:
            await self._api.request(
                "POST", f"/api/v1/namespaces/{metadata['namespace']}/events", body, absent=(403, 404, 409)
            )
        except SandboxError:
            # Words about a deed that is done; they are not worth doing it again.
            return


def _persistent_volume(claim: JsonObject, storage_class: JsonObject, zones: list[str]) -> JsonObject:
    metadata, spec = claim["metadata"], claim["spec"]
    identity = hashlib.sha256(metadata["uid"].encode()).hexdigest()
    reference = {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion")}
    body: JsonObject = {
        "accessModes": spec["accessModes"],
        "capacity": {"storage": spec["resources"]["requests"]["storage"]},
        "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **reference},
        "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
        "storageClassName": storage_class["metadata"]["name"],
        "volumeMode": spec.get("volumeMode", "Filesystem"),
        "csi": {"driver": DRIVER, "volumeHandle": f"vol-{identity[:17]}", "fsType": "ext4"},
    }
    if options := storage_class.get("mountOptions"):
        body["mountOptions"] = options
    if zones:
        chosen = {"key": ZONE_LABEL, "operator": "In", "values": zones}
        body["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [chosen]}]}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": f"pvc-{metadata['uid']}",
            "annotations": {PROVISIONED_BY: DRIVER},
            "finalizers": [FINALIZER],
        },
        "spec": body,
    }


def _claim_path(claim: JsonObject) -> str:
    metadata = claim["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}"
