"""The containers of a pod, or of what makes pods, as a description tells them: how each stands, then what it is.

Pure. A container is told whole: what has no line of its own here is told by its fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from k8sops.core import container_words as words
from k8sops.core.container_words import Teller
from k8sops.core.durations import human_duration
from k8sops.core.fact_lines import fact_line, field_lines, listed
from k8sops.core.json_shapes import at, is_scalar, mapping, mappings
from k8sops.core.plan import JsonObject

Path = tuple[str, ...]

CONTAINER_FIELDS: Final = ("initContainers", "containers", "ephemeralContainers")
_TITLES: Final = ("Init containers", "Containers", "Ephemeral containers")
_POD_SPECS: Final[tuple[Path, ...]] = (
    ("spec",),
    ("spec", "template", "spec"),
    ("spec", "jobTemplate", "spec", "template", "spec"),
    ("template", "spec"),
)
_INDENT: Final = 4
_LISTS: Final[tuple[tuple[str, str, Teller], ...]] = (
    ("ports", "Ports", words.port),
    ("command", "Command", words.word),
    ("args", "Args", words.word),
)
_PROBES: Final = (("livenessProbe", "Liveness"), ("readinessProbe", "Readiness"), ("startupProbe", "Startup"))
_MORE_LISTS: Final[tuple[tuple[str, str, Teller], ...]] = (
    ("envFrom", "Env from", words.environment_source),
    ("env", "Environment", words.variable),
    ("volumeMounts", "Mounts", words.mount),
    ("volumeDevices", "Devices", words.device),
)
# What the API server writes into every container, and kubectl does not tell either.
_USUAL: Final = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}


class Told(NamedTuple):
    """Lines, and where in the object stands what they tell."""

    lines: list[str]
    paths: list[Path]


def containers_told(found: JsonObject, now: datetime) -> Told:
    """All containers of the object; what is no list of containers is not told, nor are states without a container."""
    told = Told([], [])
    for where in _POD_SPECS:
        for field, title in zip(CONTAINER_FIELDS, _TITLES, strict=True):
            if containers := mappings(at(found, (*where, field))):
                path = ("status", f"{field.removesuffix('s')}Statuses")
                statuses = mappings(at(found, path))
                states = {str(each.get("name")): each for each in statuses}
                told.lines.extend(("", title))
                for container in containers:
                    state = states.pop(str(container.get("name")), None)
                    told.lines.extend(_container(container, state, now))
                told.paths.extend([(*where, field), path] if statuses and not states else [(*where, field)])
    return told


def moment(text: object) -> datetime | None:
    """A time as an object has it, of which nobody says that it is one; without a zone it is taken as UTC."""
    try:
        found = datetime.fromisoformat(str(text))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _container(found: JsonObject, state: JsonObject | None, now: datetime) -> Iterator[str]:
    left = {key: value for key, value in found.items() if _USUAL.get(key) != value}
    yield f"  {left.pop('name') if is_scalar(left.get('name')) else '(no name)'}"
    if is_scalar(left.get("image")):
        yield fact_line("Image", left.pop("image"), indent=_INDENT)
    if state is not None:
        yield from _state(state, now)
    yield from _lists(left, _LISTS)
    yield from _resources(left)
    for field, label in _PROBES:
        if (said := words.probe(left.get(field))) is not None:
            del left[field]
            yield fact_line(label, said, indent=_INDENT)
    yield from _lists(left, _MORE_LISTS)
    yield from field_lines(left, _INDENT)


def _lists(left: JsonObject, tellers: tuple[tuple[str, str, Teller], ...]) -> Iterator[str]:
    """What of these can be told; it is taken out of `left`."""
    for field, label, teller in tellers:
        if (said := words.told(left.get(field), teller)) is not None:
            del left[field]
            yield from listed(label, said, indent=_INDENT)


def _resources(left: JsonObject) -> Iterator[str]:
    resources = dict(mapping(left.get("resources")))
    for field in ("limits", "requests"):
        if said := words.amounts(resources.get(field)):
            del resources[field]
            yield fact_line(field.capitalize(), said, indent=_INDENT)
    if isinstance(left.get("resources"), dict):
        left["resources"] = resources


def _state(status: JsonObject, now: datetime) -> Iterator[str]:
    for field, label in (("containerID", "ID"), ("imageID", "Image ID")):
        if status.get(field):
            yield fact_line(label, status[field], indent=_INDENT)
    yield fact_line("State", _state_said(status.get("state"), now), indent=_INDENT)
    if last := status.get("lastState"):
        yield fact_line("Last state", _state_said(last, now), indent=_INDENT)
    yield fact_line("Ready", "yes" if status.get("ready") else "no", indent=_INDENT)
    yield fact_line("Restarts", status.get("restartCount", 0), indent=_INDENT)


def _state_said(state: Any, now: datetime) -> str:
    for kind, found in mapping(state).items():
        detail, parts = mapping(found), [kind.capitalize()]
        if "reason" in detail:
            parts.append(str(detail["reason"]))
        if "exitCode" in detail:
            parts.append(f"exit code {detail['exitCode']}")
        if "signal" in detail:
            parts.append(f"signal {detail['signal']}")
        if since := moment(detail.get("finishedAt") or detail.get("startedAt")):
            parts.append(f"{human_duration(max(0.0, (now - since).total_seconds()))} ago")
        if detail.get("message"):
            parts.append(str(detail["message"]))
        return ", ".join(parts)
    return "unknown"
