"""Names that were found in any namespace: offered as `shop · deployment/web`, and taken apart again when chosen.

A namespace that was chosen itself counts; names of several namespaces are no request, and are told so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from k8sops.core.plan import JsonObject
from k8sops_slack.views.form_fields import FormField

_IN: Final = " · "
"""No namespace and no name can hold it."""


def in_namespace(namespace: str, name: str) -> str:
    """As it is offered."""
    return f"{namespace}{_IN}{name}"


def taken_apart(fields: Sequence[FormField], given: JsonObject) -> JsonObject:
    """The values with the names alone, and the namespace that they say where none was chosen."""
    named = _named(fields, given)
    spread = _namespaces(named.values())
    bare = {name: _bare(value) for name, value in named.items()}
    return {"namespace": spread[0], **given, **bare} if spread else given


def scattered(fields: Sequence[FormField], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong, by field: names of several namespaces, or of another than the one that was chosen."""
    chosen = [str(given["namespace"])] if given.get("namespace") else []
    for name, value in _named(fields, given).items():
        spread = _namespaces([value])
        all_of_them = dict.fromkeys([*chosen, *spread])
        if spread and len(all_of_them) > 1:
            yield name, f"These are in several namespaces: {', '.join(all_of_them)}. Choose of one."


def _named(fields: Sequence[FormField], given: Mapping[str, Any]) -> dict[str, Any]:
    searched = [field.name for field in fields if field.kind == "names" and field.name != "namespace"]
    return {name: given[name] for name in searched if given.get(name)}


def _namespaces(values: Iterable[Any]) -> list[str]:
    """Each once."""
    names = (name for value in values for name in ([value] if isinstance(value, str) else value))
    return [*dict.fromkeys(name.partition(_IN)[0] for name in names if _IN in name)]


def _bare(value: Any) -> Any:
    if isinstance(value, str):
        return value.partition(_IN)[2] or value
    return tuple(_bare(name) for name in value)
