"""The small checks everything else is made of; each adds what it finds to a list, with its place as a JSON pointer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any, str, list[str]], None]


def problem(found: list[str], text: str, where: str) -> None:
    """Put down one problem the way Slack words it."""
    found.append(f"{text} [json-pointer:{where}]")


def string(most: int, least: int = 1) -> Check:
    """Check a string's length, counted in characters."""

    def check(value: Any, where: str, found: list[str]) -> None:
        if not isinstance(value, str):
            problem(found, "must provide a string", where)
        elif len(value) > most:
            problem(found, f"must be less than {most + 1} characters", where)
        elif len(value) < least:
            problem(found, f"must be more than {least - 1} characters", where)

    return check


def boolean(value: Any, where: str, found: list[str]) -> None:
    """Check that it is true or false."""
    if not isinstance(value, bool):
        problem(found, "must provide a boolean", where)


def whole(least: int, most: int) -> Check:
    """Check a whole number's range."""

    def check(value: Any, where: str, found: list[str]) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            problem(found, "must provide a number", where)
        elif not least <= value <= most:
            problem(found, f"must be between {least} and {most}", where)

    return check


def one_of(*words: str) -> Check:
    """Check that it is one of these words."""

    def check(value: Any, where: str, found: list[str]) -> None:
        if value not in words:
            problem(found, "must be a valid enum value", where)

    return check


def anything(value: Any, where: str, found: list[str]) -> None:
    """Accept what Slack accepts in too many shapes to check here."""


def listing(item: Check, most: int, least: int = 1) -> Check:
    """Check a list's length and each of its items."""

    def check(value: Any, where: str, found: list[str]) -> None:
        if not isinstance(value, list):
            problem(found, "must provide an array", where)
            return
        if len(value) > most:
            problem(found, f"no more than {most} items allowed", where)
        elif len(value) < least:
            problem(found, f"no less than {least} items allowed", where)
        for number, inner in enumerate(value):
            item(inner, f"{where}/{number}", found)

    return check


def thing(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Check an object: what it must have, what it may have, and that it has nothing else."""
    known = {**required, **(optional or {})}

    def check(value: Any, where: str, found: list[str]) -> None:
        if not isinstance(value, dict):
            problem(found, "must provide an object", where)
            return
        for name in required:
            if value.get(name) is None:
                problem(found, f"missing required field: {name}", where)
        for name, inner in value.items():
            if name not in known:
                problem(found, f"invalid additional property: {name}", where)
            elif inner is not None:
                known[name](inner, f"{where}/{name}", found)

    return check


def typed(kinds: Mapping[str, Check]) -> Check:
    """Check an object by what its `type` says it is."""

    def check(value: Any, where: str, found: list[str]) -> None:
        if not isinstance(value, dict):
            problem(found, "must provide an object", where)
        elif value.get("type") is None:
            problem(found, "missing required field: type", where)
        elif not isinstance(value["type"], str) or value["type"] not in kinds:
            problem(found, f"unsupported type: {value['type']}", f"{where}/type")
        else:
            kinds[value["type"]](value, where, found)

    return check
