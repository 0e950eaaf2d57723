"""The tiles of an overview, a line each, with a cursor of their own while they have the focus."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from k8sops.core.overview import Tile
from k8sops.tui.overview.words import tile_line
from k8sops.tui.row_painter import CURSOR_MARK


class Tiles(Static, can_focus=True):
    """The tiles; Enter opens what one rests on, and below the last one the table begins."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="tiles.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="tiles.down"),
        Binding("home,g", "move(-99)", "First", show=False, id="tiles.first"),
        Binding("end,G", "leave", "Last", show=False, id="tiles.last"),
    ]
    DEFAULT_CSS = "Tiles { height: auto; padding: 0 1 0 0; }"

    class Opened(Message):
        """A tile was chosen."""

        def __init__(self, tile: Tile) -> None:
            super().__init__()
            self.tile = tile

    class Left(Message):
        """The cursor went on below the last tile."""

    _tiles: tuple[Tile, ...] = ()
    _at = 0

    @property
    def selected(self) -> Tile | None:
        """The tile under the cursor."""
        return self._tiles[self._at] if self._tiles else None

    def show(self, tiles: tuple[Tile, ...]) -> None:
        """Show these."""
        if tiles != self._tiles:
            self._tiles = tiles
            self._at = min(self._at, max(0, len(tiles) - 1))
            self._draw()

    def enter_from_below(self) -> None:
        """Take the focus, the cursor on the last tile."""
        self._at = max(0, len(self._tiles) - 1)
        self.focus()

    def action_move(self, step: int) -> None:
        """Go from tile to tile."""
        if self._at + step >= len(self._tiles):
            self.action_leave()
            return
        self._at = max(0, self._at + step)
        self._draw()

    def action_leave(self) -> None:
        """Go on to what is below."""
        self.post_message(self.Left())

    def on_click(self, event: events.Click) -> None:
        """Choose a tile, open it by a second click."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self._tiles):
            self._at = offset.y
            self._draw()
            if event.chain == 2:
                self.post_message(self.Opened(self._tiles[self._at]))

    def on_focus(self) -> None:
        """Show the cursor."""
        self._draw()

    def on_blur(self) -> None:
        """Hide it."""
        self._draw()

    def on_resize(self) -> None:
        """Cut the lines anew."""
        self._draw()

    def _draw(self) -> None:
        width = (self.size.width or 79) - 1
        lines = []
        for place, tile in enumerate(self._tiles):
            is_here = self.has_focus and place == self._at
            line = Content.assemble((CURSOR_MARK if is_here else " ", "$text-accent"), tile_line(tile, width))
            lines.append(line.stylize("reverse", 1) if is_here else line)
        self.update(Content("\n").join(lines))
