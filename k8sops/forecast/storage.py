"""Claims, volumes, classes and attachments with all that ties a pod to the nodes where its volumes can be.

Field names are the API's (core/v1, storage.k8s.io/v1); what a server may leave out has the API's default.
"""

from __future__ import annotations

from typing import Any

import msgspec

from k8sops.cluster.structs import Meta, Quantities
from k8sops.forecast.objects import FullMeta, NodeSelector


class ClaimResources(msgspec.Struct, frozen=True, gc=False):
    """How much storage is asked for."""

    requests: Quantities = {}


class ClaimSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What is asked for, and the volume that was given."""

    access_modes: tuple[str, ...] = ()
    volume_name: str = ""
    storage_class_name: str | None = None
    volume_mode: str = "Filesystem"
    resources: ClaimResources = ClaimResources()
    selector: dict[str, Any] | None = None


class ClaimStatus(msgspec.Struct, frozen=True, gc=False):
    """Pending, Bound or Lost."""

    phase: str = ""


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A PersistentVolumeClaim."""

    metadata: FullMeta = FullMeta()
    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"


class CsiSource(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The driver of a volume and the driver's name for it."""

    driver: str = ""
    volume_handle: str = ""


class VolumeNodeAffinity(msgspec.Struct, frozen=True, gc=False):
    """The nodes from which a volume can be reached."""

    required: NodeSelector | None = None


class ClaimReference(msgspec.Struct, frozen=True, gc=False):
    """The claim a volume is for."""

    namespace: str = ""
    name: str = ""
    uid: str = ""


class VolumeSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Where a volume is and whose it is."""

    capacity: Quantities = {}
    access_modes: tuple[str, ...] = ()
    claim_ref: ClaimReference | None = None
    storage_class_name: str = ""
    volume_mode: str = "Filesystem"
    node_affinity: VolumeNodeAffinity | None = None
    csi: CsiSource | None = None


class VolumeStatus(msgspec.Struct, frozen=True, gc=False):
    """Available, Bound, Released or Failed."""

    phase: str = ""


class PersistentVolume(msgspec.Struct, frozen=True, gc=False):
    """A PersistentVolume."""

    metadata: FullMeta = FullMeta()
    spec: VolumeSpec = VolumeSpec()
    status: VolumeStatus = VolumeStatus()


class TopologyLabel(msgspec.Struct, frozen=True, gc=False):
    """The values that a label of a node may have."""

    key: str = ""
    values: tuple[str, ...] = ()


class TopologyTerm(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """All of its expressions are to hold."""

    match_label_expressions: tuple[TopologyLabel, ...] = ()


class StorageClass(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Who provisions a volume, when, and where it may come to be."""

    metadata: FullMeta = FullMeta()
    provisioner: str = ""
    volume_binding_mode: str = "Immediate"
    allowed_topologies: tuple[TopologyTerm, ...] = ()


class CsiCount(msgspec.Struct, frozen=True, gc=False):
    """How many volumes of a driver a node can have attached; None is no limit."""

    count: int | None = None


class CsiNodeDriver(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A driver on a node."""

    name: str = ""
    allocatable: CsiCount | None = None


class CsiNodeSpec(msgspec.Struct, frozen=True, gc=False):
    """The drivers of a node."""

    drivers: tuple[CsiNodeDriver, ...] = ()


class CsiNode(msgspec.Struct, frozen=True, gc=False):
    """A CSINode; it has its node's name."""

    metadata: Meta = Meta()
    spec: CsiNodeSpec = CsiNodeSpec()


class AttachmentSource(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The volume that is attached."""

    persistent_volume_name: str = ""


class AttachmentSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What is attached where, and by which driver."""

    attacher: str = ""
    node_name: str = ""
    source: AttachmentSource = AttachmentSource()


class Attachment(msgspec.Struct, frozen=True, gc=False):
    """A VolumeAttachment."""

    metadata: FullMeta = FullMeta()
    spec: AttachmentSpec = AttachmentSpec()
