"""A question in the middle of the screen: which key gives which answer, while something is typed and while not."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.widgets import Button, Input

from k8sops.tui.running.asking import Answer, AskScreen, Choice

STOP = (Choice("c", "Stop it"), Choice("n", "Let it go on"))


def _said(screen: AskScreen) -> list[str]:
    return [str(button.label) for button in screen.query(Button)]


async def _asked(*keys: str, prompt: str = "Why") -> tuple[list[str], list[Answer | None]]:
    """What the answers said before the keys were pressed, and what came of them."""
    given: list[Answer | None] = []
    app: App[None] = App()
    async with app.run_test() as pilot:
        screen = AskScreen("Stop", "Stop the run?", STOP, prompt=prompt)
        await app.push_screen(screen, given.append)
        await pilot.pause()
        said = _said(screen)
        for key in keys:
            await pilot.press(key)
        await pilot.pause()
    return said, given


async def test_while_a_reason_is_typed_the_answers_say_what_enter_and_esc_do() -> None:
    """A letter that is shown and only types itself has a run go on that somebody meant to stop."""
    said, given = await _asked("w", "r", "o", "n", "g", "enter")
    assert said == ["Stop it (Enter)", "Let it go on (Esc)"]
    assert given == [Answer("c", "wrong")]


@pytest.mark.parametrize(("letter", "answer"), [("n", None), ("c", Answer("c", ""))])
async def test_a_letter_alone_and_enter_is_the_answer_and_no_reason(
    letter: str, answer: Answer | None
) -> None:
    """Who types `n` to say no must not have stopped a run for the reason "n"."""
    _, given = await _asked(letter, "enter")
    assert given == [answer]


async def test_off_the_text_the_letters_are_said_again_and_count() -> None:
    """Tab leads from the reason to the answers."""
    given: list[Answer | None] = []
    app: App[None] = App()
    async with app.run_test() as pilot:
        screen = AskScreen("Stop", "Stop the run?", STOP, prompt="Why")
        await app.push_screen(screen, given.append)
        await pilot.press("h", "o", "t", "tab")
        await pilot.pause()
        assert not isinstance(screen.focused, Input)
        assert _said(screen) == ["Stop it (c)", "Let it go on (n)"]
        await pilot.press("c")
    assert given == [Answer("c", "hot")]


async def test_a_question_without_a_text_goes_by_letters() -> None:
    """As it always did."""
    said, given = await _asked("n", prompt="")
    assert said == ["Stop it (c)", "Let it go on (n)"]
    assert given == [None]
