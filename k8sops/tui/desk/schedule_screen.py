"""One schedule: what it does and may do by itself, when it fires next, each firing there was; Enter opens a run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final, NamedTuple

from textual.binding import Binding, BindingType
from textual.widget import Widget

from k8sops.core.clock import Clock
from k8sops.core.durations import age
from k8sops.core.ops import Ops
from k8sops.core.run import RunFilter, RunId
from k8sops.core.schedules import FiringView, ScheduleView
from k8sops.core.tables import Column, Row
from k8sops.service.schedule_words import Fact, facts
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.desk.page_screen import fact
from k8sops.tui.desk.schedule_deeds import ScheduleDeeds
from k8sops.tui.running.lines_view import Line, LinesView
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.running.words import SIGNS
from k8sops.tui.session import Session

MOST_RUNS: Final = 500
WARNING_FACTS: Final = frozenset({"workers"})


class _Told(NamedTuple):
    view: ScheduleView
    facts: Sequence[Fact]
    ends: Mapping[RunId, str]


class ScheduleScreen(ScheduleDeeds, ListScreen):
    """Facts above, firings below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "approve", "Approve", id="schedule.approve"),
        Binding("x", "deny", "Deny", id="schedule.deny"),
        Binding("p", "pause", "Pause/resume", id="schedule.pause"),
        Binding("t", "fire", "Run now", id="schedule.fire"),
        Binding(
            "ctrl+d", "remove", "Remove", key_display="^d", show=False, priority=True, id="schedule.remove"
        ),
    ]
    DEFAULT_CSS = """
    ScheduleScreen > #facts { height: auto; max-height: 60%; }
    """
    EVERY_S: ClassVar[float] = 5.0
    WORD: ClassVar[str] = "firing"
    EMPTY: ClassVar[str] = "It has not fired yet."
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Due (UTC)"),
        Column(name="State"),
        Column(name="Run"),
        Column(name="Why"),
    )

    def __init__(self, connection: Session, clock: Clock, name: str) -> None:
        super().__init__(connection, clock)
        self._schedule = name
        self._view: ScheduleView | None = None

    def body(self) -> Iterator[Widget]:
        """Facts, and the table of firings."""
        yield LinesView(id="facts")
        yield from super().body()

    async def fetch(self, ops: Ops) -> _Told:
        """The schedule, its words made off the screen's loop."""
        view = await (await ops.records()).schedule(self._schedule)
        told = await asyncio.to_thread(lambda: list(facts(view)))
        return _Told(view, told, await ends_of_runs(ops))

    def show(self, found: _Told) -> None:
        """Facts and firings."""
        self._view = found.view
        self.query_one("#facts", LinesView).show(list(self._lines(found)))
        self.put(
            [
                row_of(
                    f"{firing.due.timestamp()}",
                    (moment_text(firing.due), outcome_of(firing, found.ends), firing.run, firing.why),
                    name=firing.run,
                )
                for firing in found.view.firings
            ]
        )

    def notes(self) -> Iterator[str]:
        """Which one."""
        yield f"schedule {self._schedule}"
        yield from super().notes()

    def schedule(self) -> ScheduleView | None:
        """The one it is about."""
        return self._view

    def opened(self, row: Row) -> None:
        """The run of a firing, where there was one."""
        if row.name:
            self.app.push_screen(RunScreen(self._connection, row.name, self._clock))
        else:
            self.say("This firing made no run.")

    def _lines(self, found: _Told) -> Iterator[Line]:
        view, now = found.view, self._clock.now()
        for name, text in found.facts:
            if name in WARNING_FACTS:
                yield Line(f"! {name:<10} {text}", "warn", 12, 13)
            elif name == "state":
                active = view.state == "active"
                yield Line(f"{'✓' if active else '!'} {name:<10} {text}", "ok" if active else "warn", 1, 13)
            else:
                yield fact(name, text)
        for moment in view.next[:3]:
            yield fact("next", f"{moment_text(moment)} UTC, in {age(now, moment)}")


def moment_text(moment: datetime) -> str:
    """To the minute, with the weekday."""
    return f"{moment:%a %m-%d %H:%M}"


async def ends_of_runs(ops: Ops) -> dict[RunId, str]:
    """The state of the latest runs on this cluster: a firing only knows that it made one."""
    wanted = RunFilter(cluster_uid=ops.cluster_info.uid, limit=MOST_RUNS)
    return {run.id: SIGNS[run.state].word for run in await ops.runs(wanted)}


def outcome_of(firing: FiringView, ends: Mapping[RunId, str]) -> str:
    """What became of a firing: how its run stands, or why there was none."""
    return ends.get(firing.run, "made a run") if firing.run else firing.outcome
