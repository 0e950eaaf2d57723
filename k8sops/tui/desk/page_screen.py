"""A screen of the desk that is a page: lines to read and scroll."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from textual.widget import Widget

from k8sops.tui.desk.screen import DeskScreen
from k8sops.tui.running.lines_view import Line, LinesView

_NAME_CELLS: Final = 10


class PageScreen(DeskScreen):
    """Lines; `lines` makes them of what was read."""

    def body(self) -> Iterator[Widget]:
        """The page."""
        yield LinesView(id="page")

    def on_mount(self) -> None:
        """The keys scroll it."""
        self.query_one("#page", LinesView).focus()

    def lines(self, found: Any) -> Sequence[Line]:
        """The page, of what was read."""
        raise NotImplementedError

    def show(self, found: Any) -> None:
        """Replace the page, keeping the place."""
        self.query_one("#page", LinesView).show(list(self.lines(found)))


def fact(name: str, text: str) -> Line:
    """A name and what is so."""
    return Line(f"  {name:<{_NAME_CELLS}} {text}", "muted", _NAME_CELLS + 3, _NAME_CELLS + 3)


def heading(text: str) -> Line:
    """What comes below."""
    return Line(text, "heading")
