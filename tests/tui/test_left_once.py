"""A screen that is left takes no other along: not the one below, not the one above."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest
from textual.app import App
from textual.screen import ModalScreen, Screen

import k8sops.tui
from k8sops.tui.left_once import LeftOnce


class _Asked(ModalScreen[str], LeftOnce[str]):
    """Anything that is asked."""


async def test_a_screen_that_is_left_twice_takes_no_other_with_it() -> None:
    """The table below went with the menu above it, and the program with the table."""
    app: App[None] = App()
    async with app.run_test() as pilot:
        table: Screen[None] = Screen()
        await app.push_screen(table)
        answers: list[str | None] = []
        asked = _Asked()
        await app.push_screen(asked, answers.append)
        asked.dismiss("first")
        asked.dismiss("second")
        await pilot.pause()
        assert app.screen is table
        assert answers == ["first"]


async def test_a_screen_that_is_left_below_another_goes_when_that_has_gone() -> None:
    """A shell that ends while one reads the help: the help went, and the program with the shell's screen."""
    app: App[None] = App()
    async with app.run_test() as pilot:
        answers: list[str | None] = []
        asked, above = _Asked(), _Asked()
        await app.push_screen(asked, answers.append)
        await app.push_screen(above)
        asked.dismiss("over")
        asked.dismiss("over again")
        assert app.screen is above
        above.dismiss()
        await pilot.pause()
        assert asked not in app.screen_stack
        assert answers == ["over"]


def _screens() -> list[type[Screen[object]]]:
    found = []
    for module in pkgutil.walk_packages(k8sops.tui.__path__, "k8sops.tui."):
        named = vars(import_module(module.name)).values()
        found += [one for one in named if inspect.isclass(one) and issubclass(one, Screen)]
    return sorted(
        {one for one in found if one.__module__.startswith("k8sops.tui.")}, key=lambda one: one.__name__
    )


@pytest.mark.parametrize("screen", _screens(), ids=lambda screen: screen.__name__)
def test_every_screen_that_can_be_left_is_left_once(screen: type[Screen[object]]) -> None:
    """A new screen that forgets it would bring the fault back where nobody types fast in a test."""
    if "dismiss(" in inspect.getsource(screen):
        assert issubclass(screen, LeftOnce)
