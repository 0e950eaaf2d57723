"""Facts below each other, under headings, scrolled by the keys of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from k8sops.core.overview import Fact
from k8sops.tui.overview.words import fact_lines


class FactsView(VerticalScroll, can_focus=True):
    """The facts, scrolled by the keys of the tables."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="facts.down"),
        Binding("k", "scroll_up", "Up", show=False, id="facts.up"),
        Binding("g", "scroll_home", "Top", show=False, id="facts.top"),
        Binding("G", "scroll_end", "End", show=False, id="facts.end"),
        Binding("ctrl+f,space", "page_down", "Page down", show=False, id="facts.page_down"),
        Binding("ctrl+b", "page_up", "Page up", show=False, id="facts.page_up"),
    ]

    DEFAULT_CSS = """
    FactsView { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    FactsView > Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(id="facts")

    def show(self, sections: Sequence[tuple[str, Sequence[Fact]]], now: datetime) -> None:
        """Show these, broken to the page's width."""
        lines = fact_lines(sections, self.scrollable_content_region.width, now)
        self.query_one("#facts", Static).update(Content("\n").join(lines))
