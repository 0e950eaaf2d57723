"""An object in words, as `kubectl describe` tells it: who it is, its conditions and containers, then the rest.

Pure: from the object to lines. Any kind can be described, and any shape, since a custom resource may hold what its
author likes where others have containers: what is not of the known shape is told by its own fields, like all the rest.
Values of Secrets are told by their size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from k8sops.core.describing_containers import CONTAINER_FIELDS, containers_told, moment
from k8sops.core.durations import age
from k8sops.core.fact_lines import Width, aligned, fact_line, listed, titled_lines
from k8sops.core.json_shapes import at, mapping, mappings, without
from k8sops.core.plan import JsonObject
from k8sops.core.secret_values import LAST_APPLIED, masked
from k8sops.core.text import printable

Mask = Callable[[JsonObject], JsonObject]

_CONDITIONS: Final = ("status", "conditions")
_TOLD_FIRST: Final = frozenset({"apiVersion", "kind", "metadata"})
_MAY_HOLD_SECRETS: Final = frozenset({*CONTAINER_FIELDS, "env"})
_DEPTH: Final = 64


def description(found: JsonObject, now: datetime, mask: Mask, *, width: Width = len) -> list[str]:
    """The object in words, safe to show; `width` tells how many cells a text takes where it will be shown.

    `mask` takes out what looks like a secret; it is asked about containers and environments, wherever they stand.
    """
    found = mapping(_tellable(masked(found), mask, _DEPTH))
    conditions = _conditions(found, now, width)
    containers = containers_told(found, now)
    lines = [*_identity(found, now), *conditions, *containers.lines]
    rest = {key: value for key, value in found.items() if key not in _TOLD_FIRST}
    for path in ([_CONDITIONS] if conditions else []) + containers.paths:
        rest = without(rest, path)
    for field, value in rest.items():
        lines.extend(titled_lines(field, value))
    return [printable(line) for line in lines]


def _tellable(value: Any, mask: Mask, depth: int) -> Any:
    """The value without secrets, and never so deep that telling it would end in a RecursionError."""
    if isinstance(value, dict | list) and value and not depth:
        return f"(more than {_DEPTH} levels, not told)"
    if isinstance(value, list):
        return [_tellable(inner, mask, depth - 1) for inner in value]
    if not isinstance(value, dict):
        return value
    shown = {key: _tellable(inner, mask, depth - 1) for key, inner in value.items()}
    return shown | mask({key: shown[key] for key in _MAY_HOLD_SECRETS & shown.keys()})


def _identity(found: JsonObject, now: datetime) -> Iterator[str]:
    metadata = mapping(found.get("metadata"))
    yield fact_line("Name", metadata.get("name", ""))
    if metadata.get("namespace"):
        yield fact_line("Namespace", metadata["namespace"])
    yield fact_line("Kind", f"{found.get('kind', '')} ({found.get('apiVersion', '')})")
    if created := moment(metadata.get("creationTimestamp")):
        yield fact_line("Created", f"{created:%Y-%m-%d %H:%M:%S} UTC ({age(created, now)} ago)")
    if asked := moment(metadata.get("deletionTimestamp")):
        grace = metadata.get("deletionGracePeriodSeconds")
        yield fact_line("Deleting", f"since {asked:%H:%M:%S} UTC, grace {grace} s")
        finalizers = metadata.get("finalizers")
        yield from listed("Finalizers", finalizers if isinstance(finalizers, list) else [])
    owners = mappings(metadata.get("ownerReferences"))
    yield from listed("Controlled By", [f"{owner.get('kind')}/{owner.get('name')}" for owner in owners])
    labels, annotations = mapping(metadata.get("labels")), mapping(metadata.get("annotations"))
    yield from listed("Labels", [f"{key}={value}" for key, value in labels.items()])
    told = [f"{key}: {value}" for key, value in annotations.items() if key != LAST_APPLIED]
    yield from listed("Annotations", told)


def _conditions(found: JsonObject, now: datetime, width: Width) -> list[str]:
    """The table of them; nothing where these are no conditions as objects have them."""
    conditions = mappings(at(found, _CONDITIONS))
    if not conditions or not all("type" in each for each in conditions):
        return []
    rows = [("TYPE", "STATUS", "SINCE", "REASON", "MESSAGE")]
    for each in conditions:
        since = moment(each.get("lastTransitionTime"))
        rows.append(
            (
                str(each["type"]),
                str(each.get("status", "")),
                age(since, now) if since else "",
                str(each.get("reason") or ""),
                str(each.get("message") or ""),
            )
        )
    return ["", "Conditions", *aligned(rows, width=width)]
