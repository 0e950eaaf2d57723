"""What goes with an object when it is deleted: by owner references, by namespace, by custom kind.

The garbage collector removes an object once its last owner is gone (kubernetes.io, Garbage Collection); an object with
another owner that stays is kept. Kinds that cannot be listed are told, since what is in them is unknown, not absent.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from k8sops.actions.choosing import Chosen
from k8sops.actions.gone_kinds import is_gone
from k8sops.cluster.structs import OwnerReference
from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import Item, Target
from k8sops.core.ports import ClusterReader, Resource
from k8sops.forecast.objects import FullMeta

AT_ONCE: Final = 8
NAMESPACES: Final = "namespaces"
CUSTOM_KINDS: Final = "customresourcedefinitions.apiextensions.k8s.io"
_NOISE: Final = frozenset({"events", "events.events.k8s.io", "leases.coordination.k8s.io"})


class Held(msgspec.Struct, frozen=True, gc=False):
    """Any object, as far as ownership goes."""

    metadata: FullMeta = FullMeta()


class Dependent(msgspec.Struct, frozen=True, kw_only=True):
    """An object that goes with another."""

    target: Target
    of: str
    """uid of the chosen object it goes with."""
    finalizers: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What goes along, and which kinds could not be looked into."""

    dependents: tuple[Dependent, ...]
    unread: tuple[str, ...] = ()

    def items_of(self, uid: str) -> list[Item]:
        """What goes along with one object, as a plan lists it."""
        return [
            Item(target=one.target, verb="delete", group=one.target.kind.split(".", 1)[0])
            for one in self.dependents
            if one.of == uid
        ]


async def dependents_of(chosen: Sequence[Chosen], cluster: ClusterReader) -> Found:
    """Read everything that could depend on the chosen objects, a kind at a time, eight kinds at once."""
    # What nobody can delete is not kept anywhere: metrics.k8s.io lists figures about pods, not objects.
    every = [
        one
        for one in await cluster.resources()
        if {"list", "delete"} <= set(one.verbs) and one.qualified not in _NOISE
    ]
    wanted = [(resource, place) for resource in every for place in _places(resource, chosen)]
    held: list[tuple[Resource, Held]] = []
    unread: set[str] = set()
    gate = asyncio.Semaphore(AT_ONCE)

    async def read(resource: Resource, place: str) -> None:
        async with gate:
            try:
                found = [one async for one in cluster.list_as(Held, resource, place)]
            except K8sOpsError as error:
                if not await is_gone(cluster, resource, error):
                    unread.add(resource.qualified)
                return
        held.extend((resource, one) for one in found)

    async with asyncio.TaskGroup() as group:
        for resource, place in wanted:
            group.create_task(read(resource, place))
    gaps = await cluster.discovery_gaps()
    return Found(
        dependents=tuple(_going_along(chosen, held)),
        unread=tuple(sorted(unread | {gap.group_version for gap in gaps})),
    )


def _places(resource: Resource, chosen: Sequence[Chosen]) -> list[str]:
    """In which namespaces a kind is read; all (an empty name) for what belongs to an object without one."""
    kinds = {one.resource.qualified for one in chosen}
    if kinds == {NAMESPACES}:
        return sorted({str(one.object["metadata"]["name"]) for one in chosen}) if resource.namespaced else []
    if kinds == {CUSTOM_KINDS}:
        return [""] if any(_defines(one, resource) for one in chosen) else []
    places = {one.target.namespace for one in chosen}
    if "" in places or not resource.namespaced:
        return [""] if "" in places else []
    return sorted(places)


def _defines(one: Chosen, resource: Resource) -> bool:
    return bool(one.object["metadata"]["name"] == f"{resource.plural}.{resource.group}")


def _going_along(chosen: Sequence[Chosen], held: Iterable[tuple[Resource, Held]]) -> list[Dependent]:
    """Whatever lies in a chosen namespace or is of a chosen kind; else what nothing owns any more."""
    roots = {str(one.object["metadata"]["uid"]): one for one in chosen}
    by_owner: dict[str, list[tuple[Resource, FullMeta]]] = defaultdict(list)
    going: dict[str, Dependent] = {}
    seen: dict[str, tuple[Resource, FullMeta]] = {}
    for resource, one in held:
        meta = one.metadata
        if meta.uid in roots or meta.uid in seen:
            continue
        seen[meta.uid] = (resource, meta)
        root = next((uid for uid, owner in roots.items() if _contains(owner, resource, meta)), "")
        if root:
            going[meta.uid] = _dependent(resource, meta, root)
        for owner in meta.owner_references:
            by_owner[owner.uid].append((resource, meta))
    queue = [(uid, uid) for uid in roots] + [(uid, one.of) for uid, one in going.items()]
    while queue:
        uid, root = queue.pop()
        for resource, meta in by_owner.get(uid, ()):
            gone = {*roots, *going}
            if meta.uid in gone or not _all_gone(meta.owner_references, gone):
                continue
            going[meta.uid] = _dependent(resource, meta, root)
            queue.append((meta.uid, root))
    return sorted(going.values(), key=lambda one: one.target)


def _contains(root: Chosen, resource: Resource, meta: FullMeta) -> bool:
    if root.resource.qualified == NAMESPACES:
        return bool(root.object["metadata"]["name"] == meta.namespace)
    return root.resource.qualified == CUSTOM_KINDS and _defines(root, resource)


def _all_gone(owners: Sequence[OwnerReference], gone: set[str]) -> bool:
    return all(owner.uid in gone for owner in owners)


def _dependent(resource: Resource, meta: FullMeta, root: str) -> Dependent:
    target = Target(kind=resource.qualified, name=meta.name, namespace=meta.namespace, uid=meta.uid)
    return Dependent(target=target, of=root, finalizers=meta.finalizers)
