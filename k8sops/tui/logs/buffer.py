"""The lines that are kept, which of them are shown, and how they are broken: all of the log screen without a screen.

Bounded in lines and in characters: the oldest go first. Rows are worked out as lines come, and anew when the way of
looking at them changes.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len, chop_cells

from k8sops.core.logs import LogEntry
from k8sops.tui.logs.line_text import Look, look_for, shown_text

MOST_KEPT: Final = 10_000
MOST_CHARACTERS: Final = 8 << 20
_LEAST_WIDTH: Final = 20


class Row(NamedTuple):
    """A line of the screen: a part of a line of the log."""

    text: str
    head: int
    """How many of its first characters say whose it is and when."""
    marker: bool
    first: bool
    """Whether it begins a line of the log."""


class LogBuffer:
    """What is kept and how it is looked at."""

    def __init__(self, workload: str, *, most: int = MOST_KEPT, characters: int = MOST_CHARACTERS) -> None:
        self.rows: list[Row] = []
        self.look = Look()
        self.pattern: re.Pattern[str] | None = None
        self.inverse = False
        self.dropped = 0
        self.width = 0
        """Of the widest row so far."""
        self.matching = 0
        """How many lines are shown."""
        self._workload = workload
        self._most = most
        self._most_characters = characters
        self._entries: deque[LogEntry] = deque()
        self._counts: deque[int] = deque()
        """How many rows each entry has."""
        self._characters = 0
        self._width = 80

    def __len__(self) -> int:
        return len(self._entries)

    def texts(self) -> Iterator[str]:
        """The lines that are shown, whole."""
        for entry in self._entries:
            if self._passes(entry):
                yield shown_text(entry, self.look)[0]

    def put(self, entries: Sequence[LogEntry]) -> int:
        """Add lines; returns how many rows were taken away at the top."""
        look = look_for(entries, self.look, self._workload)
        for entry in entries:
            self._entries.append(entry)
            self._characters += len(entry.text)
        if look != self.look:
            self.look = look
            self._trim()
            self._lay_out()
            return 0
        for entry in entries:
            self._add(entry)
        return self._trim()

    def mark(self, entry: LogEntry) -> None:
        """Add a line of the reader's own."""
        self.put([entry])

    def clear(self) -> None:
        """Forget all of it; what comes is shown."""
        self._entries.clear()
        self._counts.clear()
        self.rows.clear()
        self._characters = self.dropped = self.width = self.matching = 0

    def change(self, look: Look) -> None:
        """Look at it otherwise."""
        self.look = look
        self._lay_out()

    def search(self, pattern: re.Pattern[str] | None, *, inverse: bool = False) -> None:
        """Show the lines that match alone; markers with none."""
        self.pattern, self.inverse = pattern, inverse
        self._lay_out()

    def resize(self, width: int) -> None:
        """Break lines to another width."""
        width = max(_LEAST_WIDTH, width)
        if width != self._width:
            self._width = width
            if self.look.wrap:
                self._lay_out()

    def _lay_out(self) -> None:
        self.rows, self._counts = [], deque()
        self.width = self.matching = 0
        for entry in self._entries:
            self._add(entry)

    def _add(self, entry: LogEntry) -> None:
        before = len(self.rows)
        if self._passes(entry):
            text, head = shown_text(entry, self.look)
            parts = _broken(text, self._width) if self.look.wrap else (text,)
            for place, part in enumerate(parts):
                self.rows.append(Row(part, 0 if place else head, entry.marker, first=not place))
                self.width = max(self.width, cell_len(part))
            self.matching += not entry.marker
        self._counts.append(len(self.rows) - before)

    def _passes(self, entry: LogEntry) -> bool:
        if self.pattern is None:
            return True
        if entry.marker:
            return False
        return (self.pattern.search(shown_text(entry, self.look)[0]) is None) is self.inverse

    def _trim(self) -> int:
        gone = 0
        while len(self._entries) > self._most or self._characters > self._most_characters:
            oldest = self._entries.popleft()
            self._characters -= len(oldest.text)
            self.dropped += 1
            if self._counts and (rows := self._counts.popleft()):
                gone += rows
                self.matching -= not oldest.marker
        del self.rows[:gone]
        return gone


def _broken(text: str, width: int) -> Sequence[str]:
    if len(text) <= width and cell_len(text) <= width:
        return (text,)
    if text.isascii():
        return [text[start : start + width] for start in range(0, len(text), width)]
    return chop_cells(text, width)
