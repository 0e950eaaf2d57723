"""What is wrong with values that come from away, a chat's form or its words: field by field, never the value itself.

A file that is named there would be a file of whoever carries the run, and so would a folder: neither is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from k8sops.core.params import METAVAR, extra_of
from k8sops.service.catalog import params_of

_FILE: Final = "FILE"
_PLACES: Final = frozenset({"NAME|URL", "REPOSITORY", "LOCATION"})


def typable(action: str) -> dict[str, FieldInfo]:
    """The fields of an action that can be given from away: those that name no file."""
    fields = params_of(action).model_fields
    return {name: info for name, info in fields.items() if extra_of(info).get(METAVAR) != _FILE}


def out_of_reach(fields: Mapping[str, FieldInfo], given: Mapping[str, Any]) -> dict[str, str]:
    """Why fields cannot be given from away, behind the field's name."""
    found = {}
    for name, value in given.items():
        metavar = extra_of(fields[name]).get(METAVAR) if name in fields else None
        if metavar == _FILE:
            found[name] = "is read from a file, and there is none here"
        elif metavar in _PLACES and ("/" in str(value) or "\\" in str(value)):
            found[name] = "is given here by the name of a configured repository only"
    return found


def field_errors(action: str, values: Mapping[str, Any]) -> dict[str, str]:
    """A sentence for each field that the action cannot take; what concerns several is under the empty name.

    Raises UsageError where there is no such action.
    """
    params = params_of(action)
    found = {name: _sentence(why) for name, why in out_of_reach(params.model_fields, values).items()}
    try:
        # A file that is named must not even be looked for.
        params.model_validate({name: value for name, value in values.items() if name not in found})
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            name = str(one["loc"][0]) if one["loc"] else ""
            found.setdefault(name, _sentence(one["msg"]))
    return found


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ").replace("Input should", "should").rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
