"""An action's Params as click parameters, and what was typed for them as values of the Params.

Only what was typed is given on: defaults and validation stay in one place, the Params.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from copy import copy
from typing import Any, Final, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from k8sops.core.object_names import AS_TYPED
from k8sops.core.params import AT_TERMINAL, EXPLICIT, METAVAR, POSITIONAL, SEVERAL, SHORT, extra_of
from k8sops.service.catalog import ActionSpec, params_of

SHARED_FIELDS: Final = frozenset({"namespace"})
"""Fields that every command has an option for already, whatever its action."""


def own_fields(action: str) -> dict[str, FieldInfo]:
    """The fields that are the action's alone."""
    fields = params_of(action).model_fields
    return {name: field for name, field in fields.items() if name not in SHARED_FIELDS}


def parameter_of(name: str, field: FieldInfo) -> click.Parameter:
    """The argument or option of a field."""
    extra = extra_of(field)
    kind = plain_type(field.annotation)
    many = get_origin(kind) is tuple
    metavar = str(extra.get(METAVAR) or "") or None
    if extra.get(POSITIONAL):
        return click.Argument([name], nargs=-1 if many else 1, required=field.is_required(), metavar=metavar)
    flags = [f"--{name.replace('_', '-')}", name]
    if short := extra.get(SHORT):
        flags.insert(0, f"-{short}")
    if kind is bool:
        return click.Option(flags, is_flag=True, default=bool(field.default), help=field.description)
    choices = (
        click.Choice([str(choice) for choice in get_args(kind)]) if get_origin(kind) is Literal else None
    )
    shown = (
        ""
        if field.is_required() or field.default in ("", (), None)
        else f"  [default: {_default_shown(field)}]"
    )
    return click.Option(
        flags,
        type=choices or click.STRING,
        multiple=many,
        # What can be asked for at a terminal is missed later, where there is none.
        required=field.is_required() and not extra.get(AT_TERMINAL),
        metavar=metavar or (None if choices else _metavar_of(kind)),
        help=f"{field.description}{shown}",
    )


def namespace_option(action: str, one: click.Option) -> click.Option:
    """The option for the namespace: `one`, but where the action takes several it may be given several times.

    Its help says how an object of another namespace is named, where the action takes them so.
    """
    fields = params_of(action).model_fields
    named_with_own = any(AS_TYPED in (field.description or "") for field in fields.values())
    more = " An object of another is NAMESPACE/KIND/NAME." if named_with_own else ""
    field = fields.get("namespace")
    if field is None or extra_of(field).get(METAVAR) != SEVERAL:
        own = copy(one)
        own.help = f"{one.help}{more}"
        return own
    return click.Option(
        ["-n", "--namespace"],
        metavar=SEVERAL,
        multiple=True,
        callback=lambda _context, _option, names: ",".join(names) or None,
        help=f"Namespaces; the context's own if not given.{more}",
    )


def plain_type(annotation: Any) -> Any:
    """The type without `| None`."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def given_of(fields: Mapping[str, FieldInfo], values: Mapping[str, Any]) -> dict[str, Any]:
    """Of the values those that were typed."""
    return {name: values[name] for name in fields if values.get(name) not in (None, ())}


def explicit_of(
    spec: ActionSpec, values: Mapping[str, Any], outer: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Of the shared options those that the action takes as its own, where they were typed, or before the command."""
    fields = params_of(spec.name).model_fields
    taken = [name for name in SHARED_FIELDS & fields.keys() if extra_of(fields[name]).get(EXPLICIT)]
    return {name: typed for name in taken if (typed := values.get(name) or (outer or {}).get(name))}


def _metavar_of(kind: Any) -> str:
    return {int: "N", float: "NUMBER"}.get(kind, "TEXT")


def _default_shown(field: FieldInfo) -> str:
    unit = " s" if extra_of(field).get(METAVAR) == "DURATION" else ""
    return f"{field.default}{unit}"
