"""The virtual table: any number of live rows, of which only those in sight are ever drawn.

It draws on Textual's line API straight from the rows a `LiveRows` holds and copies none. Selection follows the
object, not the line; an update redraws only the lines that differ. It knows nothing of where rows come from beyond
that protocol, does no I/O, and has no keys: those are `live_table`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.style import Style
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.style import Style as VisualStyle
from textual.worker import WorkType

from k8sops.core.clock import Clock
from k8sops.core.tables import Column, Row
from k8sops.tui.column_set import ColumnChoice, ColumnSet
from k8sops.tui.columns import JUDGED, ColumnWidths, ViewColumn, first_order, shown_cell, width_of
from k8sops.tui.own_room import OwnRoom
from k8sops.tui.row_cursor import RowCursor
from k8sops.tui.row_filter import RowFilter
from k8sops.tui.row_marks import RowMarks
from k8sops.tui.row_painter import GUTTER, Look, RowPainter
from k8sops.tui.row_view import RowView
from k8sops.tui.shown_lines import Line, ShownLines, as_they_are
from k8sops.tui.table_look import OPAQUE_PARTS, OVERLAY_PARTS, TABLE_CSS

HEADER = 1
_PREPARED_AT_ONCE = 250


class RowTable(OwnRoom, can_focus=True):
    """A table of `core.tables.Row`s with a cursor, a filter, an order and marks."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"live-table--{part}" for part in (*OPAQUE_PARTS, *OVERLAY_PARTS)
    }
    ALLOW_SELECT = False
    DEFAULT_CSS = TABLE_CSS

    wide: reactive[bool] = reactive(False, init=False, repaint=False)
    placeholder: reactive[str] = reactive("", init=False)
    """What to say where there is no row."""

    class ViewChanged(Message, namespace="live_table"):
        """Filter, order, marks or the number of rows shown changed."""

        def can_replace(self, message: Message) -> bool:
            """A later one says all that an earlier one did."""
            return isinstance(message, RowTable.ViewChanged)

    def __init__(self, *, clock: Clock, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._now = clock.now()
        self._view = RowView()
        self._cursor = RowCursor()
        self._marks = RowMarks()
        self._source: Sequence[Row] = ()
        self._set = ColumnSet()
        self._columns: tuple[ViewColumn, ...] = ()
        self._growing = ColumnWidths(())
        self._parts: dict[str, Style] = {}
        self._painter = RowPainter((), (), {})
        self._hovered = -1
        self._lines = ShownLines()
        self._drawn_from = Offset(0, 0)
        self._announced: object = None
        self._fitted_to: int | None = None

    @property
    def columns(self) -> tuple[ViewColumn, ...]:
        """The columns shown."""
        return self._columns

    @property
    def every_column(self) -> tuple[ViewColumn, ...]:
        """All columns there are, shown or not."""
        return self._set.every

    @property
    def total(self) -> int:
        """Rows there are."""
        return len(self._source)

    @property
    def shown(self) -> Sequence[Row]:
        """Rows that pass the filter, in the order shown."""
        return self._view.shown

    @property
    def selected_row(self) -> Row | None:
        """The row under the cursor."""
        index, shown = self._cursor.index, self._view.shown
        return shown[index] if index < len(shown) else None

    @property
    def marked(self) -> tuple[Row, ...]:
        """The marked rows, hidden ones too, in the server's order."""
        return self._marks.among(self._source)

    @property
    def chosen(self) -> tuple[Row, ...]:
        """What an action is about: the marked rows, else the one under the cursor."""
        row = self.selected_row
        return self.marked or (() if row is None else (row,))

    @property
    def cut_text(self) -> str:
        """What the last column says of the row under the cursor, where not all of it fits; else empty."""
        row = self.selected_row
        if row is None or self._painter.width - GUTTER <= self._viewport:
            return ""
        text = shown_cell(row, self._columns[-1], self._now)
        room = self._viewport - self._painter.width + GUTTER + self._painter.widths[-1]
        return text if width_of(text) > room else ""

    @property
    def faults_only(self) -> bool:
        """Whether only rows in trouble are shown."""
        return self._view.faults_only

    @property
    def filter(self) -> RowFilter:
        """The filter in force; its `notice` says where it was not taken as typed."""
        return self._view.filter

    @property
    def order(self) -> tuple[str, bool]:
        """Title of the sorted column (empty: the server's order by namespace and name) and whether reversed."""
        column = self._view.sort_column
        return (column.title if column is not None else "", self._view.reverse)

    def clear(self) -> None:
        """Forget rows, filter and order: a table of another kind will be shown."""
        self._source, self._set = (), ColumnSet()
        self._view, self._cursor = RowView(), RowCursor()
        self._marks.clear()
        self._set_columns()
        self._apply_view()
        self.scroll_to(0, 0, animate=False, force=True, immediate=True)

    def empty(self) -> None:
        """Drop rows and marks but keep filter and order: the same kind will be shown from elsewhere."""
        self._marks.clear()
        self.show(self._set.source, (), with_namespace=self._set.with_namespace)

    def show(self, columns: Sequence[Column], rows: Sequence[Row], *, with_namespace: bool) -> None:
        """Show these rows, which are kept by reference; call again whenever they have changed."""
        self._source, self._now, columns = rows, self._clock.now(), tuple(columns)
        if columns != self._set.source or with_namespace != self._set.with_namespace:
            before, self._set = self._set, ColumnSet(columns, with_namespace=with_namespace)
            self._set.choice = before.choice
            self._set_columns()
            if not before.source and (title := first_order(columns)):
                self._view.sort_column = next((each for each in self._columns if each.title == title), None)
        self._marks.prune(rows)
        self._apply_view()

    def seek(self, key: str) -> None:
        """Put the cursor on an object (`row_view.row_key`), as soon as it is there."""
        self._cursor.seek(key)
        self._apply_view()
        self._scroll_to_cursor()

    def only_owned_by(self, uid: str) -> None:
        """Show only what an object owns; empty: everything."""
        self._view.owner = uid
        self._apply_view()

    def set_filter(self, text: str) -> None:
        """Show only rows that pass; the cursor stays on its object, and returns to it when it is shown again."""
        if text.strip() != self._view.filter.text:
            if not text.strip():
                # What the filter found is what was looked at: the next key must not act on another row.
                self._cursor.hold(self._view)
            self._cursor.expect_hiding()
            self._view.filter = RowFilter(text)
            self._apply_view()
            self._scroll_to_cursor()

    def prepare_filter(self) -> None:
        """Make ready, a little at a time, what the first letter of a filter would else wait for."""
        # As a function: a coroutine that is overtaken before it began would never be awaited.
        prepare: WorkType[None] = self._prepare
        self.run_worker(prepare, group="filter", exclusive=True)

    def sort_by(self, title: str, *, reverse: bool = False) -> None:
        """Order by a column, which is shown from then on; an empty title means the server's own order."""
        self._view.sort_column = next((column for column in self._set.every if column.title == title), None)
        self._view.reverse = reverse
        if title and self._view.sort_column not in self._columns:
            self._set_columns()
        self._apply_view()
        self._scroll_to_cursor()
        self.refresh()

    @property
    def choice(self) -> ColumnChoice:
        """Which columns were chosen by hand; `clear` forgets it."""
        return self._set.choice

    def choose(self, choice: ColumnChoice) -> None:
        """Show the columns that were chosen."""
        if choice != self._set.choice:
            self._set.choice = choice
            self._set_columns()
            self._apply_view()

    def tick(self) -> None:
        """Let ages grow; redraws only lines whose ages read differently now, all where a column has to be wider."""
        self._now = self._clock.now()
        self._measure()
        self._redraw_changed()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """A line of the viewport, as Textual's line API asks for it."""
        return self._strips(range(y, y + 1))[0]

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lines of the viewport without the border, padding and tint that Textual would look for around each."""
        strips = self._strips(crop.line_range)
        if not self.show_vertical_scrollbar:
            # Where the bar would stand.
            blank = VisualStyle(self.background_colors[1]).rich_style
            strips = [strip.adjust_cell_length(self.size.width, blank) for strip in strips]
        return as_they_are(self, strips, crop)

    def _strips(self, lines: range) -> list[Strip]:
        left, top = self._drawn_from = self.scroll_offset
        width = self.scrollable_content_region.width
        self._lines.stand_on(self._painter, left, width)

        def paint(y: int, line: Line) -> Strip:
            if y < HEADER:
                order, reverse = self._view.sort_column, self._view.reverse
                return self._painter.header(order, reverse=reverse, left=left, width=width)
            if line.row is None:
                return self._painter.placeholder(line.says, y - HEADER, width)
            return self._painter.row(line.row, self._now, line.look, left, width, marked=line.marked)

        return [self._lines.strip(y, self._line_at(y, top), paint) for y in lines]

    def notify_style_update(self) -> None:
        """The theme or a style changed: nothing painted so far can be used, unless it comes to the same."""
        super().notify_style_update()
        before, self._parts = self._parts, {}
        if self.is_mounted and self._part_styles() != before:
            self._refit(force=True)

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Keep all styles: a table looks the same with the focus and without, and finding that out takes long."""

    def watch_placeholder(self) -> None:
        """Say the new sentence."""
        self.refresh()

    def watch_wide(self) -> None:
        """Show all columns, or only the usual ones again."""
        self._set_columns()
        self._apply_view()

    def on_resize(self) -> None:
        """Fit the columns to the new width, and keep the cursor in sight."""
        if self._viewport != self._fitted_to:
            self._fitted_to = self._viewport
            self._set.try_all()
            self._set_columns()
        self._measure()
        self._scroll_to_cursor()

    def _part_styles(self) -> Mapping[str, Style]:
        if not self._parts:
            # An overlay takes its background from the line it lies on.
            self._parts = {
                part: self.get_component_rich_style(f"live-table--{part}", partial=part in OVERLAY_PARTS)
                for part in (*OPAQUE_PARTS, *OVERLAY_PARTS)
            }
        return self._parts

    def _line_at(self, y: int, top: int) -> Line:
        shown, index = self._view.shown, y - HEADER + top
        if y < HEADER:
            title, reverse = self.order
            return Line(None, f"{title}{reverse}")
        if index >= len(shown):
            return Line(None, "" if shown else self.placeholder)
        look: Look = "cursor" if index == self._cursor.index else "hover" if index == self._hovered else "row"
        row = shown[index]
        return Line(row, self._painter.ages_text(row, self._now), look, row in self._marks)

    def _redraw_changed(self) -> None:
        left, top = self.scroll_offset
        if (left, top) != self._drawn_from:
            # All of it will be drawn.
            return
        width = self.size.width
        for y in range(HEADER, HEADER + self._page):
            if not self._lines.still_shows(y, self._line_at(y, top)):
                self.refresh(Region(0, y, width, 1))

    async def _prepare(self) -> None:
        for _ in self._view.learn(self._source, _PREPARED_AT_ONCE):
            await asyncio.sleep(0)

    # Rows, columns and widths

    def _apply_view(self) -> None:
        self._view.refresh(self._source)
        moved = self._cursor.follow(self._view)
        self._measure()
        top = self.scroll_offset.y
        if moved and top:
            # What the user is reading stays on its line while rows come and go above it.
            self.scroll_to(y=top + moved, animate=False, force=True, immediate=True)
        self._redraw_changed()
        view = self._view
        announced = (
            len(self.shown),
            self.total,
            view.filter.text,
            self.order,
            len(self._marks),
            view.faults_only,
        )
        if announced != self._announced:
            self._announced = announced
            self.post_message(self.ViewChanged())

    def _set_columns(self) -> None:
        sorted_title = self.order[0]
        self._set.wide = self.wide
        self._columns = self._set.shown(sorted_title)
        self._growing = ColumnWidths(self._columns)
        self._view.sort_column = next((c for c in self._columns if c.title == sorted_title), None)
        every = self._set.every
        self._view.unsearched_cell = next((each.source for each in every if each.role == "age"), None)
        self._view.judged = tuple(column for column in every if column.role in JUDGED)
        self._refit(force=True)

    def _measure(self) -> None:
        shown, top = self._view.shown, self.scroll_offset.y
        in_sight = shown[top : top + self._page]
        grown = self._growing.settle(self._source, in_sight, self._now)
        while self._source and self._set.give_way(self._growing, self._viewport):
            self._set_columns()
            grown = self._growing.settle(self._source, in_sight, self._now)
        if grown:
            self._refit(force=False)
        size = Size(self._painter.width, HEADER + len(shown))
        if size != self.virtual_size:
            self.virtual_size = size

    def _refit(self, *, force: bool) -> None:
        widths = self._growing.fitted(self._viewport, shrink=not self.wide)
        if not force and widths == self._painter.widths:
            return
        self._painter = RowPainter(self._columns, widths, self._part_styles())
        self.virtual_size = Size(self._painter.width, HEADER + len(self._view.shown))
        self.refresh()

    # Cursor and scrolling

    @property
    def _viewport(self) -> int:
        return self.scrollable_content_region.width - GUTTER

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - HEADER)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Rows that come into sight may need wider columns."""
        super().watch_scroll_y(old_value, new_value)
        self._measure()

    def _hover(self, index: int) -> None:
        if index != self._hovered:
            self._hovered = index
            self._redraw_changed()

    def _select(self, index: int) -> None:
        self._cursor.move_to(self._view, index)
        self._scroll_to_cursor()
        self._redraw_changed()

    def _scroll_to_cursor(self) -> None:
        index, top, page = self._cursor.index, self.scroll_offset.y, self._page
        target = index if index < top else index - page + 1 if index >= top + page else top
        if target != top:
            self.scroll_to(y=target, animate=False, force=True, immediate=True)
