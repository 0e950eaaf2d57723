"""Label selectors as people type them: `app=web,tier in (a,b),!canary` (Kubernetes, Labels and Selectors).

Read here and not only by the API server, because several selectors of which one must match, and the objects of a
backup, are judged without one. An absent label answers `!=` and `notin`, as it does for the server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from k8sops.core.errors import UsageError

_VALUE: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"
_KEY: Final = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_SET: Final = re.compile(
    rf"(?P<key>{_KEY})\s+(?P<word>in|notin)\s*\((?P<values>\s*{_VALUE}\s*(?:,\s*{_VALUE}\s*)*)\)"
)
_EQUAL: Final = re.compile(rf"(?P<key>{_KEY})\s*(?P<word>==|=|!=)\s*(?P<value>{_VALUE})")
_PRESENT: Final = re.compile(rf"(?P<absent>!?)\s*(?P<key>{_KEY})")
_COMMA: Final = re.compile(r"\s*(?:,\s*|$)")


class Requirement(msgspec.Struct, frozen=True):
    """One condition: the label has one of the values, or with `negative` none of them; None stands for any value."""

    key: str
    values: frozenset[str] | None
    negative: bool

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels answer it."""
        value = labels.get(self.key)
        found = value is not None and (self.values is None or value in self.values)
        return found != self.negative


LabelSelector = tuple[Requirement, ...]
"""Conditions that all must hold."""


def parse_selector(text: str) -> LabelSelector:
    """The conditions of a selector. Raises UsageError saying where it cannot be read."""
    found: list[Requirement] = []
    at = len(text) - len(text.lstrip())
    while at < len(text):
        requirement, end = _one(text, at)
        comma = _COMMA.match(text, end) if requirement else None
        if requirement is None or comma is None or (comma.end() == len(text) and "," in comma[0]):
            raise UsageError(
                f"the selector {text[:80]!r} cannot be read at {text[at : at + 20]!r}",
                hint="--selector takes labels as in `app=web,tier in (a,b),!canary`",
            )
        found.append(requirement)
        at = comma.end()
    return tuple(found)


def answers(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether labels answer all conditions."""
    return all(requirement.holds(labels) for requirement in selector)


def _one(text: str, at: int) -> tuple[Requirement | None, int]:
    if match := _SET.match(text, at):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], values, match["word"] == "notin"), match.end()
    if match := _EQUAL.match(text, at):
        return Requirement(match["key"], frozenset({match["value"]}), match["word"] == "!="), match.end()
    if match := _PRESENT.match(text, at):
        return Requirement(match["key"], None, bool(match["absent"])), match.end()
    return None, at
