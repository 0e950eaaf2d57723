"""Where the cursor is: on an object, not on a line.

Until the user moves it, it rests on the first line, so that a table still loading does not run away. An object that
a filter hides is remembered and returned to; one that was deleted leaves the cursor on its neighbour.
"""

from __future__ import annotations

from k8sops.tui.row_view import RowView, row_key


class RowCursor:
    """The index of the selected line and the object that holds it there."""

    def __init__(self) -> None:
        self.index = 0
        self._key = ""
        self._hidden_key = ""

    def move_to(self, view: RowView, index: int) -> None:
        """Select a line, clamped to those shown."""
        self.index = max(0, min(index, len(view.shown) - 1))
        self._key = row_key(view.shown[self.index]) if view.shown else ""
        self._hidden_key = ""

    def hold(self, view: RowView) -> None:
        """Keep to the object that it rests on, as if it had been moved there."""
        if not self._key and not self._hidden_key:
            self.move_to(view, self.index)

    def expect_hiding(self) -> None:
        """The filter is about to change: remember the object in case it vanishes from sight."""
        self._hidden_key = self._hidden_key or self._key

    def seek(self, key: str) -> None:
        """Go to this object when it is shown; until then rest on the first line."""
        self.index, self._key, self._hidden_key = 0, "", key

    def follow(self, view: RowView) -> int:
        """Find the object again after the rows changed; returns by how many lines it moved."""
        before = self.index
        if self._hidden_key and (found := view.index_of(self._hidden_key, self.index)) is not None:
            self.index, self._key = found, self._hidden_key
        elif self._key and (found := view.index_of(self._key, self.index)) is not None:
            self.index = found
        elif self._hidden_key:
            self.index, self._key = 0, ""
        else:
            self.index = max(0, min(self.index, len(view.shown) - 1))
            self._key = row_key(view.shown[self.index]) if self._key and view.shown else ""
        return self.index - before
