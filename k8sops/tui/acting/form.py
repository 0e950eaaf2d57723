"""What a dialog asks for, made from an action's Params: each field with its kind, its flag and whether it is folded.

Pure: it knows the declaration and nothing of widgets. Values stay text until the Params take them, so that one place
alone says what is valid.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, Union, get_args, get_origin

import msgspec
from pydantic.fields import FieldInfo

from k8sops.core.params import METAVAR, Params, extra_of
from k8sops.core.plan import Finding

FieldKind = Literal["tick", "choice", "text", "words"]

_SETTLED: Final = frozenset({"targets", "nodes", "namespace", "selector"})
"""The rows that are marked say these."""

_FIRST: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "scale": ("replicas",),
        "set-image": ("images",),
        "label": ("changes",),
        "annotate": ("changes",),
        "taint": ("changes",),
        "rollback": ("to_revision",),
    }
)
"""What is asked first of each action; the first of them has the focus. All else is under More."""

_SAID: Final[Mapping[str, str]] = MappingProxyType(
    {
        "set-image": "name=image, or *=image for all; several with a space between",
        "label": "key=value sets, key- removes; several with a space between",
        "annotate": "key=value sets, key- removes; several with a space between",
        "taint": "key=value:effect sets, key:effect- or key- removes; several with a space between",
    }
)
"""What the field that is asked first takes, where the declaration tells how it is typed at a command line."""

_OTHER_WAYS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "scale": frozenset({"to_zero", "restore", "exactly"}),
        "drain": frozenset({"pool", "pool_label"}),
    }
)
"""Fields that would say in another way which objects are meant, or to what."""

_NEEDED: Final = frozenset({"replicas", "images", "changes"})
"""Without these there is nothing to plan, whatever the declaration has for a default."""


class FormField(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the form."""

    name: str
    flag: str
    kind: FieldKind
    description: str
    default: str = ""
    hint: str = ""
    choices: tuple[str, ...] = ()
    first: bool = False
    needed: bool = False


def form_of(action: str, params: type[Params], settled: Collection[str] = ()) -> tuple[FormField, ...]:
    """The fields of an action, those asked first in front; not those whose value is `settled` already."""
    first, others = _FIRST.get(action, ()), _OTHER_WAYS.get(action, frozenset())
    left_out = _SETTLED | others | set(settled)
    if not others.isdisjoint(settled):
        # What is asked first has been said in another way, as an undo does.
        left_out |= set(first)
    fields = [
        _field(
            name,
            info,
            first=name in first or info.is_required(),
            said=_SAID.get(action, "") if name in first else "",
        )
        for name, info in params.model_fields.items()
        if name not in left_out
    ]
    return tuple(sorted(fields, key=lambda field: not field.first))


def given(fields: tuple[FormField, ...], values: Mapping[str, str]) -> dict[str, Any]:
    """The Params that were typed, ticked or chosen; what is as it was from the start is not given."""
    typed: dict[str, Any] = {}
    for field in fields:
        value = values.get(field.name, field.default)
        if value == field.default:
            continue
        if field.kind == "tick":
            typed[field.name] = value == "yes"
        else:
            typed[field.name] = value.split() if field.kind == "words" else value.strip()
    return typed


def missing(fields: tuple[FormField, ...], values: Mapping[str, str]) -> FormField | None:
    """The first field without which there is nothing to plan."""
    return next((field for field in fields if field.needed and not values.get(field.name, "").strip()), None)


def overriding(findings: tuple[Finding, ...], fields: tuple[FormField, ...]) -> tuple[str, ...]:
    """The fields by which the findings can be turned off, in the form's order."""
    flags = {finding.override.split(" ", 1)[0] for finding in findings if finding.override}
    return tuple(field.name for field in fields if field.flag in flags)


def _field(name: str, info: FieldInfo, *, first: bool, said: str) -> FormField:
    kind, annotation = _kind(info.annotation)
    choices = tuple(map(str, get_args(annotation))) if kind == "choice" else ()
    default = info.default
    if kind == "tick":
        shown = "yes" if default else "no"
    else:
        shown = "" if info.is_required() or default in (None, ()) else str(default)
    return FormField(
        name=name,
        flag=f"--{name.replace('_', '-')}",
        kind=kind,
        description=said or info.description or "",
        default=shown,
        hint="" if said else str(extra_of(info).get(METAVAR) or ""),
        choices=choices,
        first=first,
        needed=info.is_required() or name in _NEEDED,
    )


def _kind(annotation: Any) -> tuple[FieldKind, Any]:
    if get_origin(annotation) in {Union, types.UnionType}:
        parts = [part for part in get_args(annotation) if part is not type(None)]
        annotation = parts[0]
    if annotation is bool:
        return "tick", annotation
    if get_origin(annotation) is Literal:
        return "choice", annotation
    return ("words" if get_origin(annotation) is tuple else "text"), annotation
