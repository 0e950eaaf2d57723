"""Which rows a table shows and in what order: filter and sort over rows that stay where they are.

Rows are never copied: without filter and order the source sequence itself is shown. What a row is worth for sorting
and searching is kept as long as the row object stays the same, so an update costs only the rows it changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from k8sops.core.tables import Row
from k8sops.tui.columns import TROUBLE, ViewColumn, cell_severity, raw_cell
from k8sops.tui.printed_ages import printed_age
from k8sops.tui.row_filter import RowFilter
from k8sops.tui.search_texts import SearchTexts
from k8sops.tui.sort_keys import SortKey, natural, sort_key

_NUMBER = 0
_NOTHING: SortKey = (_NUMBER, (), "")


def row_key(row: Row) -> str:
    """What identifies a row for the life of the object; kinds without stored objects (metrics) have no uid."""
    return row.uid or f"{row.namespace}/{row.name}"


class RowView:
    """The rows shown, after filter and order."""

    def __init__(self) -> None:
        self.shown: Sequence[Row] = ()
        self.filter = RowFilter("")
        self.sort_column: ViewColumn | None = None
        self.reverse = False
        self.unsearched_cell: int | None = None
        """Index of a cell the filter must not look at: the age as printed at listing time."""
        self.owner = ""
        """Uid of the object that must own what is shown; empty: no condition."""
        self.faults_only = False
        self.judged: tuple[ViewColumn, ...] = ()
        """The columns that tell whether a row is in trouble."""
        self._folded, self._written = SearchTexts(fold=True), SearchTexts(fold=False)
        # Each pair maps a row's key to the row object an entry was made from, and to the entry. Two dictionaries
        # rather than one of pairs: tens of thousands of small tuples would keep the garbage collector busy.
        self._keys_of: dict[str, Row] = {}
        self._keys: dict[str, SortKey | None] = {}
        self._keys_column: ViewColumn | None = None
        self._faults_of: dict[str, Row] = {}
        self._faults: dict[str, bool] = {}
        self._faults_judged: tuple[ViewColumn, ...] = ()

    def refresh(self, source: Sequence[Row]) -> None:
        """Show `source` through the present conditions, filter and order."""
        if self.owner:
            source = [row for row in source if any(owner.uid == self.owner for owner in row.owners)]
        if self.faults_only:
            source = self._faulty(source)
        self.shown = self._ordered(self.filter.select(source, lambda fold: self._texts(source, fold)))

    def learn(self, rows: Sequence[Row], at_once: int) -> Iterator[None]:
        """Make ready what a filter looks at, so many rows a step; in lower case, as most are typed."""
        return self._folded.learn(rows, self.unsearched_cell, at_once)

    def index_of(self, key: str, hint: int) -> int | None:
        """Where a row stands now; `hint`, its last place, is tried first."""
        shown = self.shown
        if 0 <= hint < len(shown) and row_key(shown[hint]) == key:
            return hint
        return next((index for index, row in enumerate(shown) if row_key(row) == key), None)

    def _faulty(self, source: Sequence[Row]) -> Sequence[Row]:
        if self.judged != self._faults_judged or len(self._faults) > 2 * len(source) + 1000:
            self._faults_of, self._faults, self._faults_judged = {}, {}, self.judged
        made_of, faults = self._faults_of, self._faults
        for row in source:
            key = row_key(row)
            if made_of.get(key) is not row:
                made_of[key] = row
                faults[key] = any(cell_severity(row, column) in TROUBLE for column in self.judged)
        return [row for row in source if faults[row_key(row)]]

    def _texts(self, rows: Sequence[Row], fold: bool) -> list[str]:
        return (self._folded if fold else self._written).of(rows, self.unsearched_cell)

    def _ordered(self, rows: Sequence[Row]) -> Sequence[Row]:
        column = self.sort_column
        if column is None:
            return rows[::-1] if self.reverse else rows
        if column != self._keys_column or len(self._keys) > 2 * len(rows) + 1000:
            self._keys_of, self._keys, self._keys_column = {}, {}, column
        made_of, keys = self._keys_of, self._keys
        for row in rows:
            key = row.uid or row_key(row)
            if made_of.get(key) is not row:
                made_of[key] = row
                keys[key] = _value(row, column)
        with_value = [row for row in rows if keys[row.uid or row_key(row)] is not None]
        with_value.sort(key=lambda row: keys[row.uid or row_key(row)] or _NOTHING, reverse=self.reverse)
        if len(with_value) == len(rows):
            return with_value
        return with_value + [row for row in rows if keys[row.uid or row_key(row)] is None]


def _value(row: Row, column: ViewColumn) -> SortKey | None:
    if column.role == "age" and row.created is not None:
        return (_NUMBER, (-row.created.timestamp(),), "")
    text = raw_cell(row, column)
    if column.counts_on and row.read_at is not None and (printed := printed_age(text)) is not None:
        # Printed once: `3s` of an hour ago is older than the `2m` that has come just now.
        at = row.read_at.timestamp() - printed.seconds
        # Of equal restart counts, the more recent is the greater trouble.
        return (_NUMBER, (float(printed.times), at) if printed.times else (-at,), "")
    if column.role in ("name", "namespace"):
        return (2, (), natural(text))
    return sort_key(text, holds_durations=column.holds_durations)
