"""A cluster as the scheduler sees it, read for a forecast; what may not be read is named, not taken for empty."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from k8sops.cluster.structs import Meta
from k8sops.core.errors import ForbiddenError, NotFoundError, UnknownKindError
from k8sops.core.ports import ClusterReader
from k8sops.forecast.objects import Node, Pod
from k8sops.forecast.storage import Attachment, Claim, CsiNode, PersistentVolume, StorageClass
from k8sops.forecast.world import World

T = TypeVar("T")


class Named(msgspec.Struct, frozen=True, gc=False):
    """An object of which only the metadata matters."""

    metadata: Meta = Meta()


class _Container(msgspec.Struct, frozen=True, gc=False):
    image: str = ""


class _PodSpec(msgspec.Struct, frozen=True, gc=False):
    containers: tuple[_Container, ...] = ()


class _Template(msgspec.Struct, frozen=True, gc=False):
    spec: _PodSpec = _PodSpec()


class _RunningSpec(msgspec.Struct, frozen=True, gc=False):
    replicas: int = 1
    template: _Template = _Template()


class _Running(msgspec.Struct, frozen=True, gc=False):
    spec: _RunningSpec = _RunningSpec()


class Storage(NamedTuple):
    """All of a `World` that decides where volumes can be."""

    claims: tuple[Claim, ...]
    volumes: tuple[PersistentVolume, ...]
    storage_classes: tuple[StorageClass, ...]
    csi_nodes: tuple[CsiNode, ...]
    attachments: tuple[Attachment, ...]


class ReadAll(Protocol):
    """Reads all of a kind, in the reader's own way of not being allowed to: what could not be read is None or empty."""

    async def __call__(self, item: type[T], kind: str) -> tuple[T, ...] | None:
        """All of a kind."""
        ...


async def read_storage(read: ReadAll) -> Storage:
    """Claims, volumes and what nodes can attach, read side by side."""
    claims, volumes, classes, csi_nodes, attachments = await asyncio.gather(
        read(Claim, "persistentvolumeclaims"),
        read(PersistentVolume, "persistentvolumes"),
        read(StorageClass, "storageclasses.storage.k8s.io"),
        read(CsiNode, "csinodes.storage.k8s.io"),
        read(Attachment, "volumeattachments.storage.k8s.io"),
    )
    return Storage(claims or (), volumes or (), classes or (), csi_nodes or (), attachments or ())


async def node_maker(cluster: ClusterReader, read: ReadAll, images: Iterable[str] | None = None) -> str:
    """What makes nodes when pods wait for one: `Karpenter`, `cluster-autoscaler`, or nothing that is known.

    Karpenter where it has NodePools; the autoscaler where a workload runs its image, or where its status is written
    (kubernetes/autoscaler, cluster-autoscaler FAQ: a provider that hides it still has it write there). `images` are
    those of the workloads that run, None reads the Deployments.
    """
    try:
        if await read(Named, "nodepools.karpenter.sh"):
            return "Karpenter"
    except (UnknownKindError, NotFoundError):
        pass
    if images is None:
        images = [
            container.image
            for one in await read(_Running, "deployments.apps") or ()
            if one.spec.replicas
            for container in one.spec.template.spec.containers
        ]
    if any("cluster-autoscaler" in image for image in images):
        return "cluster-autoscaler"
    try:
        config_maps = await cluster.resource("configmaps")
        await cluster.get(config_maps, "cluster-autoscaler-status", "kube-system")
    except (NotFoundError, ForbiddenError):
        return ""
    return "cluster-autoscaler"


async def if_allowed(cluster: ClusterReader, item: type[T], kind: str) -> tuple[T, ...] | None:
    """All of a kind; None where it may not be read or is not there."""
    try:
        resource = await cluster.resource(kind)
        return tuple([one async for one in cluster.list_as(item, resource)])
    except (ForbiddenError, UnknownKindError):
        return None


async def read_world(cluster: ClusterReader) -> tuple[World, tuple[str, ...]]:
    """All that decides where pods land, and the kinds that could not be read."""
    unread: list[str] = []

    async def all_of(item: type[T], kind: str) -> tuple[T, ...]:
        found = await if_allowed(cluster, item, kind)
        if found is None:
            unread.append(kind.split(".", 1)[0])
        return found or ()

    nodes, pods, spaces = await asyncio.gather(
        all_of(Node, "nodes"), all_of(Pod, "pods"), all_of(Named, "namespaces")
    )
    storage = await read_storage(all_of)
    world = World(
        nodes=nodes,
        pods=pods,
        namespaces={one.metadata.name: one.metadata.labels for one in spaces},
        **storage._asdict(),
    )
    return world, tuple(sorted(unread))
