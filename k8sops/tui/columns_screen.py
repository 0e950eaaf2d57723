"""Which columns to show, chosen from all that the table has; each change is seen behind the list at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from k8sops.core.text import printable
from k8sops.tui.left_once import LeftOnce


class ColumnsScreen(ModalScreen[None], LeftOnce[None]):
    """A list of titles with a sign for those shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Back", id="columns.back"),
        Binding("space", "turn", "Show or hide", show=False, id="columns.turn"),
        Binding("r", "reset", "As the server says", show=False, id="columns.reset"),
        Binding("j", "move(1)", "Down", show=False, id="columns.down"),
        Binding("k", "move(-1)", "Up", show=False, id="columns.up"),
    ]
    DEFAULT_CSS = """
    ColumnsScreen { align: right middle; background: transparent; }
    ColumnsScreen > OptionList {
        width: 44; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; background: $surface; padding: 0 1;
    }
    ColumnsScreen > OptionList:focus { border: round $accent; }
    """

    def __init__(
        self, kind: str, ask: Callable[[], list[tuple[str, bool]]], turn: Callable[[str], None]
    ) -> None:
        """`ask` says which columns there are and whether each is shown; `turn` takes a title, empty for all anew."""
        super().__init__()
        self._kind = kind
        self._ask = ask
        self._turn = turn

    def compose(self) -> ComposeResult:
        """The list."""
        found = OptionList(*self._options())
        found.border_title = Content(printable(f"Columns of {self._kind}"))
        found.border_subtitle = "Enter shows or hides, r resets"
        yield found

    def on_option_list_option_selected(self) -> None:
        """Show or hide the one under the cursor."""
        self.action_turn()

    def action_turn(self) -> None:
        """Show or hide the one under the cursor."""
        place = self.query_one(OptionList).highlighted
        if place is not None:
            self._turn(self._ask()[place][0])
            self._say()

    def action_reset(self) -> None:
        """Forget what was chosen."""
        self._turn("")
        self._say()

    def action_move(self, step: int) -> None:
        """Move by the hands' own keys."""
        found = self.query_one(OptionList)
        if step > 0:
            found.action_cursor_down()
        else:
            found.action_cursor_up()

    def action_leave(self) -> None:
        """Back to the table."""
        self.dismiss(None)

    def _options(self) -> list[Option]:
        return [
            Option(Content.assemble(("✓ " if shown else "  ", "bold $text-accent"), printable(title)))
            for title, shown in self._ask()
        ]

    def _say(self) -> None:
        found = self.query_one(OptionList)
        place = found.highlighted
        found.clear_options()
        found.add_options(self._options())
        found.highlighted = place
