"""Which lines are shown: by patterns and by level. Markers always are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from k8sops.core.log_levels import Level, LevelReader
from k8sops.core.logs import LogEntry
from k8sops.service.loglines.patterns import AnyOf

Leveled = tuple[LogEntry, Level, str]
"""A line, its level, and what is said behind it."""


class LineFilter:
    """Passes lines that say what is wanted; remembers, for each stream, to which line a stack trace belongs.

    Raises UsageError naming a pattern that cannot be used. `leveled` says whether a reader further on wants levels.
    """

    def __init__(
        self,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        least: Level = Level.UNKNOWN,
        leveled: bool = True,
    ) -> None:
        self._include: Final = AnyOf(include, "--include") if include else None
        self._exclude: Final = AnyOf(exclude, "--exclude") if exclude else None
        self._least: Final = least
        self._levels: Final = LevelReader() if leveled or least else None

    def passed(self, batch: Sequence[LogEntry]) -> Iterator[Leveled]:
        """The lines that pass, each with its level."""
        levels, include, exclude, least = self._levels, self._include, self._exclude, self._least
        for entry in batch:
            if entry.marker:
                yield entry, Level.UNKNOWN, ""
                continue
            level = levels.read(entry.stream, entry.text) if levels else Level.UNKNOWN
            if (
                level >= least
                and (include is None or include.matches(entry.text))
                and (exclude is None or not exclude.matches(entry.text))
            ):
                yield entry, level, ""
