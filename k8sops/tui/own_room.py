"""Scrolled widgets whose place on the screen does not depend on what they hold.

To Textual a widget that holds more or less is a reason to lay the whole screen out anew and to draw all of it, which
on a full screen is most of what a keystroke costs. Where the place is fixed only the scrollbar has to know.
"""

from __future__ import annotations

from textual.geometry import Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView


class OwnRoom(ScrollView):
    """To be inherited where width and height are given by the layout, never by the content."""

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    def watch_virtual_size(self, size: Size) -> None:
        """Let the scrollbar follow; only one that appears or vanishes changes the layout."""
        self._scroll_update(size)
