"""Names that were found in any namespace: offered as `shop · deployment/web`, and taken apart again when chosen.

A namespace that was chosen itself counts; names of others beside it are no request, and are told so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from k8sops.core.object_names import object_named
from k8sops.core.plan import JsonObject
from k8sops_slack.views.form_fields import FormField

_IN: Final = " · "
"""No namespace and no name can hold it."""


def in_namespace(namespace: str, name: str) -> str:
    """As it is offered."""
    return f"{namespace}{_IN}{name}"


def taken_apart(fields: Sequence[FormField], given: JsonObject) -> JsonObject:
    """The values with the names alone, and the namespace that they say where none was chosen.

    Names of several namespaces are each with their own, where the field takes them so.
    """
    named = _named(fields, given)
    spread = _namespaces(named.values())
    if len(spread) > 1 and not given.get("namespace"):
        kinds = {field.name: field.kinds for field in fields}
        return {**given, **{name: _with_own(value, kinds[name]) for name, value in named.items()}}
    bare = {name: _bare(value) for name, value in named.items()}
    return {"namespace": spread[0], **given, **bare} if spread else given


def scattered(fields: Sequence[FormField], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong, by field: names of another namespace than the one that was chosen, or some that say none."""
    chosen = [str(given["namespace"])] if given.get("namespace") else []
    kinds = {field.name: field.kinds for field in fields}
    for name, value in _named(fields, given).items():
        spread = _namespaces([value])
        all_of_them = dict.fromkeys([*chosen, *spread])
        each_with_its_own = not chosen and kinds[name] and all(map(_says_where, value))
        if spread and len(all_of_them) > 1 and not each_with_its_own:
            yield name, f"These are in several namespaces: {', '.join(all_of_them)}. Choose of one."


def _named(fields: Sequence[FormField], given: Mapping[str, Any]) -> dict[str, Any]:
    searched = [field.name for field in fields if field.kind == "names" and field.name != "namespace"]
    return {name: given[name] for name in searched if given.get(name)}


def _namespaces(values: Iterable[Any]) -> list[str]:
    """Each once."""
    names = (name for value in values for name in ([value] if isinstance(value, str) else value))
    return [*dict.fromkeys(name.partition(_IN)[0] for name in names if _IN in name)]


def _says_where(entry: str) -> bool:
    named = object_named(entry)
    return _IN in entry or bool(named and named.namespace)


def _with_own(value: Any, kinds: Sequence[str]) -> Any:
    """With the namespace in front, and the kind where it goes without saying."""
    if isinstance(value, str):
        namespace, found, name = value.partition(_IN)
        named = object_named(name if "/" in name or len(kinds) != 1 else f"{kinds[0]}/{name}")
        return str(named._replace(namespace=namespace)) if found and named else value
    return tuple(_with_own(name, kinds) for name in value)


def _bare(value: Any) -> Any:
    if isinstance(value, str):
        return value.partition(_IN)[2] or value
    return tuple(_bare(name) for name in value)
