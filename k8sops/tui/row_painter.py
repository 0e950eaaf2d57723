"""Rows and the header turned into strips of styled segments: the only place that knows how a table line looks.

Strips of rows that have not changed are kept, so that a scroll or an update draws only what is new. Cell text goes
into segments as it is: no markup is ever interpreted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from textwrap import wrap
from typing import Final, Literal

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from k8sops.core.severity import Severity
from k8sops.core.tables import Row
from k8sops.tui.columns import GAP, ViewColumn, cell_severity, holds_age, shown_cell, width_of, without_ago
from k8sops.tui.row_view import row_key

CURSOR_MARK = "▌"
CHOSEN_MARK = "*"
GUTTER = 1
_KEPT_STRIPS = 1024

Look = Literal["row", "hover", "cursor"]
_StripKey = tuple[str, Look, bool, str, int, int]


class RowPainter:
    """Draws lines for one set of columns, widths and styles; a change of any of them wants a new painter."""

    def __init__(
        self, columns: Sequence[ViewColumn], widths: Sequence[int], styles: Mapping[str, Style]
    ) -> None:
        self.columns = columns
        self.widths = widths
        self.width: Final = GUTTER + sum(widths) + GAP * max(0, len(widths) - 1)
        """Cells a whole line takes."""
        self._styles = styles
        self._strips: LRUCache[_StripKey, tuple[Row, Strip]] = LRUCache(_KEPT_STRIPS)
        self._counting = tuple(column for column in columns if column.counts_on)

    def ages_text(self, row: Row, now: datetime) -> str:
        """The only part of a line that changes without the row; empty where no age is shown."""
        return " ".join([shown_cell(row, column, now) for column in self._counting if holds_age(row, column)])

    def row(
        self, row: Row, now: datetime, look: Look, left: int, width: int, *, marked: bool = False
    ) -> Strip:
        """The part of a row's line from cell `left` on, in exactly `width` cells."""
        key = (row_key(row), look, marked, self.ages_text(row, now), left, width)
        kept = self._strips.get(key)
        if kept is not None and kept[0] is row:
            return kept[1]
        ground, room = self._styles[look], width - GUTTER
        body: Iterable[Segment] = self._paint(row, now, look, marked=marked)
        if left or self.width > width:
            body = Strip(body).crop(left, left + self._room(left, room)).crop_extend(0, room, ground)
        elif self.width < width:
            body = (*body, Segment(" " * (width - self.width), ground))
        # The mark wins over the cursor's sign: the cursor's line stands out by its ground as well.
        sign = CHOSEN_MARK if marked else CURSOR_MARK if look == "cursor" else " "
        strip = Strip([Segment(sign, ground + self._styles["mark"]), *body], width)
        self._strips[key] = (row, strip)
        return strip

    def header(self, sort_column: ViewColumn | None, *, reverse: bool, left: int, width: int) -> Strip:
        """The header line; the sorted column carries an arrow, an end beyond which there are more columns a sign."""
        base, marked = self._styles["header"], self._styles["header-sorted"]
        segments: list[Segment] = []
        for column, cells in zip(self.columns, self.widths, strict=True):
            is_sorted = column == sort_column
            arrow = ("↓" if reverse else "↑") if is_sorted else " "
            title = fit(column.title, min(cells, width_of(column.title)))
            # Above numbers the arrow stands in the gap, so that the title ends where they do.
            title = fit(title, cells, right=True) + arrow if column.is_number else title + arrow
            segments.append(Segment(fit(title, cells + GAP), marked if is_sorted else base))
        body = Strip(segments).crop_extend(left, left + width - GUTTER, base)
        if left:
            body = Strip.join([Strip([Segment("‹", marked)]), body.crop(1)])
        if self.width > left + width:
            body = Strip.join([body.crop(0, width - GUTTER - 1), Strip([Segment("›", marked)])])
        return Strip([Segment(" " * GUTTER, base), *body], width)

    def placeholder(self, sentence: str, line: int, width: int) -> Strip:
        """A line where there is no row: the sentence, broken into lines, stands below a blank one."""
        lines = wrap(sentence, max(width - 4, 10))
        text = lines[line - 1] if 1 <= line <= len(lines) else ""
        strip = Strip([Segment(f"  {text}", self._styles["placeholder"])] if sentence else [])
        return strip.crop_extend(0, width, self._styles["row"])

    def column_at(self, x: int) -> ViewColumn | None:
        """The column under a cell of the line."""
        left = GUTTER
        for column, width in zip(self.columns, self.widths, strict=True):
            if left <= x < left + width + GAP:
                return column
            left += width + GAP
        return None

    def _room(self, left: int, width: int) -> int:
        """How many of `width` cells are drawn on: a number at the edge is not, for a part of it is another one."""
        edge = 0
        for column, cells in zip(self.columns, self.widths, strict=True):
            if column.is_number and left < edge < left + width < edge + cells:
                return edge - left
            edge += cells + GAP
        return width

    def _paint(self, row: Row, now: datetime, look: Look, *, marked: bool) -> Iterable[Segment]:
        base = self._styles[look]
        if marked:
            base += self._styles["marked"]
        if row.deleting:
            base += self._styles["deleting"]
        segments: list[Segment] = []
        plain: list[str] = []
        for column, width in zip(self.columns, self.widths, strict=True):
            told = shown_cell(row, column, now)
            if column.counts_on and width_of(told) > width:
                told = without_ago(told)
            text = fit(told, width, middle=column.role == "name", right=column.is_number)
            severity = cell_severity(row, column)
            if severity is Severity.NEUTRAL:
                plain += (text, " " * GAP)
                continue
            if plain:
                segments.append(Segment("".join(plain), base))
            segments.append(Segment(text, base + self._styles[severity]))
            plain = [" " * GAP]
        segments.append(Segment("".join(plain)[:-GAP], base))
        return Segment.simplify(segments)


def fit(text: str, width: int, *, middle: bool = False, right: bool = False) -> str:
    """The text in exactly `width` cells; what is too long ends in `…`, or loses its `middle`."""
    length = width_of(text)
    if length <= width:
        return " " * (width - length) + text if right else text + " " * (width - length)
    if not middle or width < 8:
        return set_cell_size(set_cell_size(text, width - 1) + "…", width)
    # Names made by controllers differ at their end, so the end is kept.
    tail = text[-(width // 2 - 1) :]
    while width_of(tail) > width // 2 - 1:
        tail = tail[1:]
    head = set_cell_size(text, width - 1 - width_of(tail))
    return f"{head}…{tail}"
