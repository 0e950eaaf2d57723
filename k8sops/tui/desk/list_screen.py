"""A screen of the desk that is a list: rows with a cursor, a filter, and Enter that opens one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from k8sops.core.tables import Column, Row
from k8sops.core.text import counted
from k8sops.tui.desk.screen import DeskScreen
from k8sops.tui.live_table import LiveTable
from k8sops.tui.prompt import Prompt


class ListTable(LiveTable):
    """A table that says when its cursor moves: what can be done depends on the row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Open", key_display="⏎", id="table.open"),
    ]

    class Moved(Message):
        """The cursor is elsewhere."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter is offered where it leads somewhere."""
        return action != "choose" or type(self.screen).opened is not ListScreen.opened  # type: ignore[attr-defined]

    def _select(self, index: int) -> None:
        super()._select(index)
        self.post_message(self.Moved())


class ListScreen(DeskScreen):
    """Rows; `show` gives them to `put`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", priority=True, id="desk.filter"),
    ]
    DEFAULT_CSS = """
    ListScreen > LiveTable { height: 1fr; }
    ListScreen > #whole { display: none; height: auto; max-height: 3; padding: 0 1; background: $surface; }
    """
    WORD: ClassVar[str] = "row"
    EMPTY: ClassVar[str] = "There is nothing here."
    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    opening_filter = ""

    def body(self) -> Iterator[Widget]:
        """The table, and the line a filter is typed in."""
        yield ListTable(clock=self._clock)
        yield Static(id="whole")
        yield Prompt()

    def on_mount(self) -> None:
        """Nothing is known yet."""
        self.table.placeholder = "Reading …"
        self.table.set_filter(self.opening_filter)
        self.table.focus()

    @property
    def table(self) -> LiveTable:
        """The table."""
        return self.query_one(LiveTable)

    @property
    def selected(self) -> str:
        """The uid of the row under the cursor; empty where there is none."""
        row = self.table.selected_row
        return row.uid if row is not None else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a filter is typed, every letter is text."""
        return not (action == "filter" and self.query_one(Prompt).is_open)

    def put(self, rows: Sequence[Row], *, with_namespace: bool = False, empty: str = "") -> None:
        """Show these rows; `empty` is what to say where there is none, in place of the usual."""
        self.table.placeholder = "No row passes the filter. Esc clears it." if rows else empty or self.EMPTY
        self.table.show(self.COLUMNS, rows, with_namespace=with_namespace)

    def tell(self) -> None:
        """Say also what the row under the cursor says, where the table cuts it."""
        super().tell()
        # After the table has measured what it was just given.
        self.call_after_refresh(self._tell_whole)

    def _tell_whole(self) -> None:
        whole, text = self.query_one("#whole", Static), self.table.cut_text
        if str(whole.content) != text:
            whole.display = bool(text)
            whole.update(Content(text))

    def on_resize(self) -> None:
        """What is cut depends on the room."""
        self.call_after_refresh(self._tell_whole)

    def opened(self, row: Row) -> None:
        """Enter was pressed on a row."""

    def notes(self) -> Iterator[str]:
        """How many rows, and the filter."""
        table = self.table
        if self._read_at is None:
            return
        count = counted(table.total, self.WORD)
        yield f"{len(table.shown)} of {count}" if table.filter.text else count
        if table.filter.text:
            yield f"filter /{table.filter.text}"

    def on_not_fetched(self, message: Any) -> None:
        """Nothing was read yet, or nothing newer."""
        if not self.table.total:
            self.table.placeholder = "Nothing was read yet."

    def on_live_table_opened(self, message: LiveTable.Opened) -> None:
        """Open the row."""
        self.opened(message.row)

    def on_list_table_moved(self) -> None:
        """Offer what can be done to this row, and say what it says."""
        self.refresh_bindings()
        self._tell_whole()

    def on_live_table_view_changed(self) -> None:
        """Say how many rows there are now."""
        self.tell()

    def on_prompt_typed(self, message: Prompt.Typed) -> None:
        """Filter as it is typed."""
        self.table.set_filter(message.text)
        self.tell()

    def on_prompt_submitted(self) -> None:
        """Keep the filter."""
        self.table.focus()

    def on_prompt_cancelled(self) -> None:
        """Forget the filter."""
        self.table.focus()
        self.table.set_filter("")
        self.tell()

    def action_filter(self) -> None:
        """Type a filter; the one in force stays until something is typed."""
        self.query_one(Prompt).open("filter", self.table.filter.text)

    def action_back(self) -> None:
        """Take away the filter, else return."""
        if self.table.filter.text and not self._said:
            self.table.set_filter("")
            self.tell()
        else:
            super().action_back()


def row_of(uid: str, cells: Sequence[str], **more: Any) -> Row:
    """A row that stands for something of ours."""
    fields: dict[str, Any] = {"name": uid, "namespace": "", "created": None, "labels": {}, **more}
    return Row(uid=uid, cells=tuple(cells), **fields)
