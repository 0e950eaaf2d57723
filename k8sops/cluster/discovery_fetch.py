"""What the API server serves, as it tells it: aggregated discovery (KEP-3352), else group by group.

A group version that is stale or does not answer becomes a `DiscoveryGap`: its kinds are unknown, not absent.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from k8sops.core.errors import ClusterError, ServerError, UnreachableError
from k8sops.core.ports import DiscoveryGap, Resource

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

T = TypeVar("T")

AGGREGATED: Final = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)


class Discovered(msgspec.Struct, frozen=True):
    """One look at the server: every resource in every version, groups and versions in the server's order."""

    resources: tuple[Resource, ...]
    gaps: tuple[DiscoveryGap, ...]


class _ResponseKind(msgspec.Struct, frozen=True):
    kind: str = ""


class _Subresource(msgspec.Struct, frozen=True):
    subresource: str = ""


class _Resource(msgspec.Struct, frozen=True, rename="camel"):
    resource: str
    response_kind: _ResponseKind | None = None
    scope: str = ""
    singular_resource: str = ""
    verbs: tuple[str, ...] | None = None
    short_names: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    subresources: tuple[_Subresource, ...] | None = None


class _Version(msgspec.Struct, frozen=True):
    version: str
    resources: tuple[_Resource, ...] | None = None
    freshness: str = "Current"


class _Meta(msgspec.Struct, frozen=True):
    name: str = ""


class _Group(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    versions: tuple[_Version, ...] | None = None


class _GroupVersion(msgspec.Struct, frozen=True, rename="camel"):
    group_version: str = ""


class _LegacyGroup(msgspec.Struct, frozen=True):
    name: str = ""
    versions: tuple[_GroupVersion, ...] = ()


class _Root(msgspec.Struct, frozen=True):
    """Either form of the answer of /api or /apis."""

    kind: str = ""
    items: tuple[_Group, ...] | None = None
    groups: tuple[_LegacyGroup, ...] | None = None
    versions: tuple[str, ...] | None = None


class _LegacyResource(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    kind: str = ""
    namespaced: bool = False
    singular_name: str = ""
    verbs: tuple[str, ...] | None = None
    short_names: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None


class _LegacyList(msgspec.Struct, frozen=True):
    resources: tuple[_LegacyResource, ...] | None = None


async def discover(transport: Transport, *, deadline_s: float = 30.0) -> Discovered:
    """Ask the server. Raises what `request` raises if not even the list of groups can be had."""
    parts = await asyncio.gather(*(_discover_root(transport, root, deadline_s) for root in ("/api", "/apis")))
    return Discovered(
        tuple(resource for part in parts for resource in part.resources),
        tuple(gap for part in parts for gap in part.gaps),
    )


async def _discover_root(transport: Transport, root: str, deadline_s: float) -> Discovered:
    data = await transport.request(
        "GET", root, accept=AGGREGATED, deadline_s=deadline_s, subject="API discovery"
    )
    found = _decoded(data, _Root)
    if found.kind == "APIGroupDiscoveryList":
        return _aggregated(found.items or ())
    if root == "/api":
        group_versions = [("", version) for version in found.versions or ()]
    else:
        group_versions = [
            (group.name, version.group_version.rpartition("/")[2])
            for group in found.groups or ()
            for version in group.versions
        ]
    return await _legacy(transport, group_versions, deadline_s)


def _aggregated(groups: tuple[_Group, ...]) -> Discovered:
    resources: list[Resource] = []
    gaps: list[DiscoveryGap] = []
    for group in groups:
        for version in group.versions or ():
            name = f"{group.metadata.name}/{version.version}".lstrip("/")
            if version.freshness != "Current":
                gaps.append(
                    DiscoveryGap(
                        group_version=name,
                        message=f"{name} is {version.freshness.lower()}: whatever serves it did not answer",
                    )
                )
            resources += (
                _resource(group.metadata.name, version.version, entry) for entry in version.resources or ()
            )
    return Discovered(tuple(resources), tuple(gaps))


def _resource(group: str, version: str, entry: _Resource) -> Resource:
    return Resource(
        group=group,
        version=version,
        plural=entry.resource,
        kind=entry.response_kind.kind if entry.response_kind else "",
        namespaced=entry.scope == "Namespaced",
        singular=entry.singular_resource,
        short_names=entry.short_names or (),
        categories=entry.categories or (),
        verbs=entry.verbs or (),
        subresources=tuple(sub.subresource for sub in entry.subresources or ()),
    )


async def _legacy(
    transport: Transport, group_versions: list[tuple[str, str]], deadline_s: float
) -> Discovered:
    parts = await asyncio.gather(
        *(_legacy_version(transport, group, version, deadline_s) for group, version in group_versions)
    )
    resources: list[Resource] = []
    gaps: list[DiscoveryGap] = []
    for part in parts:
        if isinstance(part, DiscoveryGap):
            gaps.append(part)
        else:
            resources += part
    return Discovered(tuple(resources), tuple(gaps))


async def _legacy_version(
    transport: Transport, group: str, version: str, deadline_s: float
) -> list[Resource] | DiscoveryGap:
    name = f"{group}/{version}".lstrip("/")
    path = f"/apis/{name}" if group else f"/api/{name}"
    try:
        data = await transport.request("GET", path, deadline_s=deadline_s, subject=f"API discovery of {name}")
        entries = _decoded(data, _LegacyList).resources or ()
    except (ClusterError, UnreachableError) as error:
        return DiscoveryGap(group_version=name, message=error.message)
    subresources: dict[str, list[str]] = {}
    for entry in entries:
        plural, slash, sub = entry.name.partition("/")
        if slash:
            subresources.setdefault(plural, []).append(sub)
    return [
        Resource(
            group=group,
            version=version,
            plural=entry.name,
            kind=entry.kind,
            namespaced=entry.namespaced,
            singular=entry.singular_name,
            short_names=entry.short_names or (),
            categories=entry.categories or (),
            verbs=entry.verbs or (),
            subresources=tuple(subresources.get(entry.name, ())),
        )
        for entry in entries
        if "/" not in entry.name
    ]


def _decoded(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise ServerError(f"the API server's discovery cannot be read: {error}") from error
