"""Text in which values are masked until a person asks for them, which goes on record before they are shown.

What is shown is asked for anew each time: nothing that was masked is kept for later.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from textual import work
from textual.message import Message

from k8sops.core.actor import Actor
from k8sops.core.errors import K8sOpsError
from k8sops.tui.document.screen import DocumentScreen
from k8sops.tui.running.actor import actor_at_screen

T = TypeVar("T")


class RevealingScreen(DocumentScreen, Generic[T]):
    """Shows what is masked on demand, and masks it again. Whoever inherits it binds a key to `secrets`."""

    revealed: T | None = None
    """What is shown in place of what is masked."""

    class _Revealed(Message):
        def __init__(self, found: object) -> None:
            super().__init__()
            self.found = found

    class _Hidden(Message):
        def __init__(self, error: K8sOpsError) -> None:
            super().__init__()
            self.error = error

    async def read_revealed(self, actor: Actor) -> T:
        """Read it with its values, as this person, which is on record then. Raises K8sOpsError where it may not be."""
        raise NotImplementedError

    def action_secrets(self) -> None:
        """Show what is masked, or mask it again."""
        if self.revealed is not None:
            self.revealed = None
            self.lay_out()
        else:
            self.tell("~ putting on record that the values are looked at")
            self._reveal_now()

    def on_revealing_screen__revealed(self, message: _Revealed) -> None:
        """Show the values, which are on record by now as looked at."""
        self.revealed = message.found  # type: ignore[assignment]  # messages are not generic
        self.tell("")
        self.lay_out()

    def on_revealing_screen__hidden(self, message: _Hidden) -> None:
        """Say why they stay masked."""
        self.tell("")
        self.refuse(message.error)

    async def reveal(self) -> None:
        """Ask for the values; what comes of it is told by message."""
        try:
            actor = await actor_at_screen(self._connection.ops)
            self.post_message(self._Revealed(await self.read_revealed(actor)))
        except K8sOpsError as error:
            self.post_message(self._Hidden(error))

    @work(group="reveal", exclusive=True)
    async def _reveal_now(self) -> None:
        await self.reveal()
