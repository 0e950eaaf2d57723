"""A document that shows one object: from it the object is edited as text, and shown anew afterwards."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from k8sops.core.clock import Clock
from k8sops.core.plan import Target
from k8sops.tui.document.screen import DocumentScreen
from k8sops.tui.session import Session


class ObjectScreen(DocumentScreen):
    """One object, shown by a subclass."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("e", "edit", "Edit", id="detail.edit")]

    def __init__(self, target: Target, connection: Session, clock: Clock) -> None:
        super().__init__(target.label, connection, clock, namespace=target.namespace)
        self._target = target

    @property
    def is_for_reading_again(self) -> bool:
        """Whether it is read anew when it comes back into sight."""
        return not self._state

    def on_screen_resume(self) -> None:
        """What stood above it may have changed the object, or taken a change back."""
        if self.is_for_reading_again:
            self.action_fetch()

    def action_edit(self) -> None:
        """Edit it as text; what was changed becomes a plan."""
        from k8sops.tui.acting.edit_screen import EditScreen  # noqa: PLC0415 - loaded when opened

        def edited(_: None) -> None:
            self.action_fetch()

        self.app.push_screen(EditScreen(self._connection, self._clock, self._target), edited)
