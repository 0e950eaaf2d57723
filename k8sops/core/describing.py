"""An object in words, as `kubectl describe` tells it: who it is, its conditions and containers, then the rest.

Pure: from the object to lines. Any kind can be described, since beyond metadata, conditions and containers every field
is told by its own name; values of Secrets are told by their size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from k8sops.core.durations import age, human_duration
from k8sops.core.plan import JsonObject
from k8sops.core.secret_values import LAST_APPLIED, masked
from k8sops.core.text import printable

Width = Callable[[str], int]

_LABEL: Final = 16
_TOLD_ABOVE: Final = frozenset({"conditions", "containers", "initContainers", "containerStatuses"}) | {
    "initContainerStatuses",
    "managedFields",
}
_VALUES: Final = frozenset({"data", "stringData", "binaryData"})
# Between `pod` and `IPs` in podIPs, but not within the abbreviation.
_WORD_ENDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")


def description(found: JsonObject, now: datetime, *, width: Width = len) -> list[str]:
    """The object in words, safe to show; `width` tells how many cells a text takes where it will be shown."""
    found = masked(found)
    lines = [
        *_identity(found, now),
        *_conditions(found, now, width),
        *_containers(found, now),
        *_rest(found),
    ]
    return [printable(line) for line in lines]


def _identity(found: JsonObject, now: datetime) -> Iterator[str]:
    metadata = found.get("metadata") or {}
    yield fact_line("Name", metadata.get("name", ""))
    if metadata.get("namespace"):
        yield fact_line("Namespace", metadata["namespace"])
    yield fact_line("Kind", f"{found.get('kind', '')} ({found.get('apiVersion', '')})")
    if moment := _moment(metadata.get("creationTimestamp")):
        yield fact_line("Created", f"{moment:%Y-%m-%d %H:%M:%S} UTC ({age(moment, now)} ago)")
    if moment := _moment(metadata.get("deletionTimestamp")):
        yield fact_line(
            "Deleting", f"since {moment:%H:%M:%S} UTC, grace {metadata.get('deletionGracePeriodSeconds')} s"
        )
        yield from _listed("Finalizers", metadata.get("finalizers") or [])
    yield from _listed(
        "Controlled By",
        [f"{owner['kind']}/{owner['name']}" for owner in metadata.get("ownerReferences") or []],
    )
    yield from _listed("Labels", [f"{key}={value}" for key, value in (metadata.get("labels") or {}).items()])
    annotations = metadata.get("annotations") or {}
    yield from _listed(
        "Annotations", [f"{key}: {value}" for key, value in annotations.items() if key != LAST_APPLIED]
    )


def _conditions(found: JsonObject, now: datetime, width: Width) -> Iterator[str]:
    conditions = (found.get("status") or {}).get("conditions") or []
    if not conditions or not all(isinstance(each, dict) for each in conditions):
        return
    yield ""
    yield "Conditions"
    rows = [("TYPE", "STATUS", "SINCE", "REASON", "MESSAGE")]
    for each in conditions:
        since = _moment(each.get("lastTransitionTime"))
        rows.append(
            (
                str(each.get("type", "")),
                str(each.get("status", "")),
                age(since, now) if since else "",
                str(each.get("reason") or ""),
                str(each.get("message") or ""),
            )
        )
    yield from aligned(rows, width=width)


def _containers(found: JsonObject, now: datetime) -> Iterator[str]:
    spec, status = found.get("spec") or {}, found.get("status") or {}
    template = (spec.get("template") or {}).get("spec") if isinstance(spec.get("template"), dict) else None
    for title, field in (("Init containers", "initContainers"), ("Containers", "containers")):
        containers = (template or spec).get(field)
        if not isinstance(containers, list) or not containers:
            continue
        states = {each.get("name"): each for each in status.get(field.removesuffix("s") + "Statuses") or []}
        yield ""
        yield title
        for container in containers:
            yield f"  {container.get('name', '')}"
            yield fact_line("Image", container.get("image", ""), indent=4)
            for kind, amounts in (container.get("resources") or {}).items():
                if isinstance(amounts, dict):
                    said = ", ".join(f"{name} {amount}" for name, amount in amounts.items())
                    yield fact_line(kind.capitalize(), said, indent=4)
            if state := states.get(container.get("name")):
                yield from _state(state, now)


def _state(status: Mapping[str, Any], now: datetime) -> Iterator[str]:
    yield fact_line("State", _state_said(status.get("state") or {}, now), indent=4)
    if last := status.get("lastState"):
        yield fact_line("Last state", _state_said(last, now), indent=4)
    yield fact_line("Ready", "yes" if status.get("ready") else "no", indent=4)
    yield fact_line("Restarts", str(status.get("restartCount", 0)), indent=4)


def _state_said(state: Mapping[str, Any], now: datetime) -> str:
    for word, detail in state.items():
        parts = [word.capitalize()]
        if "reason" in detail:
            parts.append(str(detail["reason"]))
        if "exitCode" in detail:
            parts.append(f"exit code {detail['exitCode']}")
        if "signal" in detail:
            parts.append(f"signal {detail['signal']}")
        moment = _moment(detail.get("finishedAt") or detail.get("startedAt"))
        if moment:
            parts.append(f"{human_duration(max(0.0, (now - moment).total_seconds()))} ago")
        if detail.get("message"):
            parts.append(str(detail["message"]))
        return ", ".join(parts)
    return "unknown"


def _rest(found: JsonObject) -> Iterator[str]:
    for field, value in found.items():
        if field in {"apiVersion", "kind", "metadata"} or value in ({}, [], None):
            continue
        lines = list(_values(value) if field in _VALUES else _fields(value, 2))
        if lines:
            yield ""
            yield _title(field)
            yield from lines


def _values(value: Any) -> Iterator[str]:
    """Keys that are somebody's own, as they are written."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield fact_line(key, _scalar(inner), indent=2)


def _fields(value: Any, indent: int) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _TOLD_ABOVE:
                continue
            if isinstance(inner, dict | list) and inner:
                yield f"{' ' * indent}{_title(key)}"
                yield from _fields(inner, indent + 2)
            elif inner not in ({}, [], None):
                yield fact_line(_title(key), _scalar(inner), indent=indent)
    elif isinstance(value, list):
        for inner in value:
            lines = list(_fields(inner, indent + 2))
            if lines:
                yield f"{' ' * indent}-{lines[0][indent + 1 :]}"
                yield from lines[1:]
    else:
        yield f"{' ' * indent}{_scalar(value)}"


def aligned(rows: Sequence[Sequence[str]], *, width: Width = len) -> Iterator[str]:
    """Rows of equally many cells below each other, each a line."""
    widths = [max(width(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=False)]
        yield "  " + "  ".join((*cells, row[-1].replace("\n", " "))).rstrip()


def fact_line(name: str, value: object, *, indent: int = 0) -> str:
    """A label and what it is, at the place where values begin."""
    first, *more = str(value).rstrip("\n").split("\n")
    room = max(_LABEL - indent, len(name) + 1)
    head = f"{' ' * indent}{name}{' ' * (room - len(name))} {first}"
    return " ⏎ ".join((head, *more))


def _listed(name: str, values: Sequence[object]) -> Iterator[str]:
    for index, value in enumerate(values):
        yield fact_line(name if index == 0 else "", value)


def _title(field: str) -> str:
    words = _WORD_ENDS.sub(" ", field)
    return words[:1].upper() + words[1:]


def _scalar(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
