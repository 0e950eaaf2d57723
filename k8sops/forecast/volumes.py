"""Where a pod's volumes let it be: node affinity and zone of its volumes, topology of its classes, attach limits.

A volume that is not yet bound keeps a forecast from being sure: its provisioner may lack capacity where the pod lands.
In-tree volumes named in the pod itself are not looked at (docs/forecast.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from k8sops.forecast.ground import Bits, Ground
from k8sops.forecast.objects import Pod
from k8sops.forecast.quantities import parse
from k8sops.forecast.storage import Claim, PersistentVolume, StorageClass
from k8sops.forecast.world import World

_ZONES: Final = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region": "topology.kubernetes.io/region",
}
"""Labels of a volume that tie it to nodes with the same, and the newer name that such a label of a node may have."""

_NO_PROVISIONER: Final = "kubernetes.io/no-provisioner"
AFFINITY_CONFLICT: Final = "node(s) had volume node affinity conflict"
BIND_CONFLICT: Final = "node(s) didn't find available persistent volumes to bind"
ZONE_CONFLICT: Final = "node(s) had no available volume zone"
TOO_MANY: Final = "node(s) exceed max volume count"
CLAIM_TAKEN: Final = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode "
    "already in-use by another pod"
)


class Needs(msgspec.Struct, frozen=True):
    """What the volumes of a pod ask of a node."""

    refusals: tuple[tuple[Bits, str], ...] = ()
    """Nodes that cannot have them, and why not."""
    handles: Mapping[str, frozenset[str]] = {}
    """Driver to the volumes that have to be attached; only drivers that some node limits."""
    exclusive: frozenset[str] = frozenset()
    """Keys of claims that one pod of the cluster can use (ReadWriteOncePod)."""
    unsure: tuple[str, ...] = ()
    """Why a place for these volumes cannot be promised."""
    unproven: Bits = 0
    """Nodes whose CSINode does not list a driver that is needed."""


class Storage:
    """The cluster's volumes, as a pod's needs and the attachments of nodes."""

    def __init__(self, world: World, ground: Ground) -> None:
        self._ground: Final = ground
        self._claims: Final = {claim.key: claim for claim in world.claims}
        self._volumes: Final = {volume.metadata.name: volume for volume in world.volumes}
        self._classes: Final = {one.metadata.name: one for one in world.storage_classes}
        self._world: Final = world
        self.limits: Final[dict[int, dict[str, int]]] = {}
        """Node to driver to the greatest number of volumes; what is not in it is not limited."""
        self._drivers: Final[dict[str, Bits]] = {}
        for csi in world.csi_nodes:
            at = ground.index.get(csi.metadata.name)
            if at is None:
                continue
            for driver in csi.spec.drivers:
                self._drivers[driver.name] = self._drivers.get(driver.name, 0) | 1 << at
                if driver.allocatable is not None and driver.allocatable.count is not None:
                    self.limits.setdefault(at, {})[driver.name] = driver.allocatable.count
        self._limited: Final = {driver for limits in self.limits.values() for driver in limits}

    def needs(self, pod: Pod) -> Needs:
        """What a new pod of this specification needs of a node for its volumes."""
        found = _Finding(self._ground)
        for key, made_anew in _claims_of(pod):
            claim = None if made_anew else self._claims.get(key)
            if made_anew:
                found.unsure.append(
                    f"its volume {key} is provisioned anew; where there is room for it is not known"
                )
                self._anew(pod, key, found)
            elif claim is None:
                found.refuse(
                    self._ground.everywhere, f'persistentvolumeclaim "{key.partition("/")[2]}" not found'
                )
            elif claim.spec.volume_name:
                self._bound(claim, found)
            else:
                self._unbound(claim, found)
        handles = {
            driver: frozenset(some) for driver, some in found.handles.items() if driver in self._limited
        }
        unproven = 0
        for driver in found.handles:
            unproven |= self._ground.everywhere & ~self._drivers.get(driver, 0)
        return Needs(
            tuple(found.refusals), handles, frozenset(found.exclusive), tuple(found.unsure), unproven=unproven
        )

    def held(self, pod: Pod) -> Iterator[tuple[str, str]]:
        """Driver and name of the volumes that a pod on a node has attached, where some node limits the driver."""
        if not self._limited or not pod.spec.volumes:
            return
        for key, _ in _claims_of(pod):
            claim = self._claims.get(key)
            if claim is not None:
                driver, handle = self._handle(claim)
                if driver in self._limited:
                    yield driver, handle

    def attached(self) -> Iterator[tuple[int, str, str]]:
        """Node, driver and volume of attachments, where some node limits the driver."""
        for one in self._world.attachments:
            at = self._ground.index.get(one.spec.node_name)
            volume = self._volumes.get(one.spec.source.persistent_volume_name)
            if (
                at is not None
                and volume is not None
                and volume.spec.csi
                and one.spec.attacher in self._limited
            ):
                yield at, one.spec.attacher, volume.spec.csi.volume_handle

    @staticmethod
    def claims_used(pod: Pod) -> Iterator[str]:
        """The keys of all claims a pod uses."""
        for key, _ in _claims_of(pod):
            yield key

    def _bound(self, claim: Claim, found: _Finding) -> None:
        volume = self._volumes.get(claim.spec.volume_name)
        if "ReadWriteOncePod" in claim.spec.access_modes:
            found.exclusive.add(claim.key)
        if volume is None:
            found.refuse(
                self._ground.everywhere,
                "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
            )
            return
        if claim.status.phase != "Bound":
            found.unsure.append(f"its claim {claim.key} is not bound yet, though it names a volume")
        found.refuse(self._ground.everywhere & ~self._reaches(volume), AFFINITY_CONFLICT)
        found.refuse(self._wrong_zone(volume), ZONE_CONFLICT)
        found.attach(*self._handle(claim))

    def _unbound(self, claim: Claim, found: _Finding) -> None:
        if "ReadWriteOncePod" in claim.spec.access_modes:
            found.exclusive.add(claim.key)
        one = self._classes.get(claim.spec.storage_class_name or "")
        if one is None or one.volume_binding_mode != "WaitForFirstConsumer":
            found.refuse(self._ground.everywhere, "pod has unbound immediate PersistentVolumeClaims")
            return
        found.unsure.append(
            f"its claim {claim.key} is not bound yet; where there is room for its volume is not known"
        )
        found.refuse(self._ground.everywhere & ~self._could_bind(claim, one), BIND_CONFLICT)
        found.attach(*self._handle(claim))

    def _anew(self, pod: Pod, key: str, found: _Finding) -> None:
        for volume in pod.spec.volumes:
            if volume.ephemeral and key.endswith(f"/{pod.metadata.name}-{volume.name}"):
                template = volume.ephemeral.get("volumeClaimTemplate", {}).get("spec", {})
                one = self._classes.get(str(template.get("storageClassName") or ""))
                if one is not None:
                    found.refuse(self._ground.everywhere & ~self._allowed(one), BIND_CONFLICT)
                    found.attach(one.provisioner, f"new-{key}")

    def _could_bind(self, claim: Claim, one: StorageClass) -> Bits:
        selected = claim.metadata.annotations.get("volume.kubernetes.io/selected-node")
        if selected is not None:
            at = self._ground.index.get(selected)
            return 0 if at is None else 1 << at
        bits = 0 if one.provisioner in {"", _NO_PROVISIONER} else self._allowed(one)
        for volume in self._volumes.values():
            if _could_be(volume, claim):
                bits |= self._reaches(volume)
        return bits

    def _allowed(self, one: StorageClass) -> Bits:
        if not one.allowed_topologies:
            return self._ground.everywhere
        bits = 0
        for term in one.allowed_topologies:
            some = self._ground.everywhere
            for label in term.match_label_expressions:
                some &= self._ground.labelled(label.key, label.values)
            bits |= some
        return bits

    def _reaches(self, volume: PersistentVolume) -> Bits:
        affinity = volume.spec.node_affinity
        return self._ground.selected(affinity.required if affinity else None)

    def _wrong_zone(self, volume: PersistentVolume) -> Bits:
        zoned = 0
        for key in _ZONES:
            zoned |= self._ground.having(key)
        wrong = 0
        for key, newer in _ZONES.items():
            value = volume.metadata.labels.get(key)
            if value is None:
                continue
            values = {part for part in value.split("__") if part}
            right = self._ground.labelled(key, values)
            right |= self._ground.labelled(newer, values) & ~self._ground.having(key)
            wrong |= zoned & ~right
        return wrong

    def _handle(self, claim: Claim) -> tuple[str, str]:
        volume = self._volumes.get(claim.spec.volume_name) if claim.spec.volume_name else None
        if volume is not None:
            return (volume.spec.csi.driver, volume.spec.csi.volume_handle) if volume.spec.csi else ("", "")
        one = self._classes.get(claim.spec.storage_class_name or "")
        return (one.provisioner, f"new-{claim.key}") if one is not None else ("", "")


class _Finding:
    """What is found while a pod's volumes are gone through."""

    def __init__(self, ground: Ground) -> None:
        self.ground: Final = ground
        self.refusals: Final[list[tuple[Bits, str]]] = []
        self.handles: Final[dict[str, set[str]]] = {}
        self.exclusive: Final[set[str]] = set()
        self.unsure: Final[list[str]] = []

    def refuse(self, bits: Bits, why: str) -> None:
        if bits:
            self.refusals.append((bits, why))

    def attach(self, driver: str, handle: str) -> None:
        if driver and handle:
            self.handles.setdefault(driver, set()).add(handle)


def _claims_of(pod: Pod) -> Iterable[tuple[str, bool]]:
    """Keys of the claims of a pod, and whether a new pod gets a new one (generic ephemeral volumes)."""
    namespace = pod.metadata.namespace
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield f"{namespace}/{volume.persistent_volume_claim.claim_name}", False
        elif volume.ephemeral is not None:
            yield f"{namespace}/{pod.metadata.name}-{volume.name}", True


def _could_be(volume: PersistentVolume, claim: Claim) -> bool:
    """Whether an available volume may be given to the claim."""
    spec, wanted = volume.spec, claim.spec
    reserved = spec.claim_ref
    if reserved is not None and (reserved.namespace, reserved.name) != (
        claim.metadata.namespace,
        claim.metadata.name,
    ):
        return False
    return (
        volume.metadata.deletion_timestamp is None
        and (volume.status.phase == "Available" or reserved is not None)
        and spec.storage_class_name == (wanted.storage_class_name or "")
        and spec.volume_mode == wanted.volume_mode
        and set(wanted.access_modes) <= set(spec.access_modes)
        and parse(spec.capacity.get("storage", "0")) >= parse(wanted.resources.requests.get("storage", "0"))
    )
