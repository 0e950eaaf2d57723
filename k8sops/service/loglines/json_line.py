"""A JSON line as a person reads it: level, message, then what else it holds as `key=value`.

Texts of several lines, such as stack traces, stand below it, indented: nothing in a line can pass for another line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from k8sops.core.log_levels import LEVEL_KEYS, NAMES, Level
from k8sops.service.loglines.safe import clean

TEXTS: Final = ("msg", "message", "@message", "@m", "@mt", "MESSAGE", "short_message", "event", "log", "text")
TIMES: Final = ("time", "ts", "timestamp", "@timestamp", "@t", "t", "datetime", "Timestamp")
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])
_BELOW: Final = "\n    "

Paint = Callable[[str, str], str]


def fields_of(text: str) -> dict[str, Any] | None:
    """The fields of a line that is one JSON object; None for any other."""
    if not text.startswith("{"):
        return None
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None


def laid_out(fields: dict[str, Any], level: Level, paint: Paint, colour: str) -> str:
    """The line for people, without its time, which stands before it; safe to show. Takes the fields apart."""
    message = taken(fields, TEXTS)
    taken(fields, TIMES)
    _drop_level(fields, level)
    below: list[str] = []
    parts = [paint(f"{NAMES[level - 1].upper() if level else '-':<5}", colour)]
    if message not in (None, ""):
        parts.append(_split(message if isinstance(message, str) else _value(message), below, ""))
    for name, value in fields.items():
        shown = clean(name) + "="
        text = value if isinstance(value, str) and "\n" in value else _value(value)
        if "\n" in text:
            _split(text, below, shown)
        else:
            parts.append(paint(shown, "2") + clean(text))
    return " ".join(parts) + "".join(below)


def _drop_level(fields: dict[str, Any], level: Level) -> None:
    for name in LEVEL_KEYS if level else ():
        if name in fields and not isinstance(fields[name], dict):
            del fields[name]
            return


def _split(text: str, below: list[str], name: str) -> str:
    """The first line; what follows it goes below."""
    first, *rest = text.rstrip("\n").split("\n")
    if name:
        below.append(_BELOW + name)
        rest = [first, *rest]
    below += [_BELOW + clean(line.removesuffix("\r")) for line in rest]
    return clean(first.removesuffix("\r"))


def taken(fields: dict[str, Any], names: Collection[str]) -> Any:
    """The first of these fields that there is, taken out; None where there is none."""
    return next((fields.pop(name) for name in names if name in fields), None)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value if value and not _needs_quotes(value) else msgspec.json.encode(value).decode()
    return msgspec.json.encode(value).decode()


def _needs_quotes(text: str) -> bool:
    return " " in text or "=" in text or '"' in text
