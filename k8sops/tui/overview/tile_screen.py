"""What one tile of the overview rests on, kept true while it is open."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from k8sops.core.clock import Clock
from k8sops.core.overview import Tile
from k8sops.core.tables import TableQuery
from k8sops.core.text import printable
from k8sops.tui.key_line import KeyLine
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.overview.facts_view import FactsView
from k8sops.tui.overview.words import GLYPHS, STYLES
from k8sops.tui.session import Session
from k8sops.tui.status import ClusterLine, SaidLine


class TileScreen(LeftOnce[None]):
    """A tile's sentence whole, and its facts."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "Back", key_display="esc", id="tile.back"),
    ]
    DEFAULT_CSS = """
    TileScreen > #title { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
    TileScreen > #why { height: auto; max-height: 8; padding: 1 1 0 1; text-style: bold; }
    TileScreen > Footer { height: 1; }
    """

    def __init__(self, connection: Session, clock: Clock, tile: Tile) -> None:
        super().__init__()
        self._connection = connection
        self._clock = clock
        self.tile = tile

    @property
    def connection(self) -> Session:
        """The connection that everything goes through."""
        return self._connection

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield SaidLine(id="title")
        yield Static(id="why")
        yield FactsView()
        yield KeyLine()

    def on_mount(self) -> None:
        """Show what is known."""
        self.query_one(FactsView).focus()
        if self._connection.connected:
            self.query_one(ClusterLine).tell(self._connection.ops.cluster_info, TableQuery(kind="overview"))
        self.query_one("#title", SaidLine).say(f"overview › {self.tile.name}")
        self.show(self.tile)

    def on_resize(self) -> None:
        """Break the lines anew."""
        self.show(self.tile)

    def show(self, tile: Tile) -> None:
        """Show what is new of it."""
        self.tile = tile
        if not self.is_mounted:
            return
        text = printable(tile.text) or "loading …"
        glyph = (f"{GLYPHS[tile.gauge]} ", STYLES[tile.gauge])
        self.query_one("#why", Static).update(Content.assemble(glyph, text))
        self.query_one(FactsView).show(tile.facts, self._clock.now())

    def action_back(self) -> None:
        """Return to the overview."""
        self.dismiss()
