"""Who holds which fields of an object, as its managedFields say (`f:NAME`, `k:{…}` and `v:…` for entries of lists).

Pure. A change is sent with these in sight: what somebody else holds is taken over only where the plan has named them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from k8sops.core.plan import JsonObject

APPLY: Final = "Apply"


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What one manager holds of the fields that were asked about."""

    manager: str
    fields: tuple[str, ...]
    returns: bool
    """Whether it is likely to set them back: it applies, or writes through a subresource as an autoscaler does."""


def holders(found: Mapping[str, Any], names: list[str], *, ours: frozenset[str]) -> tuple[Holding, ...]:
    """Who but us holds which of these fields (named as `core.merge_patch.differences` does)."""
    held: dict[str, dict[str, None]] = {}
    returning: set[str] = set()
    for entry in _entries(found):
        manager = str(entry.get("manager") or "somebody")
        if manager in ours:
            continue
        fields = [name for name in names if _holds(entry.get("fieldsV1") or {}, found, name)]
        if fields:
            held.setdefault(manager, {}).update(dict.fromkeys(fields))
            if entry.get("operation") == APPLY or entry.get("subresource"):
                returning.add(manager)
    return tuple(
        Holding(manager=manager, fields=tuple(fields), returns=manager in returning)
        for manager, fields in held.items()
    )


def everybodys(found: Mapping[str, Any]) -> JsonObject:
    """The fields that anybody holds, as one set: it tells which lists are merged by which keys."""
    together: JsonObject = {}
    for entry in _entries(found):
        if entry.get("apiVersion") == found.get("apiVersion"):
            _add(together, entry.get("fieldsV1") or {})
    return together


def applied_by(found: Mapping[str, Any], manager: str) -> JsonObject:
    """The fields that a manager holds by server-side apply: those it does not send again are taken for removed."""
    for entry in _entries(found):
        is_whole = entry.get("operation") == APPLY and not entry.get("subresource")
        if is_whole and entry.get("manager") == manager:
            fields: JsonObject = entry.get("fieldsV1") or {}
            return fields
    return {}


def _entries(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from found.get("metadata", {}).get("managedFields") or ()


def _add(together: JsonObject, fields: Mapping[str, Any]) -> None:
    for key, below in fields.items():
        _add(together.setdefault(key, {}), below)


def _holds(fields: Mapping[str, Any], node: Any, name: str) -> bool:
    """Whether a set of fields has this one, what is below, or a whole that it is part of."""
    for key, below in fields.items():
        kind, _, told = key.partition(":")
        if kind == "f" and isinstance(node, Mapping):
            if name == told:
                return True
            rest = name[len(told) :] if name.startswith((f"{told}.", f"{told}[")) else ""
            if rest and (not below or _holds(below, node.get(told), rest.removeprefix("."))):
                return True
        elif kind in {"k", "v"} and isinstance(node, list) and name.startswith("["):
            place, _, rest = name[1:].partition("]")
            entry = node[int(place)] if int(place) < len(node) else None
            if is_entry(entry, kind, told) and (not rest or _holds(below, entry, rest.removeprefix("."))):
                return True
    return False


def is_entry(entry: Any, kind: str, told: str) -> bool:
    """Whether an entry of a list is the one that `k:{…}` or `v:…` speaks of."""
    wanted = json.loads(told)
    if kind == "v":
        return bool(entry == wanted)
    return isinstance(entry, Mapping) and all(entry.get(one) == value for one, value in wanted.items())
