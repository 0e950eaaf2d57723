"""What each line of a table's viewport shows, and the strip it was painted as.

Textual puts border, padding and tint around every line it draws, which makes a new strip of one that was kept: its
parts and terminal codes are then found out anew, and that is most of what a scroll costs. A table has nothing around
its lines, so here a strip that was kept goes out as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from k8sops.core.tables import Row
from k8sops.tui.row_painter import Look


def as_they_are(widget: Widget, strips: list[Strip], crop: Region) -> list[Strip]:
    """What `render_lines` answers for a part of a widget that has no border, padding or tint around these lines."""
    background = widget.background_colors[1]
    for each in widget.get_line_filters():
        strips = [strip.apply_filter(each, background) for strip in strips]
    left, right = crop.column_span
    return [strip.crop(left, right) for strip in strips]


class Line(NamedTuple):
    """What a line shows: enough to tell whether it must be drawn again."""

    row: Row | None
    says: str
    """What it says beside its row's cells: an age, the order above all rows, a sentence where there are none."""
    look: Look = "row"
    marked: bool = False

    def same_as(self, drawn: Line | None) -> bool:
        """Whether what was drawn still stands; rows are compared by identity, which is how they change."""
        return drawn is not None and self.row is drawn.row and self[1:] == drawn[1:]


class ShownLines:
    """The lines drawn last, by their place in the viewport."""

    def __init__(self) -> None:
        self._drawn: dict[int, tuple[Line, Strip]] = {}
        self._ground: tuple[object, ...] = ()

    def stand_on(self, *ground: object) -> None:
        """Keep lines for as long as everything else they depend on stays equal."""
        if ground != self._ground:
            self._ground = ground
            self._drawn.clear()

    def still_shows(self, y: int, line: Line) -> bool:
        """Whether a place shows this already."""
        drawn = self._drawn.get(y)
        return drawn is not None and line.same_as(drawn[0])

    def strip(self, y: int, line: Line, paint: Callable[[int, Line], Strip]) -> Strip:
        """What a place looks like, painted where it shows something else so far."""
        drawn = self._drawn.get(y)
        if drawn is not None and line.same_as(drawn[0]):
            return drawn[1]
        strip = paint(y, line)
        self._drawn[y] = (line, strip)
        return strip
