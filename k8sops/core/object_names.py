"""How a request names objects: KIND/NAME, or NAMESPACE/KIND/NAME. Read and written here and nowhere else.

No name holds a slash, so the two cannot be mistaken for each other. KIND/NAME alone is in the namespace of the request,
which says nothing of an object that has one in front: whoever asks which namespaces a request is about asks
`namespaces_asked`, never the parameter `namespace` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from k8sops.core.errors import UsageError
from k8sops.core.ports import Resource

OBJECT_FIELDS: Final = ("targets", "exactly", "query")
"""The fields of Params whose entries name objects so; one of `exactly` goes on with `=VALUE`."""
AS_TYPED: Final = "KIND/NAME or NAMESPACE/KIND/NAME"
CLUSTER_WIDE: Final = "cluster-wide"
"""What is said where a request is for no namespace."""
MOST_NAMED: Final = 2
"""Namespaces that are named; of more their number is said."""


class NamedObject(NamedTuple):
    """An object as a request names it."""

    kind: str
    """As typed."""
    name: str
    namespace: str = ""
    """Empty: that of the request."""

    def __str__(self) -> str:
        """As it would be typed."""
        return "/".join(part for part in (self.namespace, self.kind, self.name) if part)

    def place(self, resource: Resource, namespace: str) -> str:
        """Where it is, in a request for `namespace`. Raises UsageError for a namespace of what is in none."""
        if resource.namespaced:
            return self.namespace or namespace
        if self.namespace:
            short = self._replace(namespace="")
            raise UsageError(f"{str(self)!r}: {resource.plural} are in no namespace, write {short}")
        return ""


def object_named(text: str) -> NamedObject | None:
    """What a text names; None where it is in neither form."""
    parts = text.split("/")
    if not all(parts) or len(parts) not in {2, 3}:
        return None
    *namespace, kind, name = parts
    return NamedObject(kind, name, *namespace)


def with_namespaces(params: Mapping[str, Any]) -> dict[str, Any]:
    """The same request with its namespace in front of every object, to be joined with those for other namespaces.

    As it was where it means more than objects by name: what a selector finds is found in its namespace.
    """
    own = str(params.get("namespace") or "")
    entries = list(_entries(params))
    if not (own and entries and all(object_named(_name(entry)) for entry in entries)):
        return dict(params)
    fields = {
        field: [_long(str(entry), own) for entry in params[field]]
        for field in OBJECT_FIELDS
        if params.get(field)
    }
    return {name: value for name, value in params.items() if name != "namespace"} | fields


def namespaces_of(entries: Iterable[str], own: Sequence[str]) -> tuple[str, ...]:
    """The namespaces that entries are about, each once; `own` are those of the request."""
    found: dict[str, None] = {}
    for entry in entries:
        named = object_named(_name(entry))
        found |= dict.fromkeys([named.namespace] if named and named.namespace else own)
    return tuple(found)


def namespaces_asked(params: Mapping[str, Any]) -> tuple[str, ...]:
    """The namespaces a request is about, by its Params; none where they do not tell."""
    given = params.get("namespace")
    own = [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else []
    entries = list(_entries(params))
    return namespaces_of(entries, own) if entries else tuple(dict.fromkeys(own))


def all_with_their_own(params: Mapping[str, Any]) -> bool:
    """Whether every object of a request says its own namespace, so that the request's says nothing."""
    named = [object_named(_name(entry)) for entry in _entries(params)]
    return bool(named) and all(one is not None and one.namespace for one in named)


def namespaces_in_words(namespaces: Sequence[str]) -> str:
    """`shop`, `shop and payments`, `5 namespaces`; empty for none."""
    return " and ".join(namespaces) if len(namespaces) <= MOST_NAMED else f"{len(namespaces)} namespaces"


def where_asked(params: Mapping[str, Any]) -> str:
    """Where a request is to act, as a person reads it; empty where that is in no namespace."""
    if params.get("all_namespaces"):
        return "all namespaces"
    return namespaces_in_words(namespaces_asked(params))


def _entries(params: Mapping[str, Any]) -> Iterator[str]:
    for field in OBJECT_FIELDS:
        entries = params.get(field)
        if isinstance(entries, list | tuple):
            yield from map(str, entries)


def _name(entry: str) -> str:
    """Without the value that it is given."""
    return entry.partition("=")[0]


def _long(entry: str, namespace: str) -> str:
    named = object_named(_name(entry))
    return entry if named is None or named.namespace else f"{namespace}/{entry}"
