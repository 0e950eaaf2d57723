"""Scrolled widgets whose place on the screen does not depend on what they hold.

To Textual a widget that holds more or less is a reason to lay the whole screen out anew and to draw all of it, which
on a full screen is most of what a keystroke costs. Where the place is fixed only the scrollbar has to know.
"""

from __future__ import annotations

from textual.geometry import Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar

from k8sops.tui.thumb_bar import ThumbBar


class OwnRoom(ScrollView):
    """To be inherited where width and height are given by the layout, never by the content."""

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    def watch_virtual_size(self, size: Size) -> None:
        """Let the scrollbar follow; only one that appears or vanishes changes the layout."""
        self._scroll_update(size)

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """The bar, made when it is first needed."""
        if self._vertical_scrollbar is None:
            bar = ThumbBar(vertical=True, name="vertical", thickness=self.scrollbar_size_vertical)
            bar.display = False
            self._vertical_scrollbar = bar
            self.app._start_widget(self, bar)
        return self._vertical_scrollbar
