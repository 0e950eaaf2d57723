"""`redaction.txt` of a bundle: what was taken out, for whoever is to say that it may be handed on. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from k8sops.bundle.index import RedactedBy, Redaction

REDACTION: Final = "redaction.txt"
SHOWN: Final = 40
"""Places shown of one rule; `index.json` names more."""
_WITHOUT: Final = (
    "Nothing was taken out: this bundle was made without redaction, and holds secrets as they were.\n"
)


def redaction_text(redaction: Redaction) -> str:
    """One paragraph for each rule, those that took out most first, with `file:line` of the first places."""
    if not redaction.on:
        return _WITHOUT
    rules = sorted(redaction.rules, key=lambda one: (-one.count, one.rule))
    total = sum(one.count for one in rules)
    return "\n".join((_headline(total, len(rules)), *(line for one in rules for line in _rule(one)), ""))


def _headline(total: int, rules: int) -> str:
    if not total:
        return "No secret was found in this bundle."
    number = "1 secret was" if total == 1 else f"{total:,} secrets were"
    return (
        f"{number} taken out, by {rules} rule{'' if rules == 1 else 's'}. In the place of each stands `redacted:` and\n"
        "a digest under a key that is not in the bundle: equal secrets have equal digests."
    )


def _rule(one: RedactedBy) -> Iterator[str]:
    yield ""
    yield f"{one.rule}: {one.count:,}"
    yield from (f"  {place}" for place in one.places[:SHOWN])
    if more := max(0, len(one.places) - SHOWN) + one.more:
        yield f"  and {more:,} more place{'' if more == 1 else 's'}"
