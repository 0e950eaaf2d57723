"""The fields of an action's form, from its Params: which come first, and what each is asked with.

First come those an action cannot do without, and of the rest those that its own examples use: whoever declares an
action shows there what is usual. No field is asked that names a file.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args, get_origin

import msgspec
from pydantic.fields import FieldInfo

from k8sops.core.errors import UsageError
from k8sops.core.params import KIND_AND_NAME, METAVAR, NAMES, POSITIONAL, extra_of
from k8sops.service.catalog import ActionSpec, params_of
from k8sops.service.command_line.away import read_away
from k8sops.service.command_line.checking import typable
from k8sops.service.command_line.fields import plain_type

COMMON: Final = 4
YES_NO: Final = ("yes", "no")
_WORKLOADS: Final = ("deployments", "statefulsets", "daemonsets")

FieldKind = Literal["choice", "names", "words", "text"]


class FormField(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the form."""

    name: str
    kind: FieldKind
    label: str
    hint: str
    default: str = ""
    choices: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    """Of which kinds its objects may be, where each may say its own and its namespace."""
    many: bool = False
    needed: bool = False
    first: bool = False
    """Whether it is asked without More options."""


def form_fields(spec: ActionSpec) -> tuple[FormField, ...]:
    """All fields that can be asked, those that come first in front."""
    fields = typable(spec.name)
    first = _first(spec, fields)
    made = [
        _field(name, info, first=name in first, kinds=kinds_named(spec, name))
        for name, info in fields.items()
    ]
    order = {name: number for number, name in enumerate(first)}
    return tuple(sorted(made, key=lambda field: order.get(field.name, len(order))))


def kinds_named(spec: ActionSpec, field: str) -> tuple[str, ...]:
    """The kinds whose objects a field may name, to search for them."""
    names = extra_of(typable(spec.name)[field]).get(NAMES, "") if field != "namespace" else "namespaces"
    if names and names != KIND_AND_NAME:
        return (str(names),)
    may = {(verb.verb, verb.resource, verb.group) for verb in spec.verbs if not verb.where_planned}
    listed = [
        f"{resource}.{group}".rstrip(".")
        for verb, resource, group in sorted(may)
        if verb == "get" and resource != "*" and ("list", resource, group) in may
    ]
    return tuple(listed) or _WORKLOADS


def _first(spec: ActionSpec, known: Mapping[str, FieldInfo]) -> list[str]:
    """Without what is needed or positional nothing can be planned; then what the examples give most often."""
    needed = [name for name, info in known.items() if info.is_required() or extra_of(info).get(POSITIONAL)]
    used = [name for example in spec.examples for name in _used(spec, example) if name in known]
    counted = sorted(dict.fromkeys(used), key=lambda name: -used.count(name))
    first = [*needed, *[name for name in counted if name not in needed][:COMMON]]
    return first or [*known][:COMMON]


def _used(spec: ActionSpec, example: str) -> list[str]:
    """The fields that an example fills, also those that its words fill by what they look like (`tier=gold`)."""
    words = shlex.split(example)[1 + len(spec.typed.split()) :]
    try:
        given = read_away(spec.name, words, program="").params
    except UsageError:
        # It names a file or a place, which is the command line's alone.
        return []
    return [*params_of(spec.name).model_validate(given).model_dump(exclude_defaults=True)]


def _field(name: str, info: FieldInfo, *, first: bool, kinds: tuple[str, ...]) -> FormField:
    extra, kind = extra_of(info), plain_type(info.annotation)
    many = get_origin(kind) is tuple
    choices = _choices(kind)
    metavar = str(extra.get(METAVAR) or "")
    # `web=3` is more than a name: it is typed.
    named = name == "namespace" or (extra.get(NAMES) and "=" not in metavar)
    asked: FieldKind = "choice" if choices else "names" if named else "words" if many else "text"
    return FormField(
        name=name,
        kind=asked,
        label=name.replace("_", " ").capitalize(),
        hint=" · ".join(
            part for part in (info.description or "", "one per line" if asked == "words" else "") if part
        ),
        default=_default(info),
        choices=choices,
        kinds=kinds if extra.get(NAMES) == KIND_AND_NAME else (),
        many=many,
        needed=info.is_required(),
        first=first,
    )


def _choices(kind: Any) -> tuple[str, ...]:
    if kind is bool:
        return YES_NO
    return tuple(map(str, get_args(kind))) if get_origin(kind) is Literal else ()


def _default(info: FieldInfo) -> str:
    if info.is_required() or info.default in (None, (), ""):
        return ""
    if isinstance(info.default, bool):
        return YES_NO[not info.default]
    return str(info.default)
