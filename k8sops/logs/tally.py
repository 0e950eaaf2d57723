"""What a log request comes to while it runs: lines, streams, reconnections, gaps, and what could not be read."""

from __future__ import annotations

from typing import Final

from k8sops.core.log_selection import LogGap, LogProgress, LogSummary

MOST_KEPT: Final = 1_000
"""Gaps, and errors, that are kept in words; the rest are counted."""


class Tally:
    """One for a request, added to by its streams."""

    def __init__(self) -> None:
        self.lines = 0
        self.reconnects = 0
        self.streams = 0
        self.read = 0
        self.opened = 0
        self.follows = False
        self.served: Final[set[str]] = set()
        """Namespaces of which a log was served: whoever is refused there later was allowed before."""
        self._gaps: list[LogGap] = []
        self._more_gaps = 0
        self._errors: dict[str, None] = {}

    def gap(self, gap: LogGap) -> None:
        """Lines are missing, or may be."""
        if len(self._gaps) < MOST_KEPT:
            self._gaps.append(gap)
        else:
            self._more_gaps += 1

    def error(self, said: str) -> None:
        """Something could not be read; said twice it counts once."""
        if len(self._errors) < MOST_KEPT:
            self._errors[said] = None

    @property
    def summary(self) -> LogSummary:
        """So far."""
        return LogSummary(
            lines=self.lines,
            streams=self.streams,
            reconnects=self.reconnects,
            gaps=tuple(self._gaps),
            more_gaps=self._more_gaps,
            errors=tuple(self._errors),
        )

    @property
    def progress(self) -> LogProgress:
        """How many streams are read, or open."""
        return LogProgress(streams=self.streams, read=self.read, opened=self.opened, follows=self.follows)
