"""The screen of one object in words, with its events; YAML is a key away."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.json_shapes import mapping
from k8sops.core.plan import JsonObject, Target
from k8sops.core.secret_values import masked
from k8sops.core.tables import Table, TableQuery
from k8sops.tui.describe import describe_lines
from k8sops.tui.detail import DetailScreen
from k8sops.tui.document.editable import ObjectScreen
from k8sops.tui.document.looks import words_spans
from k8sops.tui.document.screen import Laid
from k8sops.tui.session import Session


class DescribeScreen(ObjectScreen):
    """An object in words."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "yaml", "YAML", id="describe.yaml")]

    def __init__(self, target: Target, connection: Session, clock: Clock) -> None:
        super().__init__(target, connection, clock)
        self._found: JsonObject = {}
        self._events: Table | None = None

    def action_yaml(self) -> None:
        """The same object as YAML."""
        self.app.push_screen(DetailScreen(self._target, self._connection, self._clock))

    def lay(self) -> Laid:
        """The description."""
        lines = describe_lines(self._found, self._events, self._clock.now())
        return Laid(lines, words_spans(lines))

    async def fetch(self) -> None:
        """Read the object and what happened to it."""
        one = self._target
        found = masked(await self._connection.object(one.kind, one.name, one.namespace))
        metadata = mapping(found.get("metadata"))
        query = TableQuery(
            kind="events",
            namespace=metadata.get("namespace") or "",
            field_selector=f"involvedObject.uid={metadata.get('uid', '')}",
        )
        events: Table | None = None
        try:
            events = await self._connection.ops.table(query)
        except K8sOpsError:
            # Not everybody may list events, and the object is told without them.
            events = None
        self._found, self._events = found, events
