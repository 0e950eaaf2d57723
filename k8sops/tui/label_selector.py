"""Kubernetes label selectors, evaluated here so that filtering a live table needs no new watch.

Grammar: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors. Only syntax a
selector can express is accepted; label names and values are compared, not validated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

LabelSelector = Callable[[Mapping[str, str]], bool]

_KEY = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EQUALITY = re.compile(rf"({_KEY})\s*(==|=|!=)\s*([A-Za-z0-9._-]*)")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_COMMA_OUTSIDE_SET = re.compile(r",(?![^(]*\))")


def parse_label_selector(text: str) -> LabelSelector:
    """A test of an object's labels. Raises ValueError naming the part that is not a requirement."""
    requirements = [_requirement(part.strip()) for part in _COMMA_OUTSIDE_SET.split(text)]
    if len(requirements) == 1:
        return requirements[0]
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(part: str) -> LabelSelector:
    if match := _SET.fullmatch(part):
        key, operator, listed = match.groups()
        values = frozenset(value.strip() for value in listed.split(","))
        return _is_in(key, values) if operator == "in" else _is_not_in(key, values)
    if match := _EQUALITY.fullmatch(part):
        key, operator, value = match.groups()
        return _is_not_in(key, frozenset({value})) if operator == "!=" else _is_in(key, frozenset({value}))
    if match := _EXISTS.fullmatch(part):
        absent, key = match.groups()
        return (lambda labels: key not in labels) if absent else (lambda labels: key in labels)
    raise ValueError(f"{part!r} is not key=value, key in (a,b), key or !key")


def _is_in(key: str, values: frozenset[str]) -> LabelSelector:
    return lambda labels: labels.get(key) in values


def _is_not_in(key: str, values: frozenset[str]) -> LabelSelector:
    # An object without the label satisfies != and notin.
    return lambda labels: labels.get(key) not in values
