"""Which of a table's columns are shown: the server's rule, what was chosen by hand, and what there is room for.

Spare columns give way, the greatest `Column.spare` first, while names would become unreadable beside them; what was
chosen by hand, or decides the order, never does. Columns only go while a table is shown, so that nothing jumps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from k8sops.core.tables import Column
from k8sops.tui.columns import ColumnWidths, ViewColumn, view_columns

COMFORT: Final = {"name": 26, "namespace": 14}


class ColumnChoice(msgspec.Struct, frozen=True):
    """What was chosen by hand for one kind, by title."""

    shown: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    def turned(self, title: str, *, is_shown: bool) -> ColumnChoice:
        """The same with one column shown that was not, or the other way round."""
        if is_shown:
            return ColumnChoice(self.shown - {title}, self.hidden | {title})
        return ColumnChoice(self.shown | {title}, self.hidden - {title})


class ColumnSet:
    """The columns of one table and those shown of them."""

    def __init__(self, columns: Sequence[Column] = (), *, with_namespace: bool = False) -> None:
        self.source: Final = tuple(columns)
        self.with_namespace: Final = with_namespace
        self.every: Final = view_columns(self.source, wide=True, with_namespace=with_namespace)
        self.wide = False
        self.choice = ColumnChoice()
        self._dropped = 0
        ranked = sorted((column for column in self.every if column.spare), key=lambda each: -each.spare)
        self._spare: Final = tuple(column.title for column in ranked)

    def shown(self, sorted_title: str = "") -> tuple[ViewColumn, ...]:
        """In the table's order."""
        kept = {*self.choice.shown, sorted_title}
        gone = {*self.choice.hidden, *(() if self.wide else self._spare[: self._dropped])} - kept
        return tuple(
            column
            for column in self.every
            if column.title in kept or (column.title not in gone and (self.wide or not column.is_wide))
        )

    def try_all(self) -> None:
        """There may be more room than before."""
        self._dropped = 0

    def give_way(self, widths: ColumnWidths, viewport: int) -> bool:
        """Let one spare column go where there is no room for all; False where none had to, or none is left."""
        if self.wide or self._dropped >= len(self._spare) or widths.needed(COMFORT) <= viewport:
            return False
        self._dropped += 1
        return True
