"""The log on the screen: only the rows in sight are drawn; the end stays in sight until the reader goes up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from k8sops.core.logs import LogEntry
from k8sops.tui.logs.buffer import LogBuffer, Row
from k8sops.tui.logs.line_text import LEVEL_WITHIN, WORRYING, Look
from k8sops.tui.own_room import OwnRoom
from k8sops.tui.text_keys import text_keys

Part = Literal["head", "marker", "bad", "warn", "found"]
_PARTS: tuple[Part, ...] = ("head", "marker", "bad", "warn", "found")


class LogView(OwnRoom, can_focus=True):
    """The rows of a buffer. Keys are those of every text view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *text_keys("log", end="end"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"log--{part}" for part in _PARTS}
    DEFAULT_CSS = """
    LogView { height: 1fr; padding: 0 1; background: $surface; scrollbar-size-vertical: 1; }
    LogView > .log--head { color: $text-muted; }
    LogView > .log--marker { color: $text-accent; text-style: bold; }
    LogView > .log--bad { color: $text-error; text-style: bold; }
    LogView > .log--warn { color: $text-warning; text-style: bold; }
    LogView > .log--found { text-style: reverse; }
    """
    ALLOW_SELECT = True

    class Moved(Message):
        """The reader left the end, or came back to it."""

    def __init__(self, workload: str) -> None:
        super().__init__()
        self.buffer = LogBuffer(workload)
        self.follows = True
        """Whether the end is kept in sight."""

    @property
    def texts(self) -> list[str]:
        """What the rows say."""
        return [row.text for row in self.buffer.rows]

    def put(self, entries: Sequence[LogEntry]) -> None:
        """Add lines at the end."""
        gone = self.buffer.put(entries)
        self._measure()
        if not self.follows and gone:
            # What is being read stays where it is while lines leave at the top.
            self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, immediate=True)

    def clear(self) -> None:
        """Forget what was shown."""
        self.buffer.clear()
        self._measure()

    def change(self, look: Look) -> None:
        """Look at the lines otherwise."""
        self.buffer.change(look)
        self._measure()

    def search(self, pattern: re.Pattern[str] | None, *, inverse: bool) -> None:
        """Show what matches alone."""
        self.buffer.search(pattern, inverse=inverse)
        self._measure()

    def keep_at_end(self, follows: bool) -> None:
        """Keep the end in sight from now on, or no longer."""
        self.follows = follows
        if follows:
            self._measure()

    def action_end(self) -> None:
        """To the end, and stay there."""
        self.keep_at_end(True)
        self.post_message(self.Moved())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Going up leaves the end; coming down to it stays there."""
        super().watch_scroll_y(old_value, new_value)
        at_end = round(new_value) >= self.max_scroll_y
        if (new_value < old_value and not at_end and self.follows) or (at_end and not self.follows):
            self.follows = at_end
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Break the lines anew."""
        self.buffer.resize(self.scrollable_content_region.width)
        self._measure()

    def _measure(self) -> None:
        rows = self.buffer.rows
        width = self.scrollable_content_region.width if self.buffer.look.wrap else self.buffer.width
        follows = self.follows
        self.virtual_size = Size(width, len(rows))
        self.follows = follows
        if follows:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text selected with the mouse, as broken on the screen."""
        return selection.extract("\n".join(self.texts)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw what is selected now."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the viewport, as Textual's line API asks for it."""
        left, top = self.scroll_offset
        width, index, base = self.scrollable_content_region.width, y + top, self.rich_style
        if index >= len(self.buffer.rows):
            return Strip.blank(width, base)
        row = self.buffer.rows[index]
        strip = Strip(self._segments(row, index, base)).crop_extend(left, left + width, base)
        return strip.apply_offsets(left, index)

    def _segments(self, row: Row, index: int, base: Style) -> Iterator[Segment]:
        spans = list(self._spans(row, index))
        edges = sorted({0, len(row.text), *(edge for start, end, _ in spans for edge in (start, end))})
        for left, right in pairwise(edges):
            style = base
            for start, end, look in spans:
                if start <= left < end:
                    style += look
            yield Segment(row.text[left:right], style)

    def _spans(self, row: Row, index: int) -> Iterator[tuple[int, int, Style]]:
        if row.marker:
            yield 0, len(row.text), self._look("marker")
        else:
            yield 0, row.head, self._look("head")
            if row.first and (level := WORRYING.search(row.text, row.head, LEVEL_WITHIN)):
                yield *level.span(), self._look("bad" if level["bad"] else "warn")
        pattern = self.buffer.pattern
        if pattern is not None and not self.buffer.inverse:
            yield from ((*found.span(), self._look("found")) for found in pattern.finditer(row.text))
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(index)) is not None:
            end = len(row.text) if span[1] == -1 else span[1]
            yield span[0], min(end, len(row.text)), self.screen.get_component_rich_style("screen--selection")

    def _look(self, part: Part) -> Style:
        return self.get_component_rich_style(f"log--{part}", partial=True)
