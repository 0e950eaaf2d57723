"""A table for a phone: at most fifteen rows in a block of even letters, with ways to share it and to have all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from k8sops.core.text import printable
from k8sops_slack.blocks.building import Block, actions, button, context, section
from k8sops_slack.blocks.limits import BUTTON_VALUE, size
from k8sops_slack.blocks.markup import Mrkdwn, bold, escaped, fenced, joined, short, written
from k8sops_slack.blocks.sending import Message, message

ROWS: Final = 15
CELL: Final = 40
WIDTH: Final = 72
LEAST: Final = 12
"""Of a column that is cut."""
NAME: Final = 28
NAME_END: Final = 6
"""Of a pod's name what tells it from its siblings."""
GUTTER: Final = "  "
SHARE: Final = "read.share"
FULL: Final = "read.full"

Cells = Sequence[str]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Rows under headings, however they are shown."""

    title: str
    heads: Cells
    rows: Sequence[Cells]
    note: str = ""
    nothing: str = "There is nothing."
    named: int = -1
    """The column of names, whose middle gives way before the last column does; none by default."""

    def message(self, line: str) -> Message:
        """The first rows. `line` is what was typed for it."""
        return table_message(
            self.title,
            self.heads,
            self.rows,
            line=line,
            note=self.note,
            nothing=self.nothing,
            named=self.named,
        )

    def text(self) -> str:
        """All of it, as a file."""
        return full_list(self.heads, self.rows)


def table_message(
    title: str,
    heads: Cells,
    rows: Sequence[Cells],
    *,
    line: str,
    note: str = "",
    nothing: str = "There is nothing.",
    named: int = -1,
) -> Message:
    """Rows in the order given. `line` is what was typed, which the buttons carry: it is read again when pressed."""
    if not rows:
        return message(joined(" ", [bold(escaped(title, 150)), escaped(nothing, 300)]))
    shown = rows[:ROWS]
    more = f"{len(shown)} of {len(rows)}" if len(rows) > ROWS else f"{len(rows)}"
    head = joined(" ", [bold(escaped(title, 150)), written(f"({more})")])
    told: list[Block] = [section(head), section(fenced(aligned(heads, shown, named)))]
    if note:
        told.append(context(escaped(note, 300)))
    return message(head, [*told, *actions(_buttons(line, full=len(rows) > ROWS))])


def shared(found: Message, who: Mrkdwn) -> Message:
    """The same for everybody: said by whom, with nothing to press."""
    said = context(joined(" ", [written("shared by"), who]))
    kept = [block for block in found.blocks if block["type"] != "actions"]
    return message(found.text, [*kept, said])


def full_list(heads: Cells, rows: Sequence[Cells]) -> str:
    """All rows with all of every cell, as the text of a file."""
    return "\n".join(_lines([[printable(one) for one in row] for row in (heads, *rows)])) + "\n"


def aligned(heads: Cells, rows: Sequence[Cells], named: int = -1) -> list[str]:
    """Lines whose columns stand below each other; the last gives way first, as far as it still says something.

    Before it does so the column of names, `named`, as far as names can still be told apart.
    """
    ends = [NAME_END if column == named else 0 for column in range(len(heads))]
    cells = [
        [_cut(printable(one), CELL, end) for one, end in zip(row, ends, strict=False)]
        for row in (heads, *rows)
    ]
    widths = _widths(cells)
    over = _total(widths) - WIDTH
    if named >= 0 and over > 0:
        widths[named] = max(min(NAME, widths[named]), widths[named] - over)
    widths = _fitted(widths, WIDTH)
    return _lines(
        [[_cut(one, wide, end) for one, wide, end in zip(row, widths, ends, strict=False)] for row in cells]
    )


def _lines(cells: Sequence[Cells]) -> list[str]:
    widths = _widths(cells)
    return [
        GUTTER.join(one.ljust(wide) for one, wide in zip(row, widths, strict=False)).rstrip() for row in cells
    ]


def _widths(cells: Sequence[Cells]) -> list[int]:
    return [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GUTTER) * (len(widths) - 1)


def _fitted(widths: list[int], width: int) -> list[int]:
    """The widths of the columns that fit: the last is cut to what is left, or left out where that is too little."""
    while len(widths) > 1 and (over := _total(widths) - width) > 0:
        left = widths.pop() - over
        if left >= LEAST:
            return [*widths, left]
    return widths


def _cut(text: str, most: int, end: int) -> str:
    """Cut visibly: at its end, or before so much of its end as is kept."""
    if not end or len(text) <= most:
        return short(text, most)
    return f"{text[: most - end - 1]}…{text[-end:]}"


def _buttons(line: str, *, full: bool) -> list[Block]:
    if not line or size(line) > BUTTON_VALUE:
        return []
    found = [button("Share", SHARE, line)]
    return [*found, button("Full list", FULL, line)] if full else found
