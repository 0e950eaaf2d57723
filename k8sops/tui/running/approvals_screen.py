"""What waits for a person: runs and standing approvals that want a vote, and reviews that nobody has closed.

Enter shows plan and drift, or the schedule, and there the vote is given. A store that cannot tell of the rest still
tells of the runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.desk import ReviewView
from k8sops.core.digests import SHORTEST_DIGEST
from k8sops.core.ops import Ops
from k8sops.core.run import RunFilter, RunState, RunSummary
from k8sops.core.schedules import ScheduleView
from k8sops.core.tables import Column, Row
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.desk.schedule_screen import ScheduleScreen
from k8sops.tui.desk.screen import Deed, Fetched
from k8sops.tui.running.asking import Choice, ask
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.running.runs_screen import MOST_SHOWN, READ_EVERY_S
from k8sops.tui.session import Session

_HOW = {"emergency": "in an emergency"}


class Waiting(NamedTuple):
    """All that waits."""

    runs: Sequence[RunSummary]
    schedules: Sequence[ScheduleView]
    reviews: Sequence[ReviewView]


class ApprovalsScreen(ListScreen):
    """Requests, newest first, then standing approvals, then open reviews."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("v", "review", "Close review", id="approvals.review")]
    EVERY_S: ClassVar[float] = READ_EVERY_S
    WORD: ClassVar[str] = "request"
    EMPTY: ClassVar[str] = "Nothing waits for approval."
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Age"),
        Column(name="Risk"),
        Column(name="Action"),
        Column(name="By"),
        Column(name="Digest"),
        Column(name="What"),
        Column(name="Run", priority=1),
    )

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._schedules: dict[str, ScheduleView] = {}
        self._reviews: dict[str, ReviewView] = {}

    async def fetch(self, ops: Ops) -> Waiting:
        """Ask the store for all three."""
        wanted = RunFilter(
            states=(RunState.AWAITING_APPROVAL,), cluster_uid=ops.cluster_info.uid, limit=MOST_SHOWN
        )
        runs = await ops.runs(wanted)
        if self._read_at is None:
            # The first look loads what the rest needs: requests do not wait for it.
            self.post_message(Fetched(Waiting(runs, (), ())))
        records = await ops.records()
        schedules = [one for one in await records.schedules() if one.standing == "awaits votes"]
        return Waiting(runs, schedules, await records.reviews())

    def show(self, found: Waiting) -> None:
        """A row each."""
        self._schedules = {f"schedule {one.name}": one for one in found.schedules}
        self._reviews = {f"review {one.run}": one for one in found.reviews}
        self.put([*map(_request, found.runs), *self._standing(), *self._open_reviews()])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A review is closed where the cursor is on one."""
        if action == "review":
            return self.selected in self._reviews
        return super().check_action(action, parameters)

    def opened(self, row: Row) -> None:
        """Where the vote is given, or what is to be reviewed."""
        if schedule := self._schedules.get(row.uid):
            self.app.push_screen(ScheduleScreen(self._connection, self._clock, schedule.name))
            return
        review = self._reviews.get(row.uid)
        run = review.run if review is not None else row.uid
        self.app.push_screen(RunScreen(self._connection, run, self._clock))

    def action_review(self) -> None:
        """Say what was found of a run that went round approvals."""
        run = self._reviews[self.selected].run
        ask(
            self.app,
            "Close the review",
            f"What was found of run {run}? The note is recorded, and the review is closed.",
            (Choice("v", "Close it"), Choice("n", "Cancel")),
            lambda answer: self.do("closing", _closing(run, answer.text)),
            prompt="note",
            required=True,
        )

    def _standing(self) -> Iterator[Row]:
        for uid, one in self._schedules.items():
            what = f"{one.name} would do this by itself, {one.words}"
            digest = one.standing_digest[:SHORTEST_DIGEST]
            yield row_of(uid, ("", one.standing_risk, f"schedule {one.action}", one.owner, digest, what, ""))

    def _open_reviews(self) -> Iterator[Row]:
        for uid, one in self._reviews.items():
            what = f"! went round approvals {_HOW.get(one.kind, 'by breaking the glass')}: {one.headline}"
            yield row_of(uid, ("", "", "review", one.actor, "", what, one.run), created=one.opened_at)


def _request(run: RunSummary) -> Row:
    digest = run.digest[:SHORTEST_DIGEST]
    cells = ("", run.risk, run.action, run.who, digest, run.headline, run.id)
    return row_of(run.id, cells, created=run.proposed_at)


def _closing(run: str, note: str) -> Deed:
    async def deed(ops: Ops, actor: Actor) -> str:
        await (await ops.records()).close_review(run, note, actor)
        return f"the review of run {run} is closed"

    return deed
