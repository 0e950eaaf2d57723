"""The input of the prompt: whatever comes faster than the screen answers is text of the prompt, or is dropped.

Keys wait in the queue of the widget that had the focus when they came. What closes the prompt is therefore done as
its key is taken, not by a message later; a key behind it was typed before anybody could see what it would act on.
"""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.widgets import Input

from k8sops.tui.own_room import OwnRoom


class TypingLine(Input, OwnRoom):
    """One line of text, which offers every key to its owner first."""

    def __init__(self, taken: Callable[[events.Key], bool]) -> None:
        super().__init__(select_on_focus=False)
        self._taken = taken

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Keep all styles: the prompt gives this line the same ones with the focus and without."""

    def on_key(self, event: events.Key) -> None:
        """Keep what the owner took; the rest is text, or moves in it."""
        if self._taken(event):
            event.stop()
            event.prevent_default()

    def insert_key(self, event: events.Key) -> None:
        """Take a letter that was sent elsewhere before this line was there."""
        if event.is_printable and event.character is not None:
            self.insert_text_at_cursor(event.character)
