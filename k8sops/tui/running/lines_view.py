"""A scrollable page of lines, broken to its width, that keeps its place, or the end where the reader is at the end.

Only the lines in sight are drawn. A line's look colours its first cells alone, where the glyph and the word of its
state stand; the text itself is never markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from k8sops.core.text import printable
from k8sops.tui.text_keys import text_keys

Look = Literal["", "ok", "busy", "warn", "bad", "muted", "heading"]
_LOOKS: tuple[Look, ...] = ("ok", "busy", "warn", "bad", "muted", "heading")


class Line(NamedTuple):
    """A line before it is broken; `marked` of its characters, or all of them, have the look."""

    text: str
    look: Look = ""
    marked: int | None = None
    indent: int = 0
    """Where the rest of a line that is too long goes on."""


class LinesView(ScrollView, can_focus=True):
    """The page. Keys are those of every text view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *text_keys("lines"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{look}" for look in _LOOKS}
    DEFAULT_CSS = """
    LinesView { height: 1fr; padding: 0 1; background: $surface; scrollbar-size-vertical: 1; }
    LinesView > .lines--ok { color: $text-success; }
    LinesView > .lines--busy { color: $text-accent; }
    LinesView > .lines--warn { color: $text-warning; text-style: bold; }
    LinesView > .lines--bad { color: $text-error; text-style: bold; }
    LinesView > .lines--muted { color: $text-muted; }
    LinesView > .lines--heading { text-style: bold; color: $text-muted; }
    """
    ALLOW_SELECT = True

    def __init__(self, *, id: str | None = None, follows: bool = False) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._follows = follows
        self._lines: list[Line] = []
        self._broken: list[Line] = []
        self._width = 0

    @property
    def texts(self) -> list[str]:
        """What it says, a line each, unbroken."""
        return [line.text for line in self._lines]

    def show(self, lines: Sequence[Line]) -> None:
        """Replace what it says, keeping the place; at the end, the end."""
        if lines[: len(self._lines)] == self._lines:
            self._append(lines[len(self._lines) :])
            return
        self._lines = list(lines)
        self._lay_out()

    def on_resize(self) -> None:
        """Break the lines anew."""
        if self._room != self._width:
            self._lay_out()

    @property
    def _room(self) -> int:
        return max(20, self.scrollable_content_region.width)

    def _append(self, lines: Sequence[Line]) -> None:
        if lines:
            self._lines += lines
            self._put(self._broken + [part for line in lines for part in _broken(line, self._width or 20)])

    def _lay_out(self) -> None:
        self._width = self._room
        self._put([part for line in self._lines for part in _broken(line, self._width)])

    def _put(self, broken: list[Line]) -> None:
        at_end = self._follows and self.scroll_offset.y >= self.max_scroll_y
        self._broken = broken
        self.virtual_size = Size(self._width, len(broken))
        self.refresh(layout=self.styles.is_auto_height)
        if at_end:
            self.call_after_refresh(self.scroll_end, animate=False)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text selected with the mouse, as broken on the screen."""
        return selection.extract("\n".join(line.text for line in self._broken)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw what is selected now."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the viewport, as Textual's line API asks for it."""
        width, index = self.scrollable_content_region.width, y + self.scroll_offset.y
        base = self.rich_style
        if index >= len(self._broken):
            return Strip.blank(width, base)
        line = self._broken[index]
        strip = Strip(self._segments(line, index, base)).crop_extend(0, width, base)
        return strip.apply_offsets(0, index)

    def _segments(self, line: Line, index: int, base: Style) -> Iterator[Segment]:
        marked = len(line.text) if line.marked is None else line.marked
        look = self.get_component_rich_style(f"lines--{line.look}", partial=True) if line.look else Style()
        start, end = self._selected(index, len(line.text))
        chosen = self.screen.get_component_rich_style("screen--selection") if start < end else Style()
        edges = sorted({0, min(marked, len(line.text)), start, end, len(line.text)})
        for left, right in pairwise(edges):
            style = base + look if right <= marked else base
            yield Segment(line.text[left:right], style + chosen if start <= left < end else style)

    def _selected(self, index: int, length: int) -> tuple[int, int]:
        selection = self.text_selection
        span = selection.get_span(index) if selection is not None else None
        if span is None:
            return 0, 0
        return min(span[0], length), length if span[1] == -1 else min(span[1], length)


def _broken(line: Line, width: int) -> Iterator[Line]:
    """The line in pieces that fit; cells count, not characters."""
    text = printable(line.text)
    if cell_len(text) <= width:
        yield line._replace(text=text)
        return
    marked, indent = line.marked, ""
    present = ""
    for word in _pieces(text, width - line.indent):
        if cell_len(indent + present + word.rstrip()) > width and present.strip():
            yield Line(indent + present.rstrip(), line.look, marked)
            present, indent = word.lstrip(), " " * line.indent
            marked = None if line.marked is None else 0
            continue
        present += word
    yield Line(indent + present.rstrip(), line.look, marked)


def _pieces(text: str, width: int) -> Iterator[str]:
    """Words with the blanks behind them; one wider than the page in parts."""
    start = 0
    for place, (left, right) in enumerate(zip(text, text[1:] + "x", strict=True), 1):
        if left == " " and right != " ":
            yield from _fitting(text[start:place], width)
            start = place
    yield from _fitting(text[start:], width)


def _fitting(word: str, width: int) -> Iterator[str]:
    if cell_len(word) <= width:
        yield word
    else:
        yield from chop_cells(word, width)
