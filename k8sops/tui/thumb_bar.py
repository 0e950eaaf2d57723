"""A vertical scrollbar that draws only the lines its thumb came to or left.

Textual's own is drawn from top to bottom whenever what it belongs to scrolls, which costs as much as the table beside
it, though among ten thousand rows the thumb stands still for most of those moves. Looks and clicks are Textual's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, cast

from rich.color import Color
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.reactive import Reactive
from textual.scrollbar import ScrollBar
from textual.strip import Strip

from k8sops.tui.shown_lines import as_they_are

if TYPE_CHECKING:
    from rich.style import Style
    from textual.scrollbar import ScrollBarRender


class ThumbBar(ScrollBar):
    """A scrollbar drawn line by line; to be made with `vertical`."""

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)
    _shown: tuple[Strip, ...] = ()

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Draw again what looks otherwise now, which may be nothing."""
        if regions or layout or recompose or not repaint or not self._shown:
            self._shown = ()
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        before, self._shown = self._shown, self._lines()
        if len(before) != len(self._shown):
            # The layout that gave it another height draws all of it.
            return self
        moved = [y for y, line in enumerate(self._shown) if line != before[y]]
        return super().refresh(*(Region(0, y, self.size.width, 1) for y in moved)) if moved else self

    def render_line(self, y: int) -> Strip:
        """One line, as Textual's line API asks for it."""
        if len(self._shown) != self.size.height:
            self._shown = self._lines()
        return self._shown[y]

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lines as they are."""
        return as_they_are(self, [self.render_line(y) for y in crop.line_range], crop)

    def _lines(self) -> tuple[Strip, ...]:
        bar = cast("ScrollBarRender", self.render())
        style = cast("Style", bar.style)
        drawn = bar.render_bar(
            size=self.size.height,
            virtual_size=bar.virtual_size,
            window_size=bar.window_size,
            position=bar.position,
            thickness=self.size.width,
            vertical=True,
            back_color=style.bgcolor or Color.default(),
            bar_color=style.color or Color.default(),
        )
        segments = list(Segment.apply_style(drawn.segments, self.visual_style.rich_style))
        # Most are alike, and what is found out about a strip is kept with it.
        alike = {segment: Strip([segment], self.size.width) for segment in set(segments)}
        return tuple(alike[segment] for segment in segments)
