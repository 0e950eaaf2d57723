"""The line at the bottom in which a filter or a command is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label

from k8sops.tui.suggesting import CommandSuggester
from k8sops.tui.typing_line import TypingLine

Mode = Literal["filter", "command"]

OPENING_KEYS: Final[dict[str, Mode]] = {"colon": "command", "slash": "filter"}
ENTERING_KEYS: Final = frozenset({"enter", "ctrl+j"})
"""Enter pressed before the terminal is the program's reaches it as a line feed, which is Ctrl-J."""

COUNT_WIDTH: Final = 18


class Prompt(Horizontal):
    """One input for both uses; hidden while neither is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", key_display="esc", id="prompt.cancel"),
        Binding("tab,ctrl+f", "complete", "Complete", key_display="tab", id="prompt.complete"),
        Binding("up,ctrl+p", "recall(-1)", "Before", show=False, id="prompt.before"),
        Binding("down,ctrl+n", "recall(1)", "After", show=False, id="prompt.after"),
    ]
    DEFAULT_CSS = """
    Prompt { height: 1; display: none; background: $panel; }
    Prompt > #sign { width: auto; padding: 0 0 0 1; text-style: bold; color: $accent; }
    Prompt > Input { width: 1fr; border: none; height: 1; padding: 0; background: transparent; }
    Prompt > Input:focus { border: none; background: transparent; background-tint: transparent; }
    Prompt > #count { width: 20; padding: 0 1; color: $text-muted; text-align: right; }
    Prompt > #count.-long { width: auto; }
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

    def __init__(self, again: Callable[[Mode], None] | None = None) -> None:
        """`again` opens it once more where its key was typed right behind the one that closed it."""
        super().__init__()
        self._again = again
        self.home: Widget | None = None
        """Who has the focus when nothing is typed; None: whoever had it before."""
        self._counted = ""
        self._mode: Mode = "filter"
        self.commands = CommandSuggester()
        self._said: dict[Mode, list[str]] = {"filter": [], "command": []}
        self._recalled = 0

    @property
    def is_open(self) -> bool:
        """Whether something is being typed."""
        return bool(self.display)

    def compose(self) -> ComposeResult:
        """Sign, input, and what it finds."""
        yield Label("/", id="sign", markup=False)
        yield TypingLine(self.take)
        yield Label("", id="count", markup=False)

    def open(self, mode: Mode, before: str = "") -> None:
        """Begin to type, on an empty line as in k9s; Up recalls `before`, what is in force until something is typed."""
        self._mode = mode
        self.query_one("#sign", Label).update("/" if mode == "filter" else ":", layout=False)
        self.count("")
        box = self.query_one(Input)
        box.suggester = self.commands if mode == "command" else None
        box.placeholder = f"{before}   ↑ brings it back, Enter clears it" if before else ""
        self._remember(mode, before)
        self._recalled = len(self._said[mode])
        with box.prevent(Input.Changed):
            box.value = ""
        # Shown and focused before this returns: the next key, typed fast, must land here and not in the table.
        if self.home is None:
            self.home = self.screen.focused
        self.display = True
        self.screen.set_focus(box)

    def close(self) -> None:
        """Put the line away; the focus returns to where it was before another key can be taken."""
        if self.is_open:
            self.display = False
            if self.screen.focused is self.query_one(TypingLine):
                self.screen.set_focus(self.home)

    def take(self, event: events.Key) -> bool:
        """Do at once what a key means here; false where it is text or moves in it."""
        if not self.is_open:
            if self._again is not None and event.key in OPENING_KEYS:
                self._again(OPENING_KEYS[event.key])
            return True
        if event.key in ENTERING_KEYS:
            self._submit()
        elif event.key == "escape":
            self.action_cancel()
        elif event.key in ("tab", "ctrl+f"):
            self.action_complete()
        else:
            return False
        return True

    def take_early(self, event: events.Key) -> bool:
        """Take a key that came before this line was there to have the focus; false while nothing is typed."""
        if not self.is_open or not (event.is_printable or event.key in {*ENTERING_KEYS, "escape"}):
            return False
        if not self.take(event):
            self.query_one(TypingLine).insert_key(event)
        return True

    def count(self, text: str) -> None:
        """Say what the text finds, beside it."""
        if text == self._counted:
            return
        self._counted = text
        label = self.query_one("#count", Label)
        # A new layout of the whole screen for each letter typed is what would be felt on a large table.
        is_long = len(text) > COUNT_WIDTH
        moves = is_long or label.has_class("-long")
        label.set_class(is_long, "-long")
        label.update(text, layout=moves)

    def action_cancel(self) -> None:
        """Give up what was typed."""
        self.close()
        self.post_message(self.Cancelled(self._mode))

    def action_complete(self) -> None:
        """Take what is suggested."""
        box = self.query_one(Input)
        if self._mode == "command" and (completed := self.commands.complete(box.value)):
            box.value = completed
        box.cursor_position = len(box.value)

    def action_recall(self, step: int) -> None:
        """An earlier or later text; behind the last one an empty line."""
        said = self._said[self._mode]
        self._recalled = max(0, min(self._recalled + step, len(said)))
        box = self.query_one(Input)
        box.value = said[self._recalled] if self._recalled < len(said) else ""
        box.cursor_position = len(box.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        event.stop()
        if self._mode == "filter" and self.is_open:
            self.post_message(self.Typed(event.value))

    def _submit(self) -> None:
        text = self.query_one(Input).value
        self._remember(self._mode, text)
        self.close()
        if self._mode == "filter":
            # What was changed last may not have been told: the line that tells it is closed by now.
            self.post_message(self.Typed(text))
        self.post_message(self.Submitted(self._mode, text))

    def _remember(self, mode: Mode, text: str) -> None:
        said = self._said[mode]
        if text.strip() and text not in said[-1:]:
            said.append(text)
