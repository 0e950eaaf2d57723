"""All runs on this cluster, newest first, read again every few seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from k8sops.core.clock import Clock
from k8sops.core.ops import Ops
from k8sops.core.run import RunFilter, RunState, RunSummary, headline_at
from k8sops.core.tables import Column, Row
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.running.words import SIGNS
from k8sops.tui.session import Session

READ_EVERY_S: Final = 2.0
MOST_SHOWN: Final = 500


class RunsScreen(ListScreen):
    """Every run on this cluster."""

    EVERY_S: ClassVar[float] = READ_EVERY_S
    WORD: ClassVar = "run"
    STATES: ClassVar[tuple[RunState, ...]] = ()
    EMPTY: ClassVar = "There are no runs on this cluster yet: whatever is changed here becomes one."
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Age"),
        Column(name="State"),
        Column(name="Action"),
        Column(name="By"),
        Column(name="What"),
        Column(name="Risk", priority=1),
        Column(name="Run", priority=1),
    )

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._rows: dict[str, tuple[RunSummary, Row]] = {}

    async def fetch(self, ops: Ops) -> Sequence[RunSummary]:
        """A page of runs."""
        wanted = RunFilter(states=self.STATES, cluster_uid=ops.cluster_info.uid, limit=MOST_SHOWN)
        return await ops.runs(wanted)

    def show(self, found: Sequence[RunSummary]) -> None:
        """Show them; rows of runs that have not changed stay the same rows."""
        self._rows = {
            run.id: self._rows[run.id] if self._stands(run) else (run, self._row(run)) for run in found
        }
        self.put([row for _, row in self._rows.values()])

    def notes(self) -> Iterator[str]:
        """Whether these are all."""
        yield from super().notes()
        if self.table.total == MOST_SHOWN:
            yield "older ones are not shown"

    def opened(self, row: Row) -> None:
        """Open the run."""
        self.app.push_screen(RunScreen(self._connection, row.uid, self._clock))

    def _stands(self, run: RunSummary) -> bool:
        """Whether its row says all that is to be said; a wait grows longer by itself."""
        known = self._rows.get(run.id)
        return known is not None and known[0] == run and run.waiting_since is None

    def _row(self, run: RunSummary) -> Row:
        return row_of(run.id, tuple(self._cells(run)), created=run.proposed_at)

    def _cells(self, run: RunSummary) -> Iterator[str]:
        what = headline_at(run, self._clock.now())
        yield from ("", SIGNS[run.state].word, run.action, run.who, what, run.risk, run.id)
