"""Screens that are left once, however many keys say so.

A key goes to what has the focus and reaches its screen a turn later. Of two that come in one burst, as over a slow
line, the second then finds a screen that is gone, and Textual would take away the one below it.
"""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType


class LeftOnce(Screen[ScreenResultType]):
    """A screen that goes by `dismiss`; of a modal one it is the second base, as Textual styles by the first."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave with a result; nothing where it has been left."""
        return super().dismiss(result) if self in self.app.screen_stack else AwaitComplete()
