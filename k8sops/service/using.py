"""Who uses an object: the kinds that could name it are looked through in its namespace, each by its own permission.

A pod or ReplicaSet that somebody else controls is not told: its controller is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from typing import Any, Final

import msgspec

from k8sops.core.errors import ForbiddenError, UnknownKindError, UsageError
from k8sops.core.plan import JsonObject, Target
from k8sops.core.ports import ClusterReader, Resource
from k8sops.core.uses import HOLDERS, Use, Uses, named_by
from k8sops.forecast.objects import Selector
from k8sops.forecast.selectors import matches

MOST: Final = 2000
_SELECTING: Final = frozenset({"Service", "PodDisruptionBudget"})


async def used_by(reader: ClusterReader, kind: str, name: str, namespace: str) -> Uses:
    """Who uses the object. Raises UsageError for a kind nothing is known of, NotFoundError, UnknownKindError."""
    resource = await reader.resource(kind)
    holders = HOLDERS.get(resource.qualified)
    if holders is None:
        known = ", ".join(sorted(one.partition(".")[0] for one in HOLDERS))
        raise UsageError(f"who uses {resource.qualified} cannot be told", hint=f"it can of {known}")
    where = namespace if resource.namespaced else ""
    target = await reader.get(resource, name, where)
    found: list[Use] = []
    unread: list[str] = []
    for holder in holders:
        try:
            found += await _among(reader, await reader.resource(holder), resource, target, where)
        except UnknownKindError:
            continue
        except ForbiddenError:
            unread.append(holder)
    return Uses(found=tuple(found[:MOST]), unread=tuple(unread))


async def _among(
    reader: ClusterReader, holder: Resource, resource: Resource, target: JsonObject, namespace: str
) -> list[Use]:
    found: list[Use] = []
    async with aclosing(reader.list(holder, namespace if holder.namespaced else "")) as objects:
        async for listed in objects:
            # Items of a list come without their kind.
            one = {"kind": holder.kind, **listed}
            if how := "; ".join(dict.fromkeys(_how(one, resource, target))):
                found.append(Use(by=_target(holder, one), how=how))
            if len(found) >= MOST:
                break
    return found


def _how(one: JsonObject, resource: Resource, target: JsonObject) -> Iterator[str]:
    metadata = one["metadata"]
    if any(owner.get("controller") for owner in metadata.get("ownerReferences") or ()):
        return
    wanted, where = str(target["metadata"]["name"]), str(target["metadata"].get("namespace") or "")
    for named in named_by(one):
        if (named.kind, named.name) != (resource.qualified, wanted):
            continue
        there = named.namespace or str(metadata.get("namespace") or "")
        if not resource.namespaced or there == where:
            yield named.how
    template = ((target.get("spec") or {}).get("template") or {}).get("metadata")
    is_near = one["kind"] in _SELECTING and metadata.get("namespace") == where
    if is_near and isinstance(template, dict) and _selects(one, template.get("labels") or {}):
        yield "selects its pods"


def _selects(one: JsonObject, labels: dict[str, str]) -> bool:
    selector: Any = (one.get("spec") or {}).get("selector")
    if not selector:
        # A Service without a selector has its endpoints from elsewhere; a budget without one guards nothing.
        return False
    if one["kind"] == "Service":
        selector = {"matchLabels": selector}
    return matches(msgspec.convert(selector, Selector), labels)


def _target(holder: Resource, one: JsonObject) -> Target:
    metadata = one["metadata"]
    return Target(
        kind=holder.qualified,
        name=str(metadata["name"]),
        namespace=str(metadata.get("namespace") or ""),
        uid=str(metadata.get("uid") or ""),
    )
