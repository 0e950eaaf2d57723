"""One run, live: its plan's verdict, each step and how far it is, what it waits for, its log, and its end.

It shows what the store has of the run, so that somebody else's run is watched as one's own is. What is done to a run
here goes through `Deeds`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ClassVar, Final, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.worker import WorkType

from k8sops.core.clock import Clock
from k8sops.core.digests import SHORTEST_DIGEST
from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.core.plan_words import where_text
from k8sops.core.risk import Risk
from k8sops.core.run import WAITING, Run, RunId, RunState, Settlement
from k8sops.core.tables import TableQuery
from k8sops.core.text import counted, printable
from k8sops.tui.draining.on_run import RunPicture
from k8sops.tui.key_line import KeyLine
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.running.asking import Choice, ask
from k8sops.tui.running.deeds import Checked, Deeds, Done, NextFound, Refused, Uncounted
from k8sops.tui.running.following import RunFollower
from k8sops.tui.running.leaving import leave
from k8sops.tui.running.lines_view import LinesView
from k8sops.tui.running.words import headline, log_line, progress_text, run_lines, sentence_of, steps_told
from k8sops.tui.session import Session
from k8sops.tui.status import Banner, ClusterLine, SaidLine

TICK_S: Final = 1.0
_WHEN: Final[dict[str, Callable[[Run], bool]]] = {
    "apply": lambda run: run.state is RunState.PROPOSED and not run.plan.blockers,
    "approve": lambda run: run.state is RunState.AWAITING_APPROVAL,
    "deny": lambda run: run.state is RunState.AWAITING_APPROVAL,
    "break_glass": lambda run: run.state is RunState.AWAITING_APPROVAL,
    "next": lambda run: run.state is RunState.AWAITING_APPROVAL or bool(run.approvals),
    "cancel": lambda run: not run.state.ended,
    "undo": lambda run: run.state.ended and any(event.kind == "step_done" for event in run.events),
    "settle": lambda run: run.state is RunState.NEEDS_REVIEW,
}
"""When each key is offered."""


class RunScreen(LeftOnce[None]):
    """A run from proposal to end."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "apply", "Apply", key_display="⏎", priority=True, id="run.apply"),
        Binding("y", "approve", "Approve", id="run.approve"),
        Binding("x", "deny", "Deny", id="run.deny"),
        Binding("n", "next", "Next", id="run.next"),
        Binding("s", "settle", "Settle", id="run.settle"),
        Binding("u", "undo", "Undo", id="run.undo"),
        Binding("c", "cancel", "Cancel", id="run.cancel"),
        Binding("b", "break_glass", "Break the glass", show=False, id="run.break_glass"),
        Binding("r", "retry", "Refresh", show=False, id="run.retry"),
        Binding("tab", "app.focus_next", "Log", show=False, id="run.pane"),
        Binding("right", "turn(1)", "Next part", show=False, priority=True, id="run.turn"),
        Binding("left", "turn(-1)", "Part before", show=False, priority=True, id="run.turn_back"),
        Binding("escape,q", "back", "Back", key_display="esc", id="run.back"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, id="run.interrupt"),
    ]
    DEFAULT_CSS = """
    RunScreen > #headline { height: 1; padding: 0 1; background: $panel; }
    RunScreen > #above { height: auto; }
    RunScreen > #told { height: 1fr; }
    RunScreen.-drain > #above, RunScreen.-drain > #told { display: none; }
    RunScreen.-drain-details > #told { display: block; }
    RunScreen #verdict { height: auto; max-height: 3; padding: 0 1; text-style: bold; }
    RunScreen #progress { height: auto; max-height: 2; padding: 0 1; color: $text-accent; }
    RunScreen #page { height: 1fr; }
    RunScreen #log-title { height: 1; padding: 0 1; background: $panel; color: $text-muted; }
    RunScreen #log { height: auto; max-height: 50%; }
    RunScreen > Footer { height: 1; }
    """

    def __init__(self, connection: Session, run_id: RunId, clock: Clock) -> None:
        super().__init__()
        self._connection = connection
        self._clock = clock
        self._deeds = Deeds(connection, self.post_message)
        self._follower = RunFollower(connection, run_id, self.post_message)
        self._picture = RunPicture(self)
        self._drift: tuple[str, ...] | None = None
        self._checked = ""
        self._uncounted = ""
        self._said = ""
        self._busy = ""

    @property
    def connection(self) -> Session:
        """The connection that everything goes through."""
        return self._connection

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield SaidLine(id="headline")
        yield Banner()
        with Vertical(id="above"):
            yield Static(id="verdict")
            yield Static(id="progress")
        with Vertical(id="told"):
            yield LinesView(id="page")
            yield SaidLine(id="log-title")
            yield LinesView(id="log", follows=True)
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin to follow."""
        self.query_one("#page", LinesView).focus()
        self.query_one("#headline", SaidLine).say(f"~ loading run {self._follower.run_id}")
        self._follow()
        self.set_interval(TICK_S, self._tell)
        self._tell()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done to the run as it stands."""
        if action == "turn":
            return self._picture.is_shown
        if action not in _WHEN:
            return True
        run = self._follower.run
        if action == "approve" and self._uncounted:
            return False
        return run is not None and not self._busy and _WHEN[action](run)

    # What the workers say

    def on_run_news(self) -> None:
        """Show what is new."""
        run = self._follower.run
        if run is not None and run.state is RunState.AWAITING_APPROVAL and self._checked != run.id:
            self._checked = run.id
            self._work(partial(self._deeds.check, run.id), "check")
        self._tell()
        self.refresh_bindings()

    def on_checked(self, message: Checked) -> None:
        """Show what has drifted."""
        if self._follower.run is not None and message.run_id == self._follower.run.id:
            self._drift = message.drift
            if message.drift is None:
                self._said = f"! whether the cluster still is as planned cannot be told: {message.trouble}"
            self._tell()

    def on_uncounted(self, message: Uncounted) -> None:
        """Offer no yes, and say why."""
        if self._follower.run is not None and message.run_id == self._follower.run.id:
            self._uncounted = message.why
            self._said = f"! no approval from here: {message.why}"
            self._tell()
            self.refresh_bindings()

    def on_done(self, message: Done) -> None:
        """Go on with what came of it."""
        self._busy, self._said = "", message.said if not message.run.state.ended else ""
        self._follow()
        self._tell()
        self.refresh_bindings()

    def on_refused(self, message: Refused) -> None:
        """Say why, and show the run as it is now: it may have been decided elsewhere."""
        self._busy, self._said = "", f"✗ {sentence_of(message.error)}"
        self._follow()
        self._tell()
        self.refresh_bindings()

    def on_next_found(self, message: NextFound) -> None:
        """Show the next one in place of this."""
        if not message.run_id:
            self._said = "✓ no other run waits for approval"
        else:
            self._follower = RunFollower(self._connection, message.run_id, self.post_message)
            self._drift, self._said, self._checked, self._uncounted = None, "", "", ""
            self._follow()
        self._tell()

    # What the user does

    def action_apply(self) -> None:
        """Apply a proposal, after what policy wants asked."""
        run = self._run
        decision = run.plan.decision
        if decision is not None and decision.typed_name:
            name = run.plan.cluster.name
            ask(
                self.app,
                f"Apply to {name}",
                f"This is {run.plan.risk}. Type the cluster's name to apply it: {name}",
                (Choice("a", "Apply"), Choice("n", "Cancel")),
                lambda _: self._start(run),
                prompt="name of the cluster",
                must_be=name,
                careful=True,
            )
        else:
            self._start(run)

    def action_approve(self) -> None:
        """Ask for the yes to exactly this plan."""
        run = self._run
        drifted = "".join(f"\n! drifted: {change}" for change in self._drift or ())
        careful = run.plan.risk is Risk.DESTRUCTIVE or bool(drifted)
        ask(
            self.app,
            "Approve",
            f"Approve plan {run.plan.digest[:SHORTEST_DIGEST]} of {run.who} for "
            f"{run.plan.cluster.name} ({run.plan.risk})?{drifted}",
            (Choice("y", "Approve"), Choice("n", "Cancel")),
            lambda answer: self._do("approving", self._deeds.vote(run, "approve", answer.text)),
            prompt="reason (optional); it is recorded with the vote",
            careful=careful,
        )

    def action_deny(self) -> None:
        """Ask for the no."""
        run = self._run
        ask(
            self.app,
            "Deny",
            f"Deny plan {run.plan.digest[:SHORTEST_DIGEST]} of {run.who}? The run ends there.",
            (Choice("x", "Deny"), Choice("n", "Cancel")),
            lambda answer: self._do("denying", self._deeds.vote(run, "deny", answer.text)),
            prompt="reason (optional); it is recorded with the vote",
        )

    def action_break_glass(self) -> None:
        """Ask for the reason to go round approvals; policy says who may, and a review stays open."""
        run = self._run
        ask(
            self.app,
            "Break the glass",
            f"Start {run.plan.action} on {run.plan.cluster.name} without the approvals that are missing? "
            "Everybody is told, and a review stays open until a policy administrator closes it.",
            (Choice("b", "Break the glass"), Choice("n", "Cancel")),
            lambda answer: self._start(run, break_glass=answer.text),
            prompt="reason",
            required=True,
        )

    def action_cancel(self) -> None:
        """Ask whether to stop it."""
        run = self._run
        waits = run.state in WAITING
        question = (
            "Withdraw this run? Nothing has been changed yet."
            if waits
            else "Stop this run within its present step? It then says what was done and what was not."
        )
        ask(
            self.app,
            "Withdraw" if waits else "Cancel",
            question,
            (Choice("c", "Withdraw" if waits else "Stop it"), Choice("n", "Let it go on")),
            lambda answer: self._do("stopping", self._deeds.cancel(run.id, answer.text)),
            prompt="reason (optional)",
        )

    def action_undo(self) -> None:
        """Open the dialog on what takes it back; its plan is shown before anything is done."""
        # Loaded here: the dialog hands over to this screen.
        from k8sops.tui.acting.undoing import undo_dialog  # noqa: PLC0415 - as above

        try:
            self.app.push_screen(undo_dialog(self._connection, self._clock, self._run))
        except UsageError as error:
            self._said = f"✗ {sentence_of(error)}"
            self._tell()

    def action_settle(self) -> None:
        """Ask what became of the step in doubt."""
        run = self._run
        known = {"d": "done", "t": "retry", "a": "abandon"}
        ask(
            self.app,
            "Settle",
            "Its carrier died in a step that must not be repeated. What became of that step?",
            (
                Choice("d", "It was done"),
                Choice("t", "Try it again"),
                Choice("a", "Give the run up"),
                Choice("n", "Cancel"),
            ),
            lambda answer: self._do(
                "settling", self._deeds.settle(run.id, cast("Settlement", known[answer.key]))
            ),
            careful=True,
        )

    def action_turn(self, step: int) -> None:
        """Turn to another part of the picture."""
        self._picture.turn(step)

    def action_next(self) -> None:
        """Go to the next run that waits for a vote."""
        self._work(partial(self._deeds.find_next, self._follower.run_id), "next")

    def action_retry(self) -> None:
        """Read the run again."""
        self._said, self._checked, self._uncounted = "", "", ""
        self._follow()
        self._tell()

    def action_back(self) -> None:
        """Return to where it was opened."""
        self.dismiss()

    def action_interrupt(self) -> None:
        """Leave the program, by the key every terminal program is left with."""
        leave(self.app, self._connection)

    @property
    def _run(self) -> Run:
        assert self._follower.run is not None  # noqa: S101 - `check_action` offers nothing before
        return self._follower.run

    def _start(self, run: Run, *, break_glass: str = "") -> None:
        self._do("starting", self._deeds.start(run.id, break_glass))

    def _do(self, doing: str, work: Coroutine[Any, Any, None]) -> None:
        self._busy, self._said = doing, ""
        # The app's worker: leaving the screen does not take back what was said.
        self.app.run_worker(work, group="deed")
        self._tell()
        self.refresh_bindings()

    def _work(self, work: WorkType[None], group: str) -> None:
        # As a function: a coroutine that is overtaken before it began would never be awaited.
        self.run_worker(work, group=group, exclusive=True)

    def _follow(self) -> None:
        self._work(self._follower.follow, "follow")

    # What is shown

    def _tell(self) -> None:
        self._tell_place()
        follower, run = self._follower, self._follower.run
        lost = follower.lost
        sentence = self._said
        if lost is not None:
            stale = " What is shown may be old." if run is not None else ""
            sentence = f"! {sentence_of(lost)}{stale} It is tried again by itself."
        self.query_one(Banner).say(sentence)
        if run is None:
            return
        doing = f" · {self._busy} …" if self._busy else ""
        self.query_one("#headline", SaidLine).say(headline(run, self._clock.now()) + doing)
        self._put("#verdict", run.plan.summary)
        going = "" if run.state.ended else progress_text(follower.progress, self._clock.now())
        self._put("#progress", going)
        self._picture.tell(follower, self._drift, self._clock.now())
        self.query_one("#page", LinesView).show(run_lines(run, steps_told(run, follower.events), self._drift))
        said = run.error.message if run.error is not None else ""
        log = [line for event in follower.events if (line := log_line(event, said)) is not None]
        shows_log = run.state not in WAITING
        self.query_one("#log", LinesView).display = shows_log
        title = self.query_one("#log-title", SaidLine)
        title.display = shows_log
        title.say(f"LOG · {counted(len(log), 'line')} · Tab moves between the panes")
        self.query_one("#log", LinesView).show(log)

    def _tell_place(self) -> None:
        try:
            cluster = self._connection.ops.cluster_info
        except K8sOpsError:
            return
        run = self._follower.run
        namespace = where_text(run.plan) if run is not None else ""
        self.query_one(ClusterLine).tell(cluster, TableQuery(kind="runs", namespace=namespace))

    def _put(self, where: str, text: str) -> None:
        widget = self.query_one(where, Static)
        widget.display = bool(text)
        widget.update(Content(printable(text)))
