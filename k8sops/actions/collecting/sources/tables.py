"""Tables that are read as text: rows below each other, nothing in them that could drive a terminal or break a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from k8sops.core.clock import rfc3339
from k8sops.core.logs import moment_of
from k8sops.core.tables import Table
from k8sops.core.text import printable

LONGEST_CELL: Final = 500
_GUTTER: Final = "   "


def table_text(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Titles and rows, aligned; `(none)` where there are no rows."""
    if not rows:
        return f"{_GUTTER.join(titles)}\n(none)\n"
    lines = [list(titles), *([cell(one) for one in row] for row in rows)]
    last = len(titles) - 1
    widths = [0 if at == last else max(len(line[at]) for line in lines) for at in range(len(titles))]
    padded = (
        _GUTTER.join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines
    )
    return "".join(f"{line.rstrip()}\n" for line in padded)


def cell(value: object) -> str:
    """A cell: one line, not endless, `-` for nothing."""
    text = " ".join(str(value).split())
    text = text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
    return printable(text) or "-"


def stamp(at_ns: int) -> str:
    """A moment in UTC, to the millisecond; `-` for none."""
    return rfc3339(moment_of(at_ns)) if at_ns else "-"


def printed(table: Table) -> str:
    """A table as the server prints it, all its columns, the namespace first where the kind has one."""
    titles = [column.name.upper() for column in table.columns]
    rows = [list(row.cells) for row in table.rows]
    if table.namespaced:
        titles.insert(0, "NAMESPACE")
        for row, found in zip(rows, table.rows, strict=True):
            row.insert(0, found.namespace)
    return table_text(titles, rows)
