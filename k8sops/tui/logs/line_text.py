"""A log line as it is shown: whose it is, when it came, JSON laid out; safe for a terminal. Pure.

Colours that a program wrote are taken out; what else could drive a terminal is spelled out.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

import msgspec

from k8sops.core.logs import LogEntry, moment_of
from k8sops.service.loglines import safe
from k8sops.service.loglines.json_line import TEXTS, TIMES, fields_of, taken

_TAB: Final = 4
_LEVELS: Final = ("level", "severity", "lvl", "levelname", "log.level")
WORRYING: Final = re.compile(
    r"\b(?:(?P<bad>error|err|fatal|panic|critical|emerg|alert|exception)|(?P<warn>warning|warn))\b",
    re.IGNORECASE,
)
"""A level that is worth a colour, where a line says one."""
LEVEL_WITHIN: Final = 200
"""Characters in which a level is looked for: what a message quotes further on is no level of its own."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How lines are laid out."""

    timestamps: bool = False
    json: bool = False
    wrap: bool = False
    prefix: str = ""
    """What all pods' names begin with, and is left out."""
    pods: bool = False
    """Whether several pods are shown, so that each line names its own."""
    containers: bool = False


def shown_text(entry: LogEntry, look: Look) -> tuple[str, int]:
    """The line, and how many of its first characters are ours: the time and whose it is."""
    head = f"{_clock(entry.at)} " if look.timestamps else ""
    head += _whose(entry, look)
    if entry.marker:
        return head + f"── {clean(entry.text)} ──", len(head)
    text = _laid_out(entry.text) if look.json else entry.text
    cut = f" … {entry.cut:,} bytes more" if entry.cut else ""
    return head + clean(text) + cut, len(head)


def look_for(entries: Collection[LogEntry], look: Look, workload: str) -> Look:
    """The same look, naming pods and containers where there are several."""
    streams = {entry.stream for entry in entries}
    pods = {stream.pod for stream in streams}
    return msgspec.structs.replace(
        look,
        pods=look.pods or len(pods) > 1,
        containers=look.containers or len({stream.container for stream in streams if stream.container}) > 1,
        prefix=f"{workload}-" if all(pod.startswith(f"{workload}-") for pod in pods) else "",
    )


def clean(text: str) -> str:
    """The text without colours, tabs widened, everything else that is invisible spelled out."""
    return safe.clean(text).expandtabs(_TAB)


def _whose(entry: LogEntry, look: Look) -> str:
    pod = entry.stream.pod.removeprefix(look.prefix) if look.pods else ""
    container = entry.stream.container if look.containers else ""
    label = "/".join(part for part in (pod, container) if part)
    return f"{clean(label)} " if label else ""


def _clock(at: int) -> str:
    if not at:
        return "-" * 23
    return moment_of(at).strftime("%Y-%m-%d %H:%M:%S.%f")[:23]


def _laid_out(text: str) -> str:
    """A JSON object as level, message and the rest; any other line as it is."""
    found = fields_of(text)
    if found is None:
        return text
    level, message = taken(found, _LEVELS), taken(found, TEXTS)
    taken(found, TIMES)
    rest = " ".join(f"{name}={_value(value)}" for name, value in found.items())
    shown = "" if message is None else _value(message)
    return "  ".join(part for part in (f"{str(level or '-').upper():<5}", shown, rest) if part)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
