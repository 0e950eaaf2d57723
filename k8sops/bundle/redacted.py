"""What was taken out of a bundle, by rule: how many, and where. Never what."""

from __future__ import annotations

from collections.abc import Sequence

from k8sops.bundle.index import PLACES, RedactedBy, Redaction
from k8sops.bundle.port import Tally


def redaction_of(on: bool, tallies: Sequence[tuple[str, Tally]]) -> Redaction:
    """Of files by their paths in the bundle, in that order."""
    rules = sorted({rule for _, tally in tallies for rule in tally.counts})
    return Redaction(on=on, rules=tuple(_by(rule, tallies) for rule in rules))


def _by(rule: str, tallies: Sequence[tuple[str, Tally]]) -> RedactedBy:
    places = [f"{path}:{line}" for path, tally in tallies for line in tally.lines.get(rule, ())]
    return RedactedBy(
        rule=rule,
        count=sum(tally.counts.get(rule, 0) for _, tally in tallies),
        places=tuple(places[:PLACES]),
        more=max(0, len(places) - PLACES),
    )
