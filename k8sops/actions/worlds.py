"""A cluster as the scheduler sees it, read for a forecast; what may not be read is named, not taken for empty."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec

from k8sops.cluster.structs import Meta
from k8sops.core.errors import ForbiddenError, UnknownKindError
from k8sops.core.ports import ClusterReader
from k8sops.forecast.objects import Node, Pod
from k8sops.forecast.storage import Attachment, Claim, CsiNode, PersistentVolume, StorageClass
from k8sops.forecast.world import World

T = TypeVar("T")


class _Named(msgspec.Struct, frozen=True, gc=False):
    metadata: Meta = Meta()


async def read_world(cluster: ClusterReader) -> tuple[World, tuple[str, ...]]:
    """All that decides where pods land, and the kinds that could not be read."""
    unread: list[str] = []

    async def all_of(item: type[T], kind: str) -> tuple[T, ...]:
        try:
            resource = await cluster.resource(kind)
            return tuple([one async for one in cluster.list_as(item, resource)])
        except (ForbiddenError, UnknownKindError):
            unread.append(kind.split(".", 1)[0])
            return ()

    nodes, pods, spaces = await asyncio.gather(
        all_of(Node, "nodes"), all_of(Pod, "pods"), all_of(_Named, "namespaces")
    )
    claims, volumes, classes, csi_nodes, attachments = await asyncio.gather(
        all_of(Claim, "persistentvolumeclaims"),
        all_of(PersistentVolume, "persistentvolumes"),
        all_of(StorageClass, "storageclasses.storage.k8s.io"),
        all_of(CsiNode, "csinodes.storage.k8s.io"),
        all_of(Attachment, "volumeattachments.storage.k8s.io"),
    )
    world = World(
        nodes=nodes,
        pods=pods,
        namespaces={one.metadata.name: one.metadata.labels for one in spaces},
        claims=claims,
        volumes=volumes,
        storage_classes=classes,
        csi_nodes=csi_nodes,
        attachments=attachments,
    )
    return world, tuple(sorted(unread))
