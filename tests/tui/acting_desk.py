"""Actions at the seam: an `Ops` whose plans the test writes, and a bare screen whose rows can be acted on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Static

from k8sops.core.actor import Actor
from k8sops.core.errors import K8sOpsError
from k8sops.core.events import Event
from k8sops.core.plan import ClusterInfo, Decision, Finding, JsonObject, Plan, Step, Target
from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunId, RunState
from k8sops.core.tables import Row
from k8sops.tui.acting.dialog import ActionDialog, Sentence
from k8sops.tui.acting.form import missing
from k8sops.tui.acting.plan_pane import PlanPane
from k8sops.tui.acting.screen import ActingScreen, Chosen
from k8sops.tui.session import Session
from tests.tui.at_rest import until
from tests.tui.feeds import START, DeskOps, FixedClock

CONFIRM = Decision(effect="confirm", why="the default policy")
TYPED = Decision(effect="confirm", why="the default policy", typed_name=True)


def made_plan(
    cluster: ClusterInfo,
    action: str,
    params: Mapping[str, Any],
    *,
    risk: Risk = Risk.LOW,
    findings: Sequence[Finding] = (),
    decision: Decision = CONFIRM,
    steps: int = 1,
) -> Plan:
    """A plan of one step for each target, which differs as its params do."""
    return Plan(
        action=action,
        action_version=1,
        summary=f"Safe: {action} with {dict(params)}"[:160],
        cluster=cluster,
        params=dict(params),
        steps=tuple(
            Step(
                id=f"step-{number}",
                verb=action,
                target=Target(kind="nodes", name=f"n{number}", uid=f"u{number}"),
                why="somebody asked for it",
                before={"spec.unschedulable": False},
                after={"spec.unschedulable": True},
                risk=risk,
            )
            for number in range(1, steps + 1)
        ),
        findings=tuple(findings),
        made_at=START,
        expires_at=START + timedelta(minutes=15),
        decision=decision,
    )


def workload(**images: str) -> JsonObject:
    """A workload's object, as far as its containers go."""
    containers = [{"name": name, "image": image} for name, image in images.items()]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


class ActingOps(DeskOps):
    """Plans as `answer` says, notes what was begun. A held preview is let go by the test."""

    def __init__(self) -> None:
        super().__init__({})
        self.answer: Callable[[str, Mapping[str, Any]], Plan] = lambda action, params: made_plan(
            self.cluster_info, action, params
        )
        self.previews: list[dict[str, Any]] = []
        self.proposals: list[tuple[str, dict[str, Any], str, str]] = []
        self.started: list[RunId] = []
        self.carried: list[RunId] = []
        self.cancelled: list[RunId] = []
        self.refuses_start: K8sOpsError | None = None
        self.refuses_proposal: K8sOpsError | None = None
        self.held: dict[int, asyncio.Event] = {}
        self.known: dict[RunId, Run] = {}

    async def preview(
        self, action: str, params: Mapping[str, Any], actor: Actor, *, reason: str = "", digest: str = ""
    ) -> Run:
        self.previews.append(dict(params))
        number = len(self.previews)
        if number in self.held:
            # Shielded from being cancelled: an answer that is under way arrives all the same.
            await self.held[number].wait()
        return Run(
            id=f"preview-{number}", plan=self.answer(action, params), state=RunState.PROPOSED, actor=actor
        )

    async def propose(
        self,
        action: str,
        params: Mapping[str, Any],
        actor: Actor,
        *,
        reason: str = "",
        hold: bool = False,
        digest: str = "",
        run_id: RunId = "",
    ) -> Run:
        if self.refuses_proposal is not None:
            raise self.refuses_proposal
        plan = self.answer(action, params)
        self.proposals.append((action, dict(params), reason, digest))
        effect = plan.decision.effect if plan.decision is not None else "allow"
        state = RunState.AWAITING_APPROVAL if effect == "approve" else RunState.PROPOSED
        run = Run(
            id=f"run-{len(self.proposals)}",
            plan=plan,
            state=state,
            actor=actor,
            reason=reason,
            proposed_at=START,
        )
        self.known[run.id] = run
        return run

    async def start(
        self, run: RunId, actor: Actor, *, break_glass: str = "", carry: bool = True, seen: str = ""
    ) -> Run:
        if self.refuses_start is not None:
            raise self.refuses_start
        self.started.append(run)
        return self.known[run]

    async def carry(self, run: RunId) -> None:
        self.carried.append(run)

    async def cancel(self, run: RunId, actor: Actor, why: str) -> Run:
        self.cancelled.append(run)
        return self.known[run]

    async def get_run(self, run: RunId) -> Run:
        return msgspec.structs.replace(self.known[run], state=RunState.SUCCEEDED, outcome="done")

    async def watch(self, run: RunId, *, after: int = 0) -> AsyncGenerator[Event, None]:
        for event in self.known[run].events:
            yield event


class Stand(ActingScreen):
    """Rows of one kind, all of them marked."""

    AUTO_FOCUS = ""

    def __init__(self, ops: DeskOps, kind: str, rows: Sequence[Row], clock: FixedClock) -> None:
        super().__init__()
        self._clock = clock
        self._session = Session(lambda *_: _opened(ops), self.post_message)
        self.marked = Chosen(kind, tuple(rows))
        self.skipped: list[str] = []

    @property
    def connection(self) -> Session:
        return self._session

    def chosen(self) -> Chosen:
        return self.marked

    def compose(self) -> ComposeResult:
        yield Input(id="prompt")
        yield Static("rows")

    def on_mount(self) -> None:
        self._session.connect()

    async def on_unmount(self) -> None:
        await self._session.close()


@asynccontextmanager
async def _opened(ops: DeskOps) -> AsyncIterator[DeskOps]:
    yield ops


class Acting:
    """What a user sees and does."""

    def __init__(self, app: App[None], pilot: Pilot[None], ops: ActingOps, stand: Stand) -> None:
        self.app, self.pilot, self.ops, self.stand = app, pilot, ops, stand

    @property
    def dialog(self) -> ActionDialog:
        found = self.app.screen
        assert isinstance(found, ActionDialog)
        return found

    def is_at(self, screen: type[Screen[Any]]) -> bool:
        """Whether this screen is the one in front."""
        return isinstance(self.app.screen, screen)

    @property
    def sentence(self) -> str:
        """What stands in the way."""
        found = self.dialog.query_one(Sentence)
        return str(found.content) if found.display else ""

    @property
    def plan(self) -> str:
        """The text of the plan's pane."""
        pane = self.dialog.query_one(PlanPane)
        return "\n".join(str(each.content) for each in pane.query(Static) if each.display)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    def mark(self, kind: str, *rows: Row) -> None:
        """Other rows are marked from now on."""
        self.stand.marked = Chosen(kind, rows)

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until it holds; fails after two minutes."""
        await until(self.pilot, holds)

    async def settle(self) -> None:
        """Wait until nothing is planned or applied, unless it is held; fails after a minute."""
        async with asyncio.timeout(60):
            while True:
                await self.pilot.pause()
                if self.stand.connection.connected and self._is_answered():
                    await self.pilot.pause()
                    return

    def _is_answered(self) -> bool:
        dialog = self.app.screen
        if not isinstance(dialog, ActionDialog):
            return True
        if any(not event.is_set() for event in self.ops.held.values()):
            return dialog._number > 0
        planned = dialog._shown is not None or dialog._refused or missing(dialog._fields, dialog._values)
        return dialog._number > 0 and bool(planned) and not dialog._applying


@asynccontextmanager
async def acting(
    kind: str, *rows: Row, ops: ActingOps | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Acting]:
    """A screen on which these rows are marked."""
    ops = ops or ActingOps()
    app: App[None] = App()
    app.animation_level = "none"
    stand = Stand(ops, kind, rows, FixedClock())
    async with app.run_test(size=size) as pilot:
        await app.push_screen(stand)
        seen = Acting(app, pilot, ops, stand)
        await seen.settle()
        yield seen
