"""A page of lines that is scrolled, searched and selected; only the lines in sight are drawn.

Long lines are scrolled to sideways, or broken to the page's width. The text is never markup; what stands out is told
by spans, what is found by a mark of its own that is there without colour too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from k8sops.tui.document.finding import Hit, hits_of
from k8sops.tui.document.looks import LOOKS, Spans
from k8sops.tui.text_keys import text_keys


class _Piece(NamedTuple):
    """A line of the page: a part of a line of the text."""

    line: int
    start: int
    end: int


class DocumentView(ScrollView, can_focus=True):
    """The page. Keys are those of the table, for the hands know them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *text_keys("document"),
        Binding("w", "wrap", "Wrap", show=False, id="document.wrap"),
        Binding("n", "next(1)", "Next", show=False, id="document.next"),
        Binding("N", "next(-1)", "Previous", show=False, id="document.previous"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"document--{look}" for look in LOOKS),
        "document--found",
        "document--current",
    }
    DEFAULT_CSS = """
    DocumentView { height: 1fr; padding: 0 1; background: $surface; scrollbar-size: 0 1; }
    DocumentView > .document--key { text-style: bold; }
    DocumentView > .document--mark { color: $text-muted; }
    DocumentView > .document--value { color: $text-accent; }
    DocumentView > .document--heading { text-style: bold; }
    DocumentView > .document--label { color: $text-muted; }
    DocumentView > .document--warn { color: $text-warning; text-style: bold; }
    DocumentView > .document--found { text-style: underline; background: $accent-muted; }
    DocumentView > .document--current { text-style: reverse bold; }
    """
    ALLOW_SELECT = True

    class Searched(Message):
        """What is searched for, or which of it one is at, changed."""

    def __init__(self, *, wraps: bool = False) -> None:
        super().__init__()
        self._wraps = wraps
        self._lines: Sequence[str] = ()
        self._spans: Sequence[Spans] = ()
        self._pieces: list[_Piece] = []
        self._width = self._widest = 0
        self._text = ""
        self._hits: list[Hit] = []
        self._current = 0

    @property
    def lines(self) -> Sequence[str]:
        """What it says, unbroken."""
        return self._lines

    @property
    def wraps(self) -> bool:
        """Whether long lines are broken."""
        return self._wraps

    @property
    def found(self) -> tuple[str, int, int]:
        """What is searched for, how often it stands there, and which of these one is at, from 1."""
        return self._text, len(self._hits), self._current + 1 if self._hits else 0

    def show(self, lines: Sequence[str], spans: Sequence[Spans] = (), *, widest: int | None = None) -> None:
        """Replace what it says, keeping the place. `widest` is its widest line's width, where that is known."""
        self._lines, self._spans = lines, spans
        self._widest = widest_of(lines) if widest is None else widest
        self._hits = hits_of(self._text, lines)
        self._current = min(self._current, max(0, len(self._hits) - 1))
        self._lay_out()
        self.post_message(self.Searched())

    def search(self, text: str) -> None:
        """Mark a text wherever it stands, and go to the first place from the top of the page on; empty: no more."""
        self._text, self._hits = text, hits_of(text, self._lines)
        top = self._pieces[self.scroll_offset.y].line if self.scroll_offset.y < len(self._pieces) else 0
        self._current = bisect_left(self._hits, (top, 0, 0)) % max(1, len(self._hits))
        self._go_to_current()

    def action_next(self, step: int) -> None:
        """The next place, round and round."""
        if self._hits:
            self._current = (self._current + step) % len(self._hits)
            self._go_to_current()

    def action_wrap(self) -> None:
        """Break long lines, or not."""
        self._wraps = not self._wraps
        top = self._pieces[self.scroll_offset.y].line if self.scroll_offset.y < len(self._pieces) else 0
        self._lay_out()
        self.scroll_to(0, self._piece_of(top, 0), animate=False, immediate=True)

    def on_resize(self) -> None:
        """Break the lines anew."""
        if self._wraps and self._room != self._width:
            self._lay_out()

    @property
    def _room(self) -> int:
        return max(20, self.scrollable_content_region.width)

    def _lay_out(self) -> None:
        self._width = self._room
        if self._wraps:
            self._pieces = list(_broken(self._lines, self._width))
            wide = self._width
        else:
            self._pieces = [_Piece(number, 0, len(line)) for number, line in enumerate(self._lines)]
            wide = self._widest
        self.virtual_size = Size(wide, len(self._pieces))
        self.refresh()

    def _piece_of(self, line: int, start: int) -> int:
        """The line of the page on which a character of the text stands."""
        place = bisect_left(self._pieces, (line, start + 1, 0)) - 1
        return max(0, place)

    def _go_to_current(self) -> None:
        if self._hits:
            hit = self._hits[self._current]
            y, height = self._piece_of(hit.line, hit.start), max(1, self.scrollable_content_region.height)
            if not self.scroll_offset.y <= y < self.scroll_offset.y + height:
                self.scroll_to(y=max(0, y - height // 3), animate=False, immediate=True)
            if not self._wraps:
                left = cell_len(self._lines[hit.line][: hit.start])
                right = cell_len(self._lines[hit.line][: hit.end])
                if not self.scroll_offset.x <= left <= right <= self.scroll_offset.x + self._room:
                    x = 0 if right <= self._room else max(0, left - self._room // 3)
                    self.scroll_to(x=x, animate=False, immediate=True)
        self.refresh()
        self.post_message(self.Searched())

    # Drawing

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text selected with the mouse, as broken on the page."""
        return selection.extract(
            "\n".join(self._lines[one.line][one.start : one.end] for one in self._pieces)
        ), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw what is selected now."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the viewport, as Textual's line API asks for it."""
        left, top = self.scroll_offset
        width, index, base = self.scrollable_content_region.width, y + top, self.rich_style
        if index >= len(self._pieces):
            return Strip.blank(width, base)
        strip = Strip(self._segments(self._pieces[index], index, base)).crop_extend(left, left + width, base)
        return strip.apply_offsets(left, index)

    def _segments(self, piece: _Piece, index: int, base: Style) -> Iterator[Segment]:
        text = self._lines[piece.line]
        styled = list(self._styled(piece, index))
        edges = {piece.start, piece.end}
        for start, end, _ in styled:
            edges |= {min(max(start, piece.start), piece.end), min(max(end, piece.start), piece.end)}
        for start, end in pairwise(sorted(edges)):
            style = base
            for left, right, look in styled:
                if left <= start and end <= right:
                    style += look
            yield Segment(text[start:end], style)

    def _styled(self, piece: _Piece, index: int) -> Iterator[tuple[int, int, Style]]:
        """What of a piece has a look of its own; later ones win."""
        if piece.line < len(self._spans):
            for span in self._spans[piece.line]:
                yield (
                    span.start,
                    span.end,
                    self.get_component_rich_style(f"document--{span.look}", partial=True),
                )
        place = bisect_left(self._hits, (piece.line, 0, 0))
        while place < len(self._hits) and self._hits[place].line == piece.line:
            name = "document--current" if place == self._current else "document--found"
            hit = self._hits[place]
            yield hit.start, hit.end, self.get_component_rich_style(name, partial=True)
            place += 1
        selection = self.text_selection
        span_selected = selection.get_span(index) if selection is not None else None
        if span_selected is not None:
            start, end = span_selected
            length = piece.end - piece.start
            end = length if end == -1 else min(end, length)
            yield (
                piece.start + start,
                piece.start + end,
                self.screen.get_component_rich_style("screen--selection"),
            )


def widest_of(lines: Sequence[str]) -> int:
    """The cells of the widest line."""
    return max(map(cell_len, lines), default=0)


def _broken(lines: Sequence[str], width: int) -> Iterator[_Piece]:
    """Lines in pieces that fit; cells count, not characters."""
    for number, line in enumerate(lines):
        if len(line) <= width // 2 or cell_len(line) <= width:
            yield _Piece(number, 0, len(line))
            continue
        start = 0
        for part in chop_cells(line, width):
            yield _Piece(number, start, start + len(part))
            start += len(part)
