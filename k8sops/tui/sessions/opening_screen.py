"""A session that is on its way to the terminal: it takes every key, so that none acts on the table below.

Whoever types on, taking the shell for open, must not delete or scale by it; where the session is refused, the reason
stays until Esc.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from k8sops.core.text import printable
from k8sops.tui.left_once import LeftOnce


class OpeningScreen(ModalScreen[None], LeftOnce[None]):
    """Says what is being opened, or why it is not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Give up", priority=True, id="opening.back"),
        Binding("ctrl+c", "give_up", show=False, priority=True, id="opening.interrupt"),
    ]
    DEFAULT_CSS = """
    OpeningScreen { align: center middle; }
    OpeningScreen > Vertical {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; background: $surface; padding: 0 1;
    }
    OpeningScreen Static { width: 1fr; height: auto; }
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._told = Static(Content("~ opening …"))
        self._over = False
        self.is_refused = False
        self.on_give_up: Callable[[], object] = lambda: None
        """Called where Esc comes before the session has begun."""

    @property
    def told(self) -> str:
        """What it says."""
        return str(self._told.content)

    def compose(self) -> ComposeResult:
        """One sentence."""
        with Vertical() as box:
            box.border_title = Content(printable(self._title))
            box.border_subtitle = "Esc goes back"
            yield self._told

    def refuse(self, why: str) -> None:
        """Say why there is no session; Esc leads back."""
        self._over = self.is_refused = True
        self._told.update(Content(f"✗ {printable(why)}"))

    def close(self) -> None:
        """The session is over, or nobody wants it any more."""
        self._over = True
        self.dismiss()

    def on_key(self, event: events.Key) -> None:
        """Typed for the session, not for what is below."""
        event.stop()

    def action_give_up(self) -> None:
        """Go back; what was being opened is given up."""
        if not self._over:
            self.on_give_up()
        self.close()
