"""One audit record, all of it, as YAML; from it to the run it is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from k8sops.core.clock import Clock
from k8sops.core.desk import AuditView
from k8sops.core.ops import Ops
from k8sops.tui.desk.page_screen import PageScreen
from k8sops.tui.manifest import yaml_lines
from k8sops.tui.running.lines_view import Line
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.session import Session


class RecordScreen(PageScreen):
    """A record does not change: nothing is read."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "run", "Its run", id="record.run")]

    def __init__(self, connection: Session, clock: Clock, view: AuditView) -> None:
        super().__init__(connection, clock)
        self._view = view

    async def fetch(self, ops: Ops) -> AuditView:
        """The record itself."""
        return self._view

    def lines(self, found: Any) -> Sequence[Line]:
        """What it says in a line, then all of it."""
        view: AuditView = found
        said = [Line(view.what, "heading"), Line("")] if view.what else []
        return [*said, *(Line(line) for line in yaml_lines(view.document))]

    def notes(self) -> Iterator[str]:
        """Which one."""
        yield f"record {self._view.seq}"
        yield self._view.code or self._view.trouble

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a record of a run leads to one."""
        return bool(self._view.run) if action == "run" else super().check_action(action, parameters)

    def action_run(self) -> None:
        """Open the run."""
        self.app.push_screen(RunScreen(self._connection, self._view.run, self._clock))
