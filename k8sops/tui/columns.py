"""Which columns a table shows, what stands in each cell, and how wide each is.

Columns are the server's; the one added here is NAMESPACE. Ages count on by our own clock, AGE from `created` and others
from when they were read, since a printed age is frozen at the time of listing. Widths only grow while a table is
shown, so that nothing jumps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from rich.cells import cell_len

from k8sops.core.durations import age
from k8sops.core.severity import GLYPHS, Severity, is_incomplete, severity_of
from k8sops.core.tables import Column, Row
from k8sops.core.text import printable
from k8sops.tui.printed_ages import counted_on, printed_age

Role = Literal["plain", "name", "namespace", "age", "status", "ready", "count"]
JUDGED: frozenset[Role] = frozenset({"status", "ready", "count"})
"""The columns that tell whether a row is in trouble."""
_COUNTS: frozenset[Role] = JUDGED - {"status"}
TROUBLE = frozenset({Severity.WARN, Severity.BAD})

WIDEST = 64
WIDEST_LAST = 200
_LAST_COMFORT = 30
# An age grows by itself: room for the longest common one, as in 7d23h, from the start.
_LEAST = {"age": 5}
_SAMPLE = 100
NARROWEST = {"name": 18, "namespace": 9}
GAP = 2

_STATUS_TITLES = frozenset({"status", "phase", "state", "health"})
_DURATION_TITLES = frozenset({"age", "duration", "last schedule", "last seen", "first seen"})
# Each of them says how long ago something was; a DURATION ends.
_COUNTING_TITLES = frozenset({"age", "restarts", "last schedule", "last seen", "first seen"})
_NUMBERS = frozenset({"integer", "number"})
_NUMBER_TITLES = frozenset({"up-to-date", "available", "desired", "current"})
_COUNTED_TITLES = frozenset({"up-to-date", "available"})
LAST_SEEN = "LAST SEEN"
_NAMESPACE_SOURCE = -1


class ViewColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column as shown; `source` is its index in `Row.cells`, -1 for the namespace."""

    title: str
    source: int
    role: Role = "plain"
    holds_durations: bool = False
    counts_on: bool = False
    """Whether its cells say how long ago something was, which grows while the row stays the same."""
    ready_source: int = -1
    """Index of the READY cell that says whether a good status is the whole truth; -1 where there is none."""
    wanted_source: int = -1
    """Index of the DESIRED cell that says how many there should be; where there is none, READY may say it."""
    status_source: int = -1
    """Index of the cell whose word and glyph judge the whole row; -1 where no such column is shown."""
    is_wide: bool = False
    """Shown in wide output only."""
    spare: int = 0
    """As `Column.spare`."""
    is_number: bool = False
    """Numbers stand at the right, so that their digits stand under each other."""


def view_columns(columns: Sequence[Column], *, wide: bool, with_namespace: bool) -> tuple[ViewColumn, ...]:
    """The columns to show: priority 0, with `wide` all; NAMESPACE first where asked for."""
    is_events = _are_of_events(columns)
    ready, wanted = _index_of("ready", columns), _index_of("desired", columns)
    status = next((i for i, one in enumerate(columns) if one.priority == 0 and _judges(one)), -1)
    shown = [
        ViewColumn(
            title=printable(column.name).upper(),
            source=index,
            role=_role(column, is_events=is_events),
            holds_durations=column.name.lower() in _DURATION_TITLES or column.type == "date",
            counts_on=column.name.lower() in _COUNTING_TITLES or column.type == "date",
            ready_source=ready,
            wanted_source=wanted,
            status_source=status,
            is_wide=column.priority > 0,
            spare=column.spare,
            is_number=_is_number(column),
        )
        for index, column in enumerate(columns)
        if wide or column.priority == 0
    ]
    if with_namespace:
        shown.insert(0, ViewColumn(title="NAMESPACE", source=_NAMESPACE_SOURCE, role="namespace"))
    return tuple(shown)


def first_order(columns: Sequence[Column]) -> str:
    """The column a table is ordered by until told otherwise: of events the newest first; empty: as it comes."""
    return LAST_SEEN if _are_of_events(columns) else ""


def raw_cell(row: Row, column: ViewColumn) -> str:
    """A cell as the server printed it; empty where a row is shorter than its header."""
    if column.source == _NAMESPACE_SOURCE:
        return row.namespace
    return row.cells[column.source] if column.source < len(row.cells) else ""


def shown_cell(row: Row, column: ViewColumn, now: datetime) -> str:
    """A cell as it is drawn, without style: safe for a terminal, in one line, an age counted to `now`."""
    if column.role == "age" and row.created is not None:
        return age(row.created, now)
    text = printable(raw_cell(row, column))
    if column.counts_on and row.read_at is not None:
        return counted_on(text, row.read_at, now)
    if column.role == "status":
        return f"{GLYPHS[cell_severity(row, column)]} {text}"
    if column.role in _COUNTS and (sign := _sign(row, column)):
        return f"{sign} {text}" if column.is_number else f"{text} {sign}"
    if column.role == "name" and row.deleting and "Terminating" not in row.cells:
        return f"{text} (deleting)"
    return text


def holds_age(row: Row, column: ViewColumn) -> bool:
    """Whether a cell reads differently later though its row stays the same."""
    if column.role == "age" and row.created is not None:
        return True
    return column.counts_on and row.read_at is not None and printed_age(raw_cell(row, column)) is not None


def without_ago(text: str) -> str:
    """A counting cell as it is drawn where there is no room for how long ago it was: `3` of `3 (5m ago)`."""
    return text.rpartition(" (")[0] if text.endswith(" ago)") else text


def cell_severity(row: Row, column: ViewColumn) -> Severity:
    """How a cell is to be judged, in the light of its row: what runs without being ready is not well."""
    if column.role == "status":
        severity = severity_of(raw_cell(row, column))
        lacking = (
            severity is Severity.OK and column.ready_source >= 0 and column.ready_source < len(row.cells)
        )
        return Severity.WARN if lacking and is_incomplete(row.cells[column.ready_source]) else severity
    if _is_short(row, column):
        return Severity.WARN
    if column.role == "ready":
        text = raw_cell(row, column)
        if is_incomplete(text):
            # A finished pod is 0/1 ready and in no trouble.
            finished = any(severity_of(cell) is Severity.DONE for cell in row.cells)
            return Severity.NEUTRAL if finished else Severity.WARN
        return {"True": Severity.OK, "False": Severity.BAD}.get(text, Severity.NEUTRAL)
    return Severity.NEUTRAL


def _sign(row: Row, column: ViewColumn) -> str:
    """What stands beside a count that lacks something, unless the row's status has a sign for it; else nothing."""
    severity = cell_severity(row, column)
    if severity not in TROUBLE:
        return ""
    status = (
        severity_of(row.cells[column.status_source]) if 0 <= column.status_source < len(row.cells) else None
    )
    said = status is not None and status not in {Severity.NEUTRAL, Severity.OK}
    # What runs without being ready has its sign there.
    said |= status is Severity.OK and is_incomplete(raw_cell(row, column))
    return "" if said else GLYPHS[severity]


def _is_short(row: Row, column: ViewColumn) -> bool:
    """Whether a number of replicas is below the wanted one: a rollout under way, or stuck."""
    count = raw_cell(row, column)
    if column.role not in _COUNTS or not count.isdecimal():
        return False
    source = column.wanted_source if column.wanted_source >= 0 else column.ready_source
    wanted = row.cells[source].rpartition("/")[2] if 0 <= source < len(row.cells) else ""
    return wanted.isdecimal() and int(count) < int(wanted)


def width_of(text: str) -> int:
    """Terminal cells a text takes; East Asian wide characters take two."""
    return len(text) if text.isascii() else cell_len(text)


class ColumnWidths:
    """The natural widths of the shown columns, growing as longer cells come into sight."""

    def __init__(self, columns: Sequence[ViewColumn]) -> None:
        self._columns = columns
        self._counting = tuple(index for index, column in enumerate(columns) if column.counts_on)
        self._natural = [max(width_of(column.title), _LEAST.get(column.role, 0)) for column in columns]
        self._caps = [WIDEST] * len(columns)
        if columns:
            self._caps[-1] = WIDEST_LAST
        self._without_ago = list(self._natural)
        """As wide as each is where no cell of it says how long ago."""
        self._sampled = 0
        self._measured: Sequence[Row] = ()
        self._measured_at: datetime | None = None

    def settle(self, rows: Sequence[Row], in_sight: Sequence[Row], now: datetime) -> bool:
        """Take the rows in sight into account, and a spread of all where these have become many more."""
        known = {id(row) for row in self._measured}
        grown = self.grow_to((row for row in in_sight if id(row) not in known), now)
        if now != self._measured_at:
            grown |= self._grow(in_sight, self._counting, now)
        self._measured, self._measured_at = in_sight, now
        if len(rows) > 2 * self._sampled:
            # So that scrolling seldom finds a wider one.
            self._sampled = len(rows)
            grown |= self.grow_to(rows[:: max(1, self._sampled // _SAMPLE)], now)
        return grown

    def grow_to(self, rows: Iterable[Row], now: datetime) -> bool:
        """Take these rows into account; True if any column became wider."""
        return self._grow(rows, range(len(self._columns)), now)

    def needed(self, comfort: Mapping[str, int]) -> int:
        """Cells that all columns take, these roles and the last column with as many as are comfortable."""
        widths = [
            min(width, comfort.get(column.role, width))
            for width, column in zip(self._natural, self._columns, strict=True)
        ]
        if widths:
            widths[-1] = min(widths[-1], _LAST_COMFORT)
        return sum(widths) + GAP * max(0, len(widths) - 1)

    def fitted(self, viewport: int, *, shrink: bool) -> tuple[int, ...]:
        """Widths for a viewport; with `shrink` what is said in brackets of how long ago gives way, then the name and
        the namespace, until all columns fit, or both are at their narrowest. What still does not fit is reached by
        scrolling.
        """
        widths = list(self._natural)
        if not shrink or not widths:
            return tuple(widths)
        excess = sum(widths) + GAP * (len(widths) - 1) - viewport
        for index, least in enumerate(self._without_ago):
            if excess > 0:
                excess -= widths[index] - least
                widths[index] = least
        for role in ("name", "namespace"):
            for index, column in enumerate(self._columns):
                if column.role == role and excess > 0:
                    given = min(excess, max(0, widths[index] - NARROWEST[role]))
                    widths[index] -= given
                    excess -= given
        return tuple(widths)

    def _grow(self, rows: Iterable[Row], places: Sequence[int], now: datetime) -> bool:
        before = list(self._natural)
        for row in rows:
            for index in places:
                column = self._columns[index]
                text = shown_cell(row, column, now)
                self._widen(self._natural, index, width_of(text))
                if column.counts_on:
                    text = without_ago(text)
                self._widen(self._without_ago, index, width_of(text))
        return self._natural != before

    def _widen(self, widths: list[int], index: int, width: int) -> None:
        if width > widths[index]:
            widths[index] = min(width, max(self._caps[index], widths[index]))


def _are_of_events(columns: Sequence[Column]) -> bool:
    return {"last seen", "reason"} <= {column.name.lower() for column in columns}


def _index_of(name: str, columns: Sequence[Column]) -> int:
    return next((index for index, column in enumerate(columns) if column.name.lower() == name), -1)


def _judges(column: Column) -> bool:
    return column.name.lower() in _STATUS_TITLES


def _is_number(column: Column) -> bool:
    title = column.name.lower()
    # Of pods it says `6 (3m ago)`: one and the same column stands alike in every table.
    return title != "restarts" and (column.type in _NUMBERS or title in _NUMBER_TITLES)


def _role(column: Column, *, is_events: bool) -> Role:
    title = column.name.lower()
    if title == "name":
        return "name"
    if title == "age":
        return "age"
    if title == "ready":
        return "ready"
    if _judges(column) or (is_events and title == "type"):
        return "status"
    return "count" if title in _COUNTED_TITLES else "plain"
