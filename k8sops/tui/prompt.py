"""The line at the bottom in which a filter or a command is typed."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label

from k8sops.tui.commands import KIND_SUGGESTIONS

Mode = Literal["filter", "command"]


class Prompt(Horizontal):
    """One input for both uses; hidden while neither is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", key_display="esc", id="prompt.cancel")
    ]
    DEFAULT_CSS = """
    Prompt { height: 1; display: none; background: $panel; }
    Prompt > #sign { width: auto; padding: 0 0 0 1; text-style: bold; color: $accent; }
    Prompt > Input { width: 1fr; border: none; height: 1; padding: 0; background: transparent; }
    Prompt > Input:focus { border: none; background: transparent; background-tint: transparent; }
    Prompt > #count { width: auto; padding: 0 1; color: $text-muted; }
    """

    class Typed(Message):
        """The filter's text changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Submitted(Message):
        """Enter was pressed."""

        def __init__(self, mode: Mode, text: str) -> None:
            super().__init__()
            self.mode = mode
            self.text = text

    class Cancelled(Message):
        """Escape was pressed."""

        def __init__(self, mode: Mode) -> None:
            super().__init__()
            self.mode = mode

    def __init__(self) -> None:
        super().__init__()
        self._mode: Mode = "filter"
        self._kinds = SuggestFromList(KIND_SUGGESTIONS, case_sensitive=False)

    @property
    def is_open(self) -> bool:
        """Whether something is being typed."""
        return bool(self.display)

    def compose(self) -> ComposeResult:
        """Sign, input, and what it finds."""
        yield Label("/", id="sign", markup=False)
        yield Input(select_on_focus=False)
        yield Label("", id="count", markup=False)

    def open(self, mode: Mode, text: str = "") -> None:
        """Begin to type."""
        self._mode = mode
        self.query_one("#sign", Label).update("/" if mode == "filter" else ":")
        self.count("")
        box = self.query_one(Input)
        box.suggester = self._kinds if mode == "command" else None
        with box.prevent(Input.Changed):
            box.value = text
        box.cursor_position = len(text)
        # Shown and focused before this returns: the next key, typed fast, must land here and not in the table.
        self.display = True
        self.screen.set_focus(box)

    def close(self) -> None:
        """Put the line away."""
        self.display = False

    def count(self, text: str) -> None:
        """Say what the text finds, beside it."""
        self.query_one("#count", Label).update(text)

    def action_cancel(self) -> None:
        """Give up what was typed."""
        self.close()
        self.post_message(self.Cancelled(self._mode))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        event.stop()
        if self._mode == "filter" and self.is_open:
            self.post_message(self.Typed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what was typed."""
        event.stop()
        self.close()
        self.post_message(self.Submitted(self._mode, event.value))
