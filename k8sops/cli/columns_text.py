"""Columns as wide as what is in them; at a terminal the last one ends where the line does."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from k8sops.cli.console import paint
from k8sops.core.text import printable

GUTTER: Final = "  "
LEAST_LAST: Final = 20


def aligned(rows: Sequence[Sequence[str]], *, styles: Sequence[str] = (), styled: int = -1) -> Iterator[str]:
    """Rows, heading first; `styles` colours the column `styled` of the rows below it."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    room = _room(sum(widths[:-1]) + len(GUTTER) * (len(widths) - 1))
    for number, row in enumerate(cells):
        padded = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        if styled >= 0 and number > 0:
            padded[styled] = paint(padded[styled], styles[number - 1], sys.stdout)
        yield GUTTER.join([*padded, _cut(row[-1], room)]).rstrip()


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in its greatest unit, as kubectl writes it."""
    if since is None:
        return "-"
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _room(taken: int) -> int:
    if not sys.stdout.isatty():
        return 0
    return max(LEAST_LAST, shutil.get_terminal_size().columns - taken)


def _cut(text: str, room: int) -> str:
    return text if not room or len(text) <= room else f"{text[: room - 1]}…"
