"""When a screen is taken for what it will be: settled, and given a moment where it is known how it should look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import Static

from screenshots.frame import Frame
from screenshots.taking import _Look

SIZE = (40, 6)
STANDING: Any = SimpleNamespace(
    plane=SimpleNamespace(state=SimpleNamespace(ports=SimpleNamespace(apiserver=6443)))
)


class _Screen(App[int]):
    def compose(self) -> ComposeResult:
        yield Static("forecast ok")


async def test_what_comes_last_is_waited_for_where_it_is_known_to_come() -> None:
    """Two looks alike say little on a busy machine: a figure may be on its way from the API server."""
    app = _Screen()
    refused: list[Frame] = []

    def is_wanted(frame: Frame) -> bool:
        if "12Mi" in "\n".join(frame.texts):
            return True
        refused.append(frame)
        app.query_one(Static).update("forecast ok 12Mi")
        return False

    async with app.run_test(size=SIZE) as pilot:
        look = _Look(pilot, SIZE, STANDING)
        assert "12Mi" in "\n".join((await look.until("forecast", is_wanted=is_wanted)).texts)
        assert len(refused) == 1
