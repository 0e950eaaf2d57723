"""The virtual table: any number of live rows, of which only those in sight are ever drawn.

It draws on Textual's line API straight from the rows a `LiveRows` holds and copies none. Selection follows the
object, not the line; an update redraws only the lines that differ. It knows nothing of where rows come from beyond
that protocol, and does no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from k8sops.core.clock import Clock
from k8sops.core.tables import Column, Row
from k8sops.tui.columns import ColumnWidths, ViewColumn, view_columns
from k8sops.tui.row_cursor import RowCursor
from k8sops.tui.row_filter import RowFilter
from k8sops.tui.row_painter import GUTTER, Look, RowPainter
from k8sops.tui.row_view import RowView
from k8sops.tui.severity import Severity

_HEADER = 1
_SIDE_STEP = 12

_OPAQUE_PARTS = ("row", "header", "header-sorted", "cursor", "hover", "placeholder")
_OVERLAY_PARTS = ("mark", "deleting", *(severity.value for severity in Severity))


class _Line(NamedTuple):
    """What a line of the viewport shows: enough to tell whether it must be drawn again."""

    row: Row | None
    age: str
    look: Look

    def same_as(self, drawn: _Line | None) -> bool:
        """Whether what was drawn still stands; rows are compared by identity, which is how they change."""
        return drawn is not None and self.row is drawn.row and self[1:] == drawn[1:]


class LiveTable(ScrollView, can_focus=True):
    """A table of `core.tables.Row`s with a cursor, a filter and an order."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False, id="table.up"),
        Binding("down,j", "cursor(1)", "Down", show=False, id="table.down"),
        Binding("pageup,ctrl+u,ctrl+b", "page(-1)", "Page up", show=False, id="table.page_up"),
        Binding("pagedown,ctrl+d,ctrl+f", "page(1)", "Page down", show=False, id="table.page_down"),
        Binding("home,g", "first", "First row", show=False, id="table.first"),
        Binding("end,G", "last", "Last row", show=False, id="table.last"),
        Binding("left", "side(-1)", "Scroll left", show=False, id="table.left"),
        Binding("right", "side(1)", "Scroll right", show=False, id="table.right"),
        Binding("less_than_sign", "sort_step(-1)", "Sort column left", show=False, id="table.sort_left"),
        Binding("greater_than_sign,s", "sort_step(1)", "Sort", key_display="s", id="table.sort_right"),
        Binding("S", "reverse", "Reverse order", show=False, id="table.reverse"),
        Binding("w", "wide", "Wide", id="table.wide"),
        Binding("enter", "choose", "Open", show=False, id="table.open"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"live-table--{part}" for part in (*_OPAQUE_PARTS, *_OVERLAY_PARTS)
    }
    ALLOW_SELECT = False

    DEFAULT_CSS = """
    LiveTable {
        background: $surface; color: $foreground;
        overflow-y: auto; scrollbar-gutter: stable; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
        & > .live-table--header { background: $panel; color: $foreground; text-style: bold; }
        & > .live-table--header-sorted { background: $panel; color: $accent; text-style: bold underline; }
        & > .live-table--cursor { background: $primary-muted; color: $text; text-style: bold; }
        & > .live-table--hover { background: $boost; }
        & > .live-table--mark { color: $accent; text-style: bold; }
        & > .live-table--deleting { text-style: dim italic; }
        & > .live-table--placeholder { color: $text-muted; }
        & > .live-table--ok { color: $text-success; }
        & > .live-table--done { text-style: dim; }
        & > .live-table--busy { color: $text-accent; }
        & > .live-table--warn { color: $text-warning; text-style: bold; }
        & > .live-table--bad { color: $text-error; text-style: bold; }
    }
    """

    wide: reactive[bool] = reactive(False, init=False, repaint=False)
    placeholder: reactive[str] = reactive("", init=False)
    """What to say where there is no row."""

    class Opened(Message):
        """A row was chosen with Enter or a double click."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class ViewChanged(Message):
        """Filter, order or the number of rows shown changed."""

        def can_replace(self, message: Message) -> bool:
            """A later one says all that an earlier one did."""
            return isinstance(message, LiveTable.ViewChanged)

    def __init__(self, *, clock: Clock, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._now = clock.now()
        self._view = RowView()
        self._cursor = RowCursor()
        self._source: Sequence[Row] = ()
        self._server_columns: tuple[Column, ...] = ()
        self._with_namespace = False
        self._columns: tuple[ViewColumn, ...] = ()
        self._growing = ColumnWidths(())
        self._parts: dict[str, Style] = {}
        self._painter = RowPainter((), (), {})
        self._hovered = -1
        self._drawn: dict[int, _Line] = {}
        self._announced: object = None

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
        self._source, self._server_columns = (), ()
        self._view, self._cursor = RowView(), RowCursor()
        self._set_columns()
        self._apply_view()
        self.scroll_to(0, 0, animate=False, force=True, immediate=True)

    def empty(self) -> None:
        """Drop the rows but keep filter and order: the same kind will be shown from elsewhere."""
        self.show(self._server_columns, (), with_namespace=self._with_namespace)

    def show(self, columns: Sequence[Column], rows: Sequence[Row], *, with_namespace: bool) -> None:
        """Show these rows, which are kept by reference; call again whenever they have changed."""
        self._source, self._now, columns = rows, self._clock.now(), tuple(columns)
        if columns != self._server_columns or with_namespace != self._with_namespace:
            self._server_columns, self._with_namespace = columns, with_namespace
            self._set_columns()
        self._apply_view()

    def set_filter(self, text: str) -> None:
        """Show only rows that pass; the cursor stays on its object, and returns to it when it is shown again."""
        if text.strip() != self._view.filter.text:
            self._cursor.expect_hiding()
            self._view.filter = RowFilter(text)
            self._apply_view()
            self._scroll_to_cursor()

    def sort_by(self, title: str, *, reverse: bool = False) -> None:
        """Order by a shown column; an empty title means the server's own order."""
        self._view.sort_column = next((column for column in self._columns if column.title == title), None)
        self._view.reverse = reverse
        self._apply_view()
        self._scroll_to_cursor()
        self.refresh()

    def tick(self) -> None:
        """Let ages grow; redraws only lines whose age reads differently now."""
        self._now = self._clock.now()
        self._redraw_changed()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """A line of the viewport, as Textual's line API asks for it."""
        width, left = self.scrollable_content_region.width, self.scroll_offset.x
        if y < _HEADER:
            order, reverse = self._view.sort_column, self._view.reverse
            return self._painter.header(order, reverse=reverse, left=left, width=width)
        line = self._drawn[y] = self._line_at(self.scroll_offset.y + y - _HEADER)
        if line.row is None:
            sentence = "" if self._view.shown else self.placeholder
            return self._painter.placeholder(sentence, y - _HEADER, width)
        return self._painter.row(line.row, self._now, line.look, left, width)

    def notify_style_update(self) -> None:
        """The theme or a style changed: nothing painted so far can be used."""
        super().notify_style_update()
        self._parts = {}
        if self.is_mounted:
            self._refit(force=True)

    def watch_placeholder(self) -> None:
        """Say the new sentence."""
        self.refresh()

    def watch_wide(self) -> None:
        """Change the set of columns."""
        self._set_columns()
        self._apply_view()

    def on_resize(self) -> None:
        """Fit the columns to the new width, and keep the cursor in sight."""
        self._refit(force=False)
        self._scroll_to_cursor()

    def _part_styles(self) -> Mapping[str, Style]:
        if not self._parts:
            # An overlay takes its background from the line it lies on.
            self._parts = {
                part: self.get_component_rich_style(f"live-table--{part}", partial=part in _OVERLAY_PARTS)
                for part in (*_OPAQUE_PARTS, *_OVERLAY_PARTS)
            }
        return self._parts

    def _line_at(self, index: int) -> _Line:
        shown = self._view.shown
        if index >= len(shown):
            return _Line(None, "", "row")
        look: Look = "cursor" if index == self._cursor.index else "hover" if index == self._hovered else "row"
        return _Line(shown[index], self._painter.age_text(shown[index], self._now), look)

    def _redraw_changed(self) -> None:
        width, top = self.size.width, self.scroll_offset.y
        for line in range(self._page):
            if not self._line_at(top + line).same_as(self._drawn.get(line + _HEADER)):
                self.refresh(Region(0, line + _HEADER, width, 1))

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
        announced = (len(self.shown), self.total, self.filter.text, self.order)
        if announced != self._announced:
            self._announced = announced
            self.post_message(self.ViewChanged())

    def _set_columns(self) -> None:
        self._columns = view_columns(
            self._server_columns, wide=self.wide, with_namespace=self._with_namespace
        )
        self._growing = ColumnWidths(self._columns)
        sorted_title = self.order[0]
        self._view.sort_column = next((c for c in self._columns if c.title == sorted_title), None)
        ages = (column.source for column in self._columns if column.role == "age")
        self._view.unsearched_cell = next(ages, None)
        self._refit(force=True)

    def _measure(self) -> None:
        shown, top = self._view.shown, self.scroll_offset.y
        if self._growing.settle(self._source, shown[top : top + self._page], self._now):
            self._refit(force=False)
        size = Size(self._painter.width, _HEADER + len(shown))
        if size != self.virtual_size:
            self.virtual_size = size

    def _refit(self, *, force: bool) -> None:
        viewport = self.scrollable_content_region.width - GUTTER
        widths = self._growing.fitted(viewport, shrink=not self.wide)
        if not force and widths == self._painter.widths:
            return
        self._painter = RowPainter(self._columns, widths, self._part_styles())
        self.virtual_size = Size(self._painter.width, _HEADER + len(self._view.shown))
        self.refresh()

    # Cursor and scrolling

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - _HEADER)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Rows that come into sight may need wider columns."""
        super().watch_scroll_y(old_value, new_value)
        self._measure()

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

    def action_reverse(self) -> None:
        """Turn the order round."""
        title, reverse = self.order
        self.sort_by(title, reverse=not reverse)

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        if (row := self.selected_row) is not None:
            self.post_message(self.Opened(row))

    def on_click(self, event: events.Click) -> None:
        """Select a row, open it by a second click, sort by a header."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < _HEADER:
            column = self._painter.column_at(offset.x + self.scroll_offset.x)
            if column is not None:
                title, reverse = self.order
                self.sort_by(column.title, reverse=not reverse if column.title == title else False)
            return
        index = self.scroll_offset.y + offset.y - _HEADER
        if index < len(self._view.shown):
            self._select(index)
            if event.chain == 2:
                self.action_choose()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Mark the row under the pointer."""
        offset = event.get_content_offset(self)
        inside = offset is not None and offset.y >= _HEADER
        self._hover(self.scroll_offset.y + offset.y - _HEADER if offset is not None and inside else -1)

    def on_leave(self) -> None:
        """No row is under the pointer any more."""
        self._hover(-1)

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
