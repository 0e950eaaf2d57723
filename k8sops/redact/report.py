"""What was taken out, for whoever hands a bundle on: rule, count, file and line. Never the value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

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


class ReportRow(NamedTuple):
    """One rule: how many secrets it took out, and where: `file:line`, at most a hundred of each file."""

    rule: str
    secrets: int
    places: tuple[str, ...]


class RedactionReport:
    """Of many files."""

    def __init__(self) -> None:
        self._files: Final[list[tuple[str, Tally]]] = []

    def add(self, file: str, tally: Tally) -> None:
        """What was found in one file; a file without secrets is not kept."""
        if tally.counts:
            self._files.append((file, tally))

    def rows(self) -> Iterator[ReportRow]:
        """By rule."""
        for rule in sorted({kind for _, tally in self._files for kind in tally.counts}):
            count = sum(tally.counts.get(rule, 0) for _, tally in self._files)
            places = [f"{file}:{line}" for file, tally in self._files for line in tally.lines.get(rule, [])]
            yield ReportRow(rule, count, tuple(places))
