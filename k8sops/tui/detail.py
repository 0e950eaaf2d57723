"""One object as YAML: Secret values masked until asked for, which goes on record before they are shown."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.plan import JsonObject, Target
from k8sops.core.secret_values import is_secret, masked
from k8sops.tui.document.editable import ObjectScreen
from k8sops.tui.document.looks import yaml_spans
from k8sops.tui.document.revealing import RevealingScreen
from k8sops.tui.document.screen import Laid
from k8sops.tui.manifest import manifest_lines
from k8sops.tui.session import Session


class DetailScreen(RevealingScreen[JsonObject], ObjectScreen):
    """An object as YAML."""

    ending = "yaml"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "managed_fields", "managedFields", id="detail.managed_fields"),
        Binding("x", "secrets", "Decode", id="detail.secrets"),
    ]

    def __init__(self, target: Target, connection: Session, clock: Clock, *, reveal: bool = False) -> None:
        """With `reveal` the values of a Secret are asked for at once."""
        super().__init__(target, connection, clock)
        self._found: JsonObject | None = None
        self._reveals = reveal
        self._managed_fields = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to decode only where something is masked."""
        if action == "secrets":
            return self._found is not None and is_secret(self._found)
        return super().check_action(action, parameters)

    @property
    def is_for_reading_again(self) -> bool:
        """Values that were decoded stay until they are masked by hand: to decode them again is another record."""
        return self.revealed is None and super().is_for_reading_again

    def action_managed_fields(self) -> None:
        """Show who set which field, or not."""
        self._managed_fields = not self._managed_fields
        self.lay_out()

    async def fetch(self) -> None:
        """Read the object; of a Secret nothing is kept that is not shown."""
        one = self._target
        self._found = masked(await self._connection.object(one.kind, one.name, one.namespace))
        self.revealed = None
        if self._reveals and is_secret(self._found):
            self._reveals = False
            self.post_message(self._Fetched())
            await self.reveal()

    def lay(self) -> Laid:
        """The YAML."""
        found, revealed = self._found or {}, self.revealed
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
            shown = self.revealed is not None
            notes.append("! values DECODED, on record; x masks" if shown else "values masked, x decodes")
        return [*notes, "with managedFields"] if self._managed_fields else notes

    async def read_revealed(self, actor: Actor) -> JsonObject:
        """Read the Secret with its values."""
        reading = await self._connection.ops.reading()
        return await reading.reveal(self._target.name, self._target.namespace, actor)
