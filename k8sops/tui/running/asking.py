"""Asking once, in the middle of the screen: a question, what may be typed with the answer, and the answers.

Every answer can be clicked and has a letter, which counts where nothing is being typed; where something is, the answers
say what Enter and Esc do. Where the first answer must not be given by accident, the last one, which changes nothing,
has the focus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from k8sops.core.text import printable
from k8sops.tui.left_once import LeftOnce


class Choice(NamedTuple):
    """An answer: the letter that gives it, and what it says."""

    key: str
    label: str


class Answer(NamedTuple):
    """Which choice, by its letter, and what was typed with it."""

    key: str
    text: str = ""


class AskScreen(ModalScreen[Answer | None], LeftOnce[Answer | None]):
    """Returns the answer, or None where the last choice, Esc, or nothing was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Cancel", show=False, id="ask.cancel"),
        Binding("ctrl+c", "interrupt", "Interrupt", show=False, id="ask.interrupt"),
        Binding("right,down", "app.focus_next", show=False, id="ask.next"),
        Binding("left,up", "app.focus_previous", show=False, id="ask.previous"),
    ]
    DEFAULT_CSS = """
    AskScreen { align: center middle; }
    AskScreen > Vertical {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; background: $surface; padding: 0 1;
    }
    AskScreen Static { width: 1fr; height: auto; }
    AskScreen #refusal { color: $text-error; display: none; }
    AskScreen Input { border: none; height: 1; padding: 0; margin: 1 0 0 0; background: $panel; }
    AskScreen Input:focus { border: none; }
    AskScreen Horizontal { height: 1; margin: 1 0 0 0; }
    AskScreen Button { margin: 0 2 0 0; min-width: 8; }
    """

    def __init__(
        self,
        title: str,
        question: str,
        choices: tuple[Choice, ...],
        *,
        prompt: str = "",
        text: str = "",
        required: bool = False,
        must_be: str = "",
        careful: bool = False,
        on_interrupt: str = "",
    ) -> None:
        """`prompt` asks for a text beside the answer, and `text` is there from the start.

        `required` wants one, `must_be` wants exactly this one; `careful` gives the focus to the last choice;
        `on_interrupt` is the choice Ctrl-C stands for.
        """
        super().__init__()
        self._title = title
        self._question = question
        self._choices = choices
        self._prompt = prompt
        self._text = text
        self._required = required
        self._must_be = must_be
        self._careful = careful
        self._on_interrupt = on_interrupt

    def compose(self) -> ComposeResult:
        """Question, text, answers."""
        with Vertical() as box:
            box.border_title = Content(printable(self._title)).markup
            yield Static(Content("\n".join(map(printable, self._question.split("\n")))))
            if self._prompt:
                yield Input(self._text, placeholder=printable(self._prompt))
            yield Static("", id="refusal")
            with Horizontal():
                for choice in self._choices:
                    yield Button(self._said(choice, typing=False), compact=True, id=f"choice-{choice.key}")

    def on_mount(self) -> None:
        """Give the focus to what is wanted first."""
        buttons = self.query(Button)
        if self._prompt and not self._careful:
            self.query_one(Input).focus()
        else:
            (buttons.last() if self._careful else buttons.first()).focus()

    def on_descendant_focus(self) -> None:
        """Say of each answer the key that gives it now."""
        typing = isinstance(self.focused, Input)
        for choice in self._choices:
            self.query_one(f"#choice-{choice.key}", Button).label = self._said(choice, typing=typing)

    def on_key(self, event: events.Key) -> None:
        """A letter gives its answer, unless it is being typed."""
        if isinstance(self.focused, Input):
            return
        if any(event.key == choice.key for choice in self._choices):
            event.stop()
            self._give(event.key)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The answer that was clicked, or entered."""
        event.stop()
        self._give((event.button.id or "").removeprefix("choice-"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter behind the text gives the first answer; behind an answer's letter alone, that one."""
        event.stop()
        typed = event.value.strip()
        if any(typed == choice.key for choice in self._choices):
            event.input.clear()
            self._give(typed)
        else:
            self._give(self._choices[0].key)

    def action_give_up(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

    def action_interrupt(self) -> None:
        """Answer what an interrupt stands for."""
        self.dismiss(Answer(self._on_interrupt) if self._on_interrupt else None)

    def _said(self, choice: Choice, *, typing: bool) -> Content:
        key = choice.key
        if typing:
            key = {self._choices[-1].key: "Esc", self._choices[0].key: "Enter"}.get(choice.key, "")
        return Content(f"{choice.label} ({key})" if key else choice.label)

    def _give(self, key: str) -> None:
        if key == self._choices[-1].key:
            self.dismiss(None)
            return
        text = self.query_one(Input).value.strip() if self._prompt else ""
        if self._must_be and text != self._must_be:
            self._refuse(f"✗ what was typed is not {self._must_be}")
        elif self._required and not text:
            self._refuse("✗ a reason is required")
        else:
            self.dismiss(Answer(key, text))

    def _refuse(self, sentence: str) -> None:
        refusal = self.query_one("#refusal", Static)
        refusal.display = True
        refusal.update(Content(printable(sentence)))
        self.query_one(Input).focus()


def ask(
    app: App[Any],
    title: str,
    question: str,
    choices: tuple[Choice, ...],
    then: Callable[[Answer], None],
    **how: Any,
) -> None:
    """Ask once, `how` as `AskScreen` takes it; `then` takes the answer, unless it is the last choice."""

    def answered(answer: Answer | None) -> None:
        if answer is not None:
            then(answer)

    app.push_screen(AskScreen(title, question, choices, **how), answered)
