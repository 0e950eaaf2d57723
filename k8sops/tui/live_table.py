"""The table people use: keys and mouse over the virtual table of `row_table`.

Each key moves the cursor, the order, the marks or what is shown; none touches the cluster.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from k8sops.core.tables import Row
from k8sops.tui.row_table import HEADER, RowTable
from k8sops.tui.table_keys import GREATEST_FIRST, TABLE_BINDINGS, sorted_title

_SIDE_STEP = 12


class LiveTable(RowTable):
    """A table with its keys."""

    BINDINGS: ClassVar[list[BindingType]] = TABLE_BINDINGS

    class Opened(Message):
        """A row was chosen with Enter or a double click."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    def action_cursor(self, lines: int) -> None:
        """Move the cursor by lines."""
        self._select(self._cursor.index + lines)

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self._select(self._cursor.index + pages * self._page)

    def action_first(self) -> None:
        """Go to the first row."""
        self._select(0)

    def action_last(self) -> None:
        """Go to the last row."""
        self._select(len(self._view.shown) - 1)

    def action_side(self, direction: int) -> None:
        """Scroll sideways."""
        x = self.scroll_offset.x + direction * _SIDE_STEP
        self.scroll_to(x=x, animate=False, force=True, immediate=True)

    def action_wide(self) -> None:
        """Show the columns of wide output as well, or hide them again."""
        self.wide = not self.wide

    def action_sort_step(self, step: int) -> None:
        """Order by the next column; before the first and after the last comes the server's own order."""
        titles = ["", *(column.title for column in self._columns)]
        self.sort_by(titles[(titles.index(self.order[0]) + step) % len(titles)], reverse=self.order[1])

    def action_sort_letter(self, letter: str) -> None:
        """Order by the column the letter means, the other way round the second time."""
        title = sorted_title(letter, [column.title for column in self._set.every])
        if title:
            present, reverse = self.order
            self.sort_by(title, reverse=not reverse if title == present else title in GREATEST_FIRST)

    def action_faults(self) -> None:
        """Show only rows in trouble, or all again."""
        self._cursor.expect_hiding()
        self._view.faults_only = not self._view.faults_only
        self._apply_view()
        self._scroll_to_cursor()

    def action_mark(self) -> None:
        """Mark the row under the cursor, or not."""
        if (row := self.selected_row) is not None:
            self._marks.toggle(row)
            self._apply_view()

    def action_mark_range(self) -> None:
        """Mark all from the row last marked to the cursor."""
        if self.selected_row is not None:
            self._marks.mark_to(self.shown, self._cursor.index)
            self._apply_view()

    def action_unmark(self) -> None:
        """Take every mark away."""
        self._marks.clear()
        self._apply_view()

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        if (row := self.selected_row) is not None:
            self.post_message(self.Opened(row))

    def on_click(self, event: events.Click) -> None:
        """Select a row, open it by a second click, sort by a header."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < HEADER:
            column = self._painter.column_at(offset.x + self.scroll_offset.x)
            if column is not None:
                title, reverse = self.order
                self.sort_by(column.title, reverse=not reverse if column.title == title else False)
            return
        index = self.scroll_offset.y + offset.y - HEADER
        if index < len(self._view.shown):
            self._select(index)
            if event.chain == 2:
                self.action_choose()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Mark the row under the pointer."""
        offset = event.get_content_offset(self)
        inside = offset is not None and offset.y >= HEADER
        self._hover(self.scroll_offset.y + offset.y - HEADER if offset is not None and inside else -1)

    def on_leave(self) -> None:
        """No row is under the pointer any more."""
        self._hover(-1)
