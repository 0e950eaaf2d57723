"""How two objects differ, field by field: what `diff`, a restore's preview and the comparison after it say.

Lists are matched by the keys Kubernetes merges them by, where those are known and unique; else by position, and lists
of plain values as one value. Of a Secret only which keys differ is ever told. Paths are safe to print. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

Change = Literal["added", "removed", "changed", "reordered"]

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
DEPTH: Final = 64
"""Deeper than this two values are compared as a whole."""

SERVER_ASSIGNED: Final = frozenset(
    {
        "metadata.managedFields",
        "metadata.resourceVersion",
        "metadata.uid",
        "metadata.generation",
        "metadata.creationTimestamp",
        "metadata.selfLink",
        "metadata.ownerReferences[].uid",
    }
)
"""What the API server gives every object anew, as paths; `[]` stands for any member of a list."""
NOISE: Final = SERVER_ASSIGNED | {"status", f'metadata.annotations["{LAST_APPLIED}"]'}
"""What is hidden from people unless they ask: the above, what controllers report, and kubectl's copy of the object."""

# The keys by which members are one and the same, by the list's name; the first that all members have, uniquely, counts.
# Source: x-kubernetes-patch-merge-key and x-kubernetes-list-map-keys in Kubernetes' OpenAPI; ownerReferences, subjects
# and rules by what names them to people: their uids are others after a restore.
_KEYS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "ports": (("containerPort", "protocol"), ("containerPort",), ("port", "protocol"), ("name",), ("port",)),
    "volumeMounts": (("mountPath",),),
    "volumeDevices": (("devicePath",),),
    "hostAliases": (("ip",),),
    "conditions": (("type",),),
    "addresses": (("type", "address"),),
    "taints": (("key", "effect"),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "ownerReferences": (("apiVersion", "kind", "name"),),
    "subjects": (("kind", "namespace", "name"), ("kind", "name")),
    "items": (("key",), ("path",)),
    "metrics": (("type",),),
}
_BY_NAME: Final = (("name",),)
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_SECRET_FIELDS: Final = ("data", "stringData")
_MISSING: Final = object()


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One field that differs. `before` is None where it was added, `after` where it was removed.

    Where `hidden` is set both are None whatever happened: the values are a Secret's. Of `reordered` lists they are the
    members' keys in their order.
    """

    path: str
    change: Change
    before: Any = None
    after: Any = None
    hidden: bool = False

    def __str__(self) -> str:
        """One line, at most some 200 characters, safe for a terminal."""
        match self.change:
            case "added":
                return f"{self.path}: added" + ("" if self.hidden else f" {_short(self.after)}")
            case "removed":
                return f"{self.path}: removed" + ("" if self.hidden else f", was {_short(self.before)}")
            case "reordered":
                return f"{self.path}: in another order"
            case _:
                values = " (not shown)" if self.hidden else f" {_short(self.before)} → {_short(self.after)}"
                return f"{self.path}:{values}"


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], *, hide: Collection[str] = NOISE
) -> list[Difference]:
    """What is different in `after`, sorted by path. `hide` are paths that are passed over with all below them."""
    secret = is_secret(before) or is_secret(after)
    walk = _Walk(frozenset(hide), secret=secret)
    return sorted(walk.mapping("", "", before, after, 0), key=lambda found: (found.path, found.change))


def is_secret(found: Mapping[str, Any]) -> bool:
    """Whether the object is a core Secret, whose values are never told."""
    return found.get("kind") == "Secret" and found.get("apiVersion") == "v1"


def same_value(before: Any, after: Any) -> bool:
    """Whether two JSON values are equal; unlike Python's `==`, true is not 1."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(same_value(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(same_value, before, after))
    return isinstance(before, bool) == isinstance(after, bool) and before == after


class _Walk:
    """One comparison. Each path is known twice: as shown, and as `hide` names it, with `[]` for every member."""

    def __init__(self, hide: frozenset[str], *, secret: bool) -> None:
        self._hide = hide
        self._secret = secret

    def mapping(
        self, path: str, rule: str, before: Mapping[str, Any], after: Mapping[str, Any], depth: int
    ) -> Iterator[Difference]:
        for key in sorted({*before, *after}):
            step = _segment(key, first=not path)
            rule_step = _segment(key, first=not rule)
            yield from self.value(
                path + step,
                rule + rule_step,
                key,
                before.get(key, _MISSING),
                after.get(key, _MISSING),
                depth + 1,
            )

    def value(
        self, path: str, rule: str, name: str, before: Any, after: Any, depth: int
    ) -> Iterator[Difference]:
        if rule in self._hide:
            return
        if before is _MISSING or after is _MISSING:
            yield from self._one_sided(path, rule, before, after, depth)
        elif depth < DEPTH and isinstance(before, dict) and isinstance(after, dict):
            yield from self.mapping(path, rule, before, after, depth)
        elif depth < DEPTH and _objects(before) and _objects(after):
            yield from self._members(path, rule, name, before, after, depth)
        elif not _same(before, after):
            yield self._told(path, rule, "changed", before, after)

    def _one_sided(self, path: str, rule: str, before: Any, after: Any, depth: int) -> Iterator[Difference]:
        """Added or removed: as a whole, without what is hidden; a Secret's data key by key."""
        there = self._shown(after if before is _MISSING else before, rule, depth)
        if there is _MISSING:
            return
        if self._secret and rule in _SECRET_FIELDS and isinstance(there, dict) and there:
            sides = ({}, there) if before is _MISSING else (there, {})
            yield from self.mapping(path, rule, *sides, depth)
        elif before is _MISSING:
            yield self._told(path, rule, "added", None, there)
        else:
            yield self._told(path, rule, "removed", there, None)

    def _shown(self, value: Any, rule: str, depth: int) -> Any:
        """The value without the fields that are hidden in it; nothing at all where nothing else is in it."""
        if rule in self._hide:
            return _MISSING
        if depth >= DEPTH or not any(hidden.startswith((f"{rule}.", f"{rule}[")) for hidden in self._hide):
            return value
        if isinstance(value, dict) and value:
            kept = {
                key: shown
                for key, member in value.items()
                if (shown := self._shown(member, rule + _segment(key, first=not rule), depth + 1))
                is not _MISSING
            }
            return kept or _MISSING
        if isinstance(value, list) and value:
            members = [self._shown(member, f"{rule}[]", depth + 1) for member in value]
            return [member for member in members if member is not _MISSING] or _MISSING
        return value

    def _members(
        self,
        path: str,
        rule: str,
        name: str,
        before: Sequence[Mapping[str, Any]],
        after: Sequence[Mapping[str, Any]],
        depth: int,
    ) -> Iterator[Difference]:
        keys = _key_of(name, before, after)
        olds = _named(before, keys)
        news = _named(after, keys)
        for label in dict.fromkeys((*olds, *news)):
            yield from self.value(
                f"{path}[{label}]",
                f"{rule}[]",
                name,
                olds.get(label, _MISSING),
                news.get(label, _MISSING),
                depth + 1,
            )
        common = [label for label in olds if label in news]
        if common != [label for label in news if label in olds]:
            yield Difference(path=path, change="reordered", before=list(olds), after=list(news))

    def _told(self, path: str, rule: str, change: Change, before: Any, after: Any) -> Difference:
        if self._secret and _is_secret_path(rule):
            return Difference(path=path, change=change, hidden=True)
        return Difference(path=path, change=change, before=before, after=after)


def _is_secret_path(rule: str) -> bool:
    field = re.split(r"[.\[]", rule, maxsplit=1)[0]
    # The copy that `kubectl apply` keeps holds the values, too; so would all annotations told as one.
    return field in _SECRET_FIELDS or rule in {"metadata", "metadata.annotations"} or LAST_APPLIED in rule


def _same(before: Any, after: Any) -> bool:
    try:
        return same_value(before, after)
    except RecursionError:
        return False


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(member, dict) for member in value)


def _key_of(name: str, *lists: Sequence[Mapping[str, Any]]) -> tuple[str, ...] | None:
    """The members' key: the first by which those of each list are told apart; None where there is none."""
    for keys in (*_KEYS.get(name, ()), *_BY_NAME):
        if all(_tells_apart(members, keys) for members in lists):
            return keys
    return None


def _tells_apart(members: Sequence[Mapping[str, Any]], keys: tuple[str, ...]) -> bool:
    found = [tuple(member.get(key) for key in keys) for member in members]
    plain = all(isinstance(part, str | int) for values in found for part in values)
    return plain and len(set(found)) == len(found)


def _named(
    members: Sequence[Mapping[str, Any]], keys: tuple[str, ...] | None
) -> dict[str, Mapping[str, Any]]:
    if keys is None:
        return {str(number): member for number, member in enumerate(members)}
    return {"/".join(_shown_key(str(member[key])) for key in keys): member for member in members}


def _shown_key(text: str) -> str:
    quoted = json.dumps(text)
    return text if quoted == f'"{text}"' and "]" not in text else quoted


def _segment(key: str, *, first: bool) -> str:
    if _PLAIN_KEY.fullmatch(key):
        return key if first else f".{key}"
    return f"[{json.dumps(key)}]"


def _short(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (RecursionError, ValueError):
        text = "…"
    return text if len(text) <= 80 else f"{text[:79]}…"
