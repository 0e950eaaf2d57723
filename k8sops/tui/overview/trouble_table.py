"""A table that says when its cursor moves, so that what it stands on can be told in a whole sentence."""

from __future__ import annotations

from textual.message import Message

from k8sops.tui.live_table import LiveTable


class TroubleTable(LiveTable):
    """Says when the cursor stands on another row, or goes on above the first."""

    class Moved(Message):
        """The cursor moved."""

    class Above(Message):
        """The cursor went on above the first row."""

    def action_cursor(self, lines: int) -> None:
        """Move the cursor by lines; above the first row are the tiles."""
        if lines < 0 and (not self.shown or self.selected_row is self.shown[0]):
            self.post_message(self.Above())
        else:
            super().action_cursor(lines)

    def _select(self, index: int) -> None:
        super()._select(index)
        self.post_message(self.Moved())
