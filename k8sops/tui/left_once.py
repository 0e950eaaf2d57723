"""Screens that are left once, by themselves, and take no other along.

Textual's `dismiss` takes away the topmost screen, whichever it is called of. Of two keys that come in one burst, as
over a slow line, the second finds a screen that is gone and would take the one below; a session that ends while
something stands above its screen would take that.
"""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType


class LeftOnce(Screen[ScreenResultType]):
    """A screen that goes by `dismiss`; of a modal one it is the second base, as Textual styles by the first."""

    _left: tuple[ScreenResultType | None] | None = None
    """The result of a screen that waits to be on top again."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave with a result: at once, or once nothing stands above; nothing where it has been left."""
        if self.app.screen is self:
            return super().dismiss(result)
        if self in self.app.screen_stack and self._left is None:
            self._left = (result,)
        return AwaitComplete()

    def on_screen_resume(self) -> None:
        """What stood above is gone."""
        if self._left is not None:
            super().dismiss(self._left[0])
