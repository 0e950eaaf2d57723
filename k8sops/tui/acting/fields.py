"""The lines of a form, one each: a text to type, a box to tick, a word to choose. Enter is left to the dialog.

Each says by one message that its value changed, and holds no other logic.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Static
from textual.widgets.input import Selection

from k8sops.tui.acting.as_is import AsIs
from k8sops.tui.acting.form import FormField


class FieldChanged(Message):
    """A value is another now."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__()
        self.field = field
        self.value = value


class _Line(Static, can_focus=True):
    """A line that is drawn from a value."""

    DEFAULT_CSS = """
    _Line { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    _Line:focus { height: auto; text-wrap: wrap; background: $primary-muted; color: $text; text-style: bold; }
    _Line.-brief, _Line.-brief:focus { width: auto; height: 1; padding: 0 1 0 0; text-wrap: nowrap; }
    """

    def __init__(self, field: FormField, value: str) -> None:
        super().__init__()
        self.field = field
        self.value = value

    def on_mount(self) -> None:
        """Show the value."""
        self.update(self.drawn())

    def shorten(self, *, brief: bool) -> None:
        """Say the flag and its value alone, so that several fit in one line; or all of it again."""
        if self.has_class("-brief") != brief:
            self.set_class(brief, "-brief")
            self.update(self.drawn())

    def drawn(self) -> Content:
        """The line."""
        raise NotImplementedError

    @property
    def beside(self) -> str:
        """What stands beside flag and value."""
        return "" if self.has_class("-brief") else f"  {self.field.description}"

    def take(self, value: str) -> None:
        """Change the value, and tell."""
        self.value = value
        self.update(self.drawn())
        self.post_message(FieldChanged(self.field.name, value))


class TickLine(_Line):
    """A flag."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "tick", "Tick", id="field.tick")]

    def drawn(self) -> Content:
        """`[x] --force  Also pods that nothing makes again.`"""
        box = "[x] " if self.value == "yes" else "[ ] "
        return Content.assemble(box, self.field.flag, (self.beside, "$foreground-muted"))

    def action_tick(self) -> None:
        """Tick it, or take the tick away."""
        self.take("no" if self.value == "yes" else "yes")

    def on_click(self) -> None:
        """The same by mouse."""
        self.action_tick()


class ChoiceLine(_Line):
    """One of a few words."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,right", "step(1)", "Next", key_display="space", id="field.next"),
        Binding("left", "step(-1)", "Previous", show=False, id="field.previous"),
    ]

    def drawn(self) -> Content:
        """`--cascade ‹ background ›  What becomes of what they own.`"""
        return Content.assemble(
            f"{self.field.flag} ‹ ",
            (self.value, "bold"),
            " ›",
            (self.beside, "$foreground-muted"),
        )

    def action_step(self, step: int) -> None:
        """Take the next word."""
        choices = self.field.choices
        self.take(choices[(choices.index(self.value) + step) % len(choices)])

    def on_click(self) -> None:
        """The same by mouse."""
        self.action_step(1)


class TextLine(Horizontal):
    """A text."""

    DEFAULT_CSS = """
    TextLine { height: 1; padding: 0 1; }
    TextLine > Label { width: auto; padding: 0 1 0 0; }
    TextLine > Input { width: 1fr; }
    TextLine > Input:focus { background: $primary-muted; }
    """

    def __init__(self, field: FormField, value: str = "") -> None:
        super().__init__()
        self.field = field
        self._value = value

    @property
    def value(self) -> str:
        """What is typed."""
        return self.query_one(Input).value if self.is_mounted else self._value

    def compose(self) -> ComposeResult:
        """Flag and box."""
        placeholder = " · ".join(part for part in (self.field.hint, self.field.description) if part)
        yield Label(self.field.flag, markup=False)
        yield Input(self._value, placeholder=placeholder, compact=True)

    def offer(self, now: AsIs) -> None:
        """Put the value that is there now into the box, or say what there is to know; what was typed already stays."""
        box = self.query_one(Input)
        if now.hint:
            box.placeholder = " · ".join(part for part in (now.hint, box.placeholder) if part)
        if now.value and not box.value:
            box.value = now.value
            box.selection = Selection(*now.replaced)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell."""
        event.stop()
        self.post_message(FieldChanged(self.field.name, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter is the dialog's."""
        event.stop()


FieldLine = TickLine | ChoiceLine | TextLine


def line_of(field: FormField) -> FieldLine:
    """The line for a field."""
    if field.kind == "tick":
        return TickLine(field, field.default)
    if field.kind == "choice":
        return ChoiceLine(field, field.default)
    return TextLine(field, field.default)


def field_under(widget: Widget | None) -> FormField | None:
    """The field of a line that has the focus itself."""
    return widget.field if isinstance(widget, TickLine | ChoiceLine) else None


def focusable(line: Widget) -> Widget:
    """What takes the keys of a line."""
    return line.query_one(Input) if isinstance(line, TextLine) else line
