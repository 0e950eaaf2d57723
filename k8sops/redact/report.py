"""What was taken out of one text, for whoever hands it on: rule, count and line. Never the value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

# Of one rule in one text: a file that is all secrets must not become a list as long.
PLACES: Final = 100


@dataclass(slots=True)
class Tally:
    """Of one text: how many secrets of each kind, and on which lines the first of them were."""

    counts: dict[str, int] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, kind: str, line: int) -> None:
        """One more, on a line from 1 on."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        lines = self.lines.setdefault(kind, [])
        if len(lines) < PLACES and (not lines or lines[-1] != line):
            lines.append(line)
