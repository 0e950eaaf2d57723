"""JSON merge patches (RFC 7386): from two objects, back again, and as a list of what differs by name.

Pure. Lists are values of their own there, replaced whole; null removes. An object whose value is null cannot be said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from k8sops.core.plan import JsonObject

_INDEX: Final = re.compile(r"\[(\d+)\]\.?(.*)", re.DOTALL)


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> JsonObject:
    """The patch that makes `after` of `before`; empty where they are alike."""
    patch: JsonObject = {key: None for key in before if key not in after}
    for key, value in after.items():
        present = before.get(key)
        if key in before and present == value:
            continue
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            patch[key] = merge_patch(present, value)
        else:
            patch[key] = value
    return patch


def patched(present: Mapping[str, Any], patch: Mapping[str, Any]) -> JsonObject:
    """What a patch makes of an object; neither is changed."""
    made = {key: value for key, value in present.items() if patch.get(key, key) is not None}
    for key, value in patch.items():
        if isinstance(value, Mapping):
            held = made.get(key)
            made[key] = patched(held if isinstance(held, Mapping) else {}, value)
        elif value is not None:
            made[key] = value
    return made


def inverse_patch(patch: Mapping[str, Any], present: Mapping[str, Any]) -> JsonObject:
    """The patch that gives `present` its values back once `patch` was applied to it."""
    inverse: JsonObject = {}
    for key, value in patch.items():
        held = present.get(key)
        if isinstance(value, Mapping) and isinstance(held, Mapping):
            inverse[key] = inverse_patch(value, held)
        else:
            # What was not there is removed whole.
            inverse[key] = held
    return inverse


def differences(before: Any, after: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What differs, as (name, before, after), with names as in `spec.containers[0].image`; None where it is not there.

    Lists of the same length are compared entry by entry, others as a whole.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from differences(before.get(key), after.get(key), f"{name}.{key}" if name else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{name}[{place}]")
    elif before != after:
        yield name, before, after


def value_named(node: Any, name: str) -> Any:
    """The value of a name that `differences` gave, in another object; None where it is not there."""
    if not name:
        return node
    if isinstance(node, list):
        found = _INDEX.fullmatch(name)
        inside = found is not None and int(found[1]) < len(node)
        return value_named(node[int(found[1])], found[2]) if found is not None and inside else None
    if not isinstance(node, Mapping):
        return None
    for key, child in node.items():
        # Keys may hold dots themselves, as those of annotations do.
        if name == key:
            return child
        if name.startswith((f"{key}.", f"{key}[")):
            value = value_named(child, name[len(key) :].removeprefix("."))
            if value is not None:
                return value
    return None
