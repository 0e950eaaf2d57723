"""What an object is taken for, where nothing but a schema that may be missing says so: never raises, never guesses."""

from __future__ import annotations

from typing import Any, TypeGuard

from k8sops.core.plan import JsonObject


def mapping(value: object) -> JsonObject:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[JsonObject]:
    """The items where the value is a list of nothing but mappings, else none."""
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return value
    return []


def at(found: JsonObject, path: tuple[str, ...]) -> Any:
    """What stands at the end of the path; None where a step of it is missing, or no mapping."""
    value: Any = found
    for step in path:
        value = mapping(value).get(step)
    return value


def without(found: JsonObject, path: tuple[str, ...]) -> JsonObject:
    """The object without what stands at the end of the path, if anything does; the given one stays as it is."""
    first, *more = path
    if first not in found:
        return found
    if not more:
        return {key: value for key, value in found.items() if key != first}
    inner = found[first]
    return found | {first: without(inner, tuple(more))} if isinstance(inner, dict) else found


def is_scalar(value: object) -> TypeGuard[str | int | float]:
    """Whether it is a text, a number or a truth value."""
    return isinstance(value, str | int | float)
