"""Tables as aligned text, with kubectl's columns, headings and three-space gutter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from k8sops.core.tables import Column, LiveRows, Row, Table
from k8sops.core.text import printable

GUTTER: Final = "   "


def table_lines(table: Table, *, wide: bool, namespaces: bool) -> list[str]:
    """Heading and rows; `namespaces` adds the first column where the kind is namespaced."""
    shown = _shown_columns(table.columns, wide=wide)
    with_namespace = namespaces and table.namespaced
    lines = [_heading(table.columns, shown, with_namespace)]
    lines.extend(_cells(row, shown, with_namespace) for row in table.rows)
    return _aligned(lines)


class RowPrinter:
    """Rows that changed since the last look, aligned with the widths seen so far."""

    def __init__(self, *, wide: bool, namespaces: bool) -> None:
        self._wide = wide
        self._namespaces = namespaces
        self._seen: dict[str, Row] = {}
        self._widths: list[int] = []

    def changed(self, live: LiveRows, *, headers: bool) -> Iterator[str]:
        """Lines for new and changed rows; the heading comes once, before the first."""
        fresh = [row for row in live.rows if self._seen.get(row.uid) is not row]
        if not fresh:
            return
        shown = _shown_columns(live.columns, wide=self._wide)
        with_namespace = self._namespaces and any(row.namespace for row in fresh)
        lines = [_cells(row, shown, with_namespace) for row in fresh if not self._same(row)]
        if not self._seen and headers:
            lines.insert(0, _heading(live.columns, shown, with_namespace))
        self._seen.update((row.uid, row) for row in fresh)
        for line in lines:
            self._widths = _wider(self._widths, line)
        for line in lines:
            yield _joined(line, self._widths)

    def _same(self, row: Row) -> bool:
        before = self._seen.get(row.uid)
        return before is not None and before.cells == row.cells


def _shown_columns(columns: Sequence[Column], *, wide: bool) -> list[int]:
    return [number for number, column in enumerate(columns) if wide or column.priority == 0]


def _heading(columns: Sequence[Column], shown: Sequence[int], with_namespace: bool) -> list[str]:
    names = [columns[number].name.upper() for number in shown]
    return ["NAMESPACE", *names] if with_namespace else names


def _cells(row: Row, shown: Sequence[int], with_namespace: bool) -> list[str]:
    cells = [printable(row.cells[number]) or "<none>" for number in shown]
    return [printable(row.namespace), *cells] if with_namespace else cells


def _wider(widths: list[int], line: Sequence[str]) -> list[int]:
    padded = widths + [0] * (len(line) - len(widths))
    return [max(width, len(cell)) for width, cell in zip(padded, line, strict=True)]


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths: list[int] = []
    for line in lines:
        widths = _wider(widths, line)
    return [_joined(line, widths) for line in lines]


def _joined(line: Sequence[str], widths: Sequence[int]) -> str:
    return GUTTER.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
