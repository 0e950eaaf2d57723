"""The line of keys: those of whatever has the focus, pressed by a click, and drawn without a widget for each."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot
from textual.widgets import Input

from k8sops.tui.key_line import KeyLine
from tests.tui.at_rest import until


class KeyApp(App[None]):
    """A line to type in, and keys of its own."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "describe", "Describe"),
        Binding("x", "forbidden", "Forbidden"),
        Binding("u", "count", "Hidden", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.described = 0
        self.bells = 0

    def compose(self) -> ComposeResult:
        yield TypedInto()
        yield KeyLine()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "forbidden" else True

    def action_describe(self) -> None:
        self.described += 1

    def bell(self) -> None:
        self.bells += 1


class TypedInto(Input):
    """Has a key of its own while it has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel", key_display="esc")]


def _said(pilot: Pilot[None]) -> list[str]:
    line = pilot.app.query_one(KeyLine)
    return line.render_line(0).text.split()


async def test_the_keys_are_those_of_whatever_has_the_focus() -> None:
    """Which key does what changes with the focus, so the line does too, and makes no widget for it."""
    async with KeyApp().run_test(size=(80, 10)) as pilot:
        await until(pilot, lambda: "Cancel" in _said(pilot))
        # What is typed is text: letters are no keys there.
        assert _said(pilot) == ["esc", "Cancel"]
        pilot.app.set_focus(None)
        await until(pilot, lambda: _said(pilot) == ["d", "Describe", "x", "Forbidden"])
        assert not pilot.app.query_one(KeyLine).children


async def test_a_click_presses_a_key_and_one_that_is_not_offered_rings() -> None:
    """A key that does nothing when it is clicked would look broken."""
    app = KeyApp()
    async with app.run_test(size=(80, 10)) as pilot:
        app.set_focus(None)
        await until(pilot, lambda: "Describe" in _said(pilot) and "Cancel" not in _said(pilot))
        text = app.query_one(KeyLine).render_line(0).text
        await pilot.click(KeyLine, offset=(text.index("Describe") + 2, 0))
        await until(pilot, lambda: app.described)
        await pilot.click(KeyLine, offset=(text.index("Forbidden") + 2, 0))
        await until(pilot, lambda: app.bells)
        await pilot.click(KeyLine, offset=(70, 0))
        assert (app.described, app.bells) == (1, 1)


async def test_the_key_under_the_pointer_is_told_by_its_look() -> None:
    """Where a click would go is seen before it."""
    app = KeyApp()
    async with app.run_test(size=(80, 10)) as pilot:
        app.set_focus(None)
        await until(pilot, lambda: "Describe" in _said(pilot))
        line = app.query_one(KeyLine)
        before = list(line.render_line(0))
        await pilot.hover(KeyLine, offset=(line.render_line(0).text.index("Describe"), 0))
        await until(pilot, lambda: list(line.render_line(0)) != before)
        await pilot.hover(TypedInto)
        await until(pilot, lambda: list(line.render_line(0)) == before)
