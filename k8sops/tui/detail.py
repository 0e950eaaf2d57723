"""One object as YAML: Secret values masked until asked for, which goes on record before they are shown."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import JsonObject, Target
from k8sops.core.secret_values import is_secret, masked
from k8sops.tui.document.editable import ObjectScreen
from k8sops.tui.document.looks import yaml_spans
from k8sops.tui.document.screen import Laid
from k8sops.tui.manifest import manifest_lines
from k8sops.tui.running.actor import actor_at_screen
from k8sops.tui.session import Session


class DetailScreen(ObjectScreen):
    """An object as YAML."""

    ending = "yaml"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "managed_fields", "managedFields", id="detail.managed_fields"),
        Binding("x", "secrets", "Decode", id="detail.secrets"),
    ]

    class _Revealed(Message):
        def __init__(self, found: JsonObject) -> None:
            super().__init__()
            self.found = found

    class _Hidden(Message):
        def __init__(self, error: K8sOpsError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, target: Target, connection: Session, clock: Clock, *, reveal: bool = False) -> None:
        """With `reveal` the values of a Secret are asked for at once."""
        super().__init__(target, connection, clock)
        self._found: JsonObject | None = None
        self._revealed: JsonObject | None = None
        self._reveals = reveal
        self._managed_fields = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to decode only where something is masked."""
        if action == "secrets":
            return self._found is not None and is_secret(self._found)
        return super().check_action(action, parameters)

    def action_managed_fields(self) -> None:
        """Show who set which field, or not."""
        self._managed_fields = not self._managed_fields
        self.lay_out()

    def action_secrets(self) -> None:
        """Show the values of a Secret, or mask them again."""
        if self._revealed is not None:
            self._revealed = None
            self.lay_out()
        else:
            self.tell("~ putting on record that the values are looked at")
            self._reveal_now()

    def on_detail_screen__revealed(self, message: _Revealed) -> None:
        """Show the values, which are on record by now as looked at."""
        self._revealed = message.found
        self.tell("")
        self.lay_out()

    def on_detail_screen__hidden(self, message: _Hidden) -> None:
        """Say why they stay masked."""
        self.tell("")
        self.refuse(message.error)

    async def fetch(self) -> None:
        """Read the object; of a Secret nothing is kept that is not shown."""
        one = self._target
        self._found = masked(await self._connection.object(one.kind, one.name, one.namespace))
        self._revealed = None
        if self._reveals and is_secret(self._found):
            self._reveals = False
            self.post_message(self._Fetched())
            await self._reveal()

    def lay(self) -> Laid:
        """The YAML."""
        found, revealed = self._found or {}, self._revealed
        lines = manifest_lines(
            revealed if revealed is not None else found,
            managed_fields=self._managed_fields,
            secrets=revealed is not None,
        )
        return Laid(lines, yaml_spans(lines))

    def notes(self) -> list[str]:
        """Whether values are hidden, and whether managedFields are."""
        notes = []
        if self._found is not None and is_secret(self._found):
            shown = self._revealed is not None
            notes.append("! values DECODED, on record; x masks" if shown else "values masked, x decodes")
        return [*notes, "with managedFields"] if self._managed_fields else notes

    @work(group="reveal", exclusive=True)
    async def _reveal_now(self) -> None:
        await self._reveal()

    async def _reveal(self) -> None:
        ops, one = self._connection.ops, self._target
        try:
            actor = await actor_at_screen(ops)
            reading = await ops.reading()
            self.post_message(self._Revealed(await reading.reveal(one.name, one.namespace, actor)))
        except K8sOpsError as error:
            self.post_message(self._Hidden(error))
