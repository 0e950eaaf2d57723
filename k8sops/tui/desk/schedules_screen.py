"""All schedules: when each fires next, how it went last, what it may do by itself; pause, resume, fire, remove."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from k8sops.core.clock import Clock
from k8sops.core.durations import age
from k8sops.core.ops import Ops
from k8sops.core.run import RunId
from k8sops.core.schedules import ScheduleView
from k8sops.core.tables import Column, Row
from k8sops.service.command_words import command_line
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.desk.schedule_deeds import ScheduleDeeds
from k8sops.tui.desk.schedule_screen import ScheduleScreen, ends_of_runs, moment_text, outcome_of
from k8sops.tui.session import Session


class Kept(NamedTuple):
    """A schedule, and the command it runs."""

    view: ScheduleView
    does: str
    last: str


def kept(view: ScheduleView, ends: Mapping[RunId, str]) -> Kept:
    """The schedule with its words. For a thread: the action's parameters are imported."""
    last = outcome_of(view.firings[0], ends) if view.firings else "never fired"
    return Kept(view, command_line(view.action, view.params), last)


class SchedulesScreen(ScheduleDeeds, ListScreen):
    """Every schedule of the store."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause/resume", id="schedules.pause"),
        Binding("t", "fire", "Run now", id="schedules.fire"),
        Binding("ctrl+d", "remove", "Remove", key_display="^d", priority=True, id="schedules.remove"),
    ]
    EVERY_S: ClassVar[float] = 5.0
    WORD: ClassVar[str] = "schedule"
    EMPTY: ClassVar[str] = (
        "There are no schedules. `k8sops schedules add NAME --cron '0 3 * * *' -- backup` adds one."
    )
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Name", format="name"),
        Column(name="State"),
        Column(name="Approval"),
        Column(name="Next (UTC)"),
        Column(name="Last"),
        Column(name="Does"),
        Column(name="When", priority=1),
        Column(name="Owner", priority=1),
    )

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._views: dict[str, ScheduleView] = {}

    async def fetch(self, ops: Ops) -> Sequence[Kept]:
        """The schedules with their last firing; what each does is worked out off the screen's loop."""
        records = await ops.records()
        # The list knows the last success only; how it went last stands with each.
        views = [await records.schedule(view.name) for view in await records.schedules()]
        ends = await ends_of_runs(ops)
        return await asyncio.to_thread(lambda: [kept(view, ends) for view in views])

    def show(self, found: Sequence[Kept]) -> None:
        """A row each."""
        self._views = {kept.view.name: kept.view for kept in found}
        self.put([self._row(kept) for kept in found])

    def opened(self, row: Row) -> None:
        """All of one, with its firings."""
        self.app.push_screen(ScheduleScreen(self._connection, self._clock, row.uid))

    def schedule(self) -> ScheduleView | None:
        """The one under the cursor."""
        return self._views.get(self.selected)

    def _row(self, kept: Kept) -> Row:
        view = kept.view
        ago = f" {age(view.firings[0].due, self._clock.now())} ago" if view.firings else ""
        return row_of(
            view.name,
            (
                view.name,
                view.state,
                view.standing,
                moment_text(view.next[0]) if view.next else "-",
                kept.last + ago,
                kept.does,
                view.words,
                view.owner,
            ),
        )
