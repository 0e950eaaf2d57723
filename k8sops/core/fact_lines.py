"""What descriptions are made of: a label and its value, a table, any field by its own name. Pure.

A field is titled by its name (`dnsPolicy`: `Dns Policy`). Keys that somebody chose, as those of labels, stay as they
are written: one would otherwise copy a selector that selects nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

Width = Callable[[str], int]

_LABEL: Final = 16
# Between `pod` and `IPs` in podIPs, but not within the abbreviation.
_WORD_ENDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_FIELD_NAME: Final = re.compile(r"[A-Za-z0-9]+")
_OWN_KEYS: Final = frozenset(
    {"data", "stringData", "binaryData", "parameters", "volumeAttributes", "properties", "values", "env", "extra",
     "capacity", "allocatable", "allocatedResources", "limits", "requests", "hard", "used", "podFixed",
     "max", "min", "default", "defaultRequest", "maxLimitRequestRatio"}
)  # fmt: skip
_OWN_ENDINGS: Final = ("labels", "annotations", "selector")
# A selector with one of these is no map of labels: it has fields, one of which is such a map.
_OF_SELECTORS: Final = frozenset({"matchLabels", "matchExpressions", "matchFields", "nodeSelectorTerms"})


def fact_line(name: str, value: object, *, indent: int = 0) -> str:
    """A label and what it is, at the place where values begin."""
    room = max(_LABEL - indent, len(name) + 1)
    return f"{' ' * indent}{name}{' ' * (room - len(name))} {_one_line(str(value))}"


def listed(name: str, values: Sequence[object], *, indent: int = 0) -> Iterator[str]:
    """A label and several values, a line each."""
    for index, value in enumerate(values):
        yield fact_line(name if index == 0 else "", value, indent=indent)


def aligned(rows: Sequence[Sequence[str]], *, width: Width = len) -> Iterator[str]:
    """Rows of equally many cells below each other, each a line."""
    widths = [max(width(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=False)]
        yield "  " + "  ".join((*cells, row[-1].replace("\n", " "))).rstrip()


def titled_lines(field: str, value: Any) -> Iterator[str]:
    """A field of the object itself: its title, and below it what it holds. Nothing where it is empty."""
    lines = list(_lines(value, 2, own=_has_own_keys(field, value)))
    if lines:
        yield ""
        yield _title(field)
        yield from lines


def field_lines(value: Any, indent: int) -> Iterator[str]:
    """All that a value holds, by the names of its fields; what is empty is left out."""
    return _lines(value, indent, own=False)


def scalar(value: object) -> str:
    """A value that is none of several, as it is told."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _lines(value: Any, indent: int, *, own: bool) -> Iterator[str]:
    """`own`: the keys are somebody's, here and below."""
    if isinstance(value, dict):
        for key, inner in value.items():
            name = key if own else _title(key)
            if isinstance(inner, dict | list):
                lines = list(_lines(inner, indent + 2, own=own or _has_own_keys(key, inner)))
                yield from (f"{' ' * indent}{name}", *lines) if lines else ()
            elif inner is not None:
                yield fact_line(name, scalar(inner), indent=indent)
    elif isinstance(value, list):
        for inner in value:
            lines = list(_lines(inner, indent + 2, own=own))
            if lines:
                yield f"{' ' * indent}-{lines[0][indent + 1 :]}"
                yield from lines[1:]
    elif value is not None:
        yield f"{' ' * indent}{_one_line(scalar(value))}"


def _one_line(text: str) -> str:
    return text.rstrip("\n").replace("\n", " ⏎ ")


def _has_own_keys(field: str, value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return field in _OWN_KEYS or (field.lower().endswith(_OWN_ENDINGS) and not _OF_SELECTORS & value.keys())


def _title(field: str) -> str:
    if not _FIELD_NAME.fullmatch(field):
        return field
    words = _WORD_ENDS.sub(" ", field)
    return words[:1].upper() + words[1:]
