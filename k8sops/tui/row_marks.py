"""Which objects are marked: by identity, so that a mark never passes to another object of the same name.

A mark outlives a filter that hides its row, and ends with the object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from k8sops.core.tables import Row
from k8sops.tui.row_view import row_key


class RowMarks:
    """The marked objects, and the row a range begins at."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._anchor = ""

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, row: Row) -> bool:
        return bool(self._keys) and row_key(row) in self._keys

    def toggle(self, row: Row) -> None:
        """Mark a row, or take its mark away; a range may begin here."""
        self._anchor = row_key(row)
        self._keys ^= {self._anchor}

    def mark_to(self, shown: Sequence[Row], index: int) -> None:
        """Mark every row from the one last marked to this one; where that is not shown, only this one."""
        keys = [row_key(row) for row in shown]
        start = keys.index(self._anchor) if self._anchor in keys else index
        self._keys |= set(keys[min(start, index) : max(start, index) + 1])
        self._anchor = keys[index]

    def clear(self) -> None:
        """Forget all."""
        self._keys, self._anchor = set(), ""

    def among(self, rows: Iterable[Row]) -> tuple[Row, ...]:
        """The marked ones of these rows, in their order."""
        return tuple(row for row in rows if row in self) if self._keys else ()

    def prune(self, rows: Iterable[Row]) -> None:
        """Forget objects that are no longer among these rows."""
        if self._keys:
            self._keys &= {row_key(row) for row in rows}
