"""An action and its Params as the command line that would give them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from k8sops.core.errors import UsageError
from k8sops.core.object_names import all_with_their_own
from k8sops.core.params import POSITIONAL, extra_of
from k8sops.core.text import printable


def command_line(action: str, params: Mapping[str, Any]) -> str:
    """Such as `scale deploy/web --replicas 1 -n shop`: what is as by default is left out."""
    from k8sops.service.catalog import params_of, spec_named

    try:
        fields: Mapping[str, FieldInfo] = params_of(action).model_fields
        typed = spec_named(action).typed
    except UsageError:
        fields, typed = {}, action  # of a program that knows more actions than this one
    words = [*typed.split(), *_positional(fields, params)]
    for name, value in params.items():
        field = fields.get(name)
        if name == "namespace":
            words += ["-n", str(value)] if value and not all_with_their_own(params) else []
        elif field is None or not (extra_of(field).get(POSITIONAL) or value == field.default):
            words += _flag(name, value)
    return printable(" ".join(shlex.quote(word) for word in words))


def _positional(fields: Mapping[str, FieldInfo], params: Mapping[str, Any]) -> Iterator[str]:
    for name, field in fields.items():
        if extra_of(field).get(POSITIONAL) and params.get(name) not in (None, "", [], ()):
            value = params[name]
            yield from (str(one) for one in value) if isinstance(value, list | tuple) else [str(value)]


def _flag(name: str, value: Any) -> Iterator[str]:
    flag = f"--{name.replace('_', '-')}"
    if value is True:
        yield flag
    elif isinstance(value, list | tuple):
        for one in value:
            # What is given by a file is told by its name; `-o json` has all of it.
            yield from (flag, f"<{one.get('name', '')}>" if isinstance(one, Mapping) else str(one))
    elif value not in (None, "", False):
        yield from (flag, str(value))
