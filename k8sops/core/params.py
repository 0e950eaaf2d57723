"""The base of every action's typed input, and how a field says where it appears.

One declaration feeds the CLI flags, the form, the chat modal, playbook arguments and the docs. Imports pydantic, so
only the chosen action's module pays for it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

POSITIONAL = "x-positional"
SHORT = "x-short"
METAVAR = "x-metavar"
NAMES = "x-names"
EXPLICIT = "x-explicit"
AT_TERMINAL = "x-at-terminal"
SEVERAL = "NAME[,…]"
"""The metavar of a field that takes several names in one text, with commas between."""
KIND_AND_NAME = "KIND/NAME"
"""What `names` is where each entry says its kind itself, and perhaps its namespace (`core.object_names`)."""


class Params(BaseModel):
    """Typed input of an action: frozen, unknown fields refused, errors without the offending value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True
    )


def positional(description: str, *, metavar: str = "", names: str = "", **constraints: Any) -> Any:
    """A field given by position at the command line; a tuple takes all that is left.

    `names` says that its entries name targets, and of which kind: a resource, or KIND_AND_NAME. Whoever plans again
    leaves out the entries whose targets are gone by then (DESIGN §8, Drift).
    """
    return _field(description, {POSITIONAL: True, METAVAR: metavar}, names, constraints)


def option(
    description: str,
    *,
    short: str = "",
    metavar: str = "",
    names: str = "",
    explicit: bool = False,
    at_terminal: bool = False,
    **constraints: Any,
) -> Any:
    """A field given as --flag at the command line; `names` as for `positional`.

    An `explicit` field is filled by whoever asks alone: a `namespace` that is not given means all of them, and not that
    of the configuration or the context. What is asked for `at_terminal` may be left out there.
    """
    said = ({EXPLICIT: True} if explicit else {}) | ({AT_TERMINAL: True} if at_terminal else {})
    return _field(description, {SHORT: short, METAVAR: metavar} | said, names, constraints)


def _field(description: str, extra: dict[str, Any], names: str, constraints: dict[str, Any]) -> Any:
    named = {NAMES: names} if names else {}
    return Field(description=description, json_schema_extra=extra | named, **constraints)


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """What `positional` or `option` noted on the field."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _plain_text(value: str) -> str:
    hostile = next((c for c in value if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}), None)
    if hostile is not None:
        raise ValueError(f"holds the control character U+{ord(hostile):04X}; names are plain printable text")
    return value


_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?")


def _object_name(value: str) -> str:
    _plain_text(value)
    if len(value) > 253 or not _NAME.fullmatch(value):
        raise ValueError(
            "is not a Kubernetes object name: letters, digits, '-', '.', at most 253, "
            "beginning and ending with a letter or digit"
        )
    return value


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def _seconds(value: object) -> object:
    """Whole seconds from `90`, `90s`, `5m` or `1h30m`, the spellings kubectl takes."""
    if not isinstance(value, str) or value.strip().isdigit():
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None or not value.strip():
        raise ValueError("should be a duration such as 90s, 5m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


Seconds = Annotated[int, BeforeValidator(_seconds)]
"""A duration in whole seconds, also written as `5m` or `1h30m`."""

PlainText = Annotated[str, AfterValidator(_plain_text)]
"""Text that can be shown on a terminal and in a chat as it is: no control or invisible characters."""

ObjectName = Annotated[str, AfterValidator(_object_name)]
"""A Kubernetes object name, wide enough for every kind (RBAC names may hold ':' and '_')."""
