"""Runs at the seam: a service whose runs are held in memory and moved only by the test that holds them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import msgspec

from k8sops.core.actor import Actor, Identity
from k8sops.core.errors import AlreadyDecidedError, K8sOpsError, NoSuchRunError
from k8sops.core.events import Event, EventKind, Progress
from k8sops.core.plan import ClusterInfo, Decision, Demand, Finding, Plan, Step, Target
from k8sops.core.risk import Risk
from k8sops.core.run import Approval, Run, RunFilter, RunId, RunState, RunSummary, Settlement, Vote
from tests.tui.fake_records import FakeRecords, a_schedule
from tests.tui.feeds import POD_COLUMNS, START, DeskOps, Feed
from tests.tui.scenes import SHOP

BOB = Actor(name="bob@acme.example", surface="cli")
ALICE = Actor(name="alice@acme.example", surface="tui")


class RunOps(DeskOps):
    """Keeps runs; `away` is raised by everything that asks the store."""

    def __init__(self) -> None:
        super().__init__({"pods": Feed(POD_COLUMNS, SHOP)})
        self.kept: dict[RunId, Run] = {}
        self.away: K8sOpsError | None = None
        self.cluster_away: K8sOpsError | None = None
        self.refuses: K8sOpsError | None = None
        self.drifted: tuple[str, ...] = ()
        self.forged = ""
        self.uncounted = ""
        self.refusals_asked = 0
        self.asked: list[tuple[str, ...]] = []
        self.carrying: list[RunId] = []
        self.kept_here = FakeRecords()
        self._changed = asyncio.Event()

    def put(self, run: Run) -> Run:
        """Keep a run, or replace it."""
        self.kept[run.id] = run
        self._stir()
        return run

    def become(self, run_id: RunId, state: RunState, text: str = "", **changes: Any) -> Run:
        """Another state, with its event."""
        run = msgspec.structs.replace(self.kept[run_id], state=state, **changes)
        self.put(run)
        return self.tell(run_id, "state", text or str(state), data={"state": str(state)})

    def tell(self, run_id: RunId, kind: EventKind, text: str, *, step: str = "", **extra: Any) -> Run:
        """One more event."""
        run = self.kept[run_id]
        seq = len(run.events) + 1
        event = Event(seq=seq, at=START + timedelta(seconds=seq), kind=kind, text=text, step=step, **extra)
        return self.put(msgspec.structs.replace(run, events=(*run.events, event)))

    def _stir(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def lose(self, error: K8sOpsError | None) -> None:
        """The store goes away, or comes back."""
        self.away = error
        self._stir()

    def _look(self) -> None:
        if self.away is not None:
            raise self.away

    @property
    def carried_here(self) -> tuple[RunId, ...]:
        return tuple(self.carrying)

    async def records(self) -> FakeRecords:
        self._look()
        return self.kept_here

    async def whoami(self) -> Identity:
        if self.cluster_away is not None:
            raise self.cluster_away
        return await super().whoami()

    async def get_run(self, run: RunId) -> Run:
        self._look()
        if run not in self.kept:
            raise NoSuchRunError(f"there is no run {run}")
        return self.kept[run]

    async def runs(self, wanted: RunFilter) -> tuple[RunSummary, ...]:
        self._look()
        found = sorted(self.kept.values(), key=lambda run: run.id, reverse=True)
        return tuple(_summary(run) for run in found if not wanted.states or run.state in wanted.states)

    async def watch(self, run: RunId, *, after: int = 0) -> AsyncGenerator[Event, None]:
        while True:
            changed = self._changed
            present = await self.get_run(run)
            for event in present.events[after:]:
                after = event.seq
                yield event
            if present.state.ended:
                return
            await changed.wait()

    async def drift(self, run: RunId) -> tuple[str, ...]:
        return self.drifted

    async def approval_refused(self, run: RunId, actor: Actor) -> str:
        self.refusals_asked += 1
        present = await self.get_run(run)
        if any(given.actor.name == actor.name for given in present.approvals):
            return f"{actor.name} has approved run {run} already"
        own = "the vote does not count: nobody approves what they asked for themselves"
        return own if present.actor.name == actor.name else self.uncounted

    async def unproposed(self, run: RunId) -> str:
        return self.forged

    async def decide(self, run: RunId, vote: Vote, actor: Actor) -> Run:
        self._do("decide", run, vote.verdict, vote.digest, vote.reason, actor.name)
        present = self.kept[run]
        if present.state is not RunState.AWAITING_APPROVAL:
            raise AlreadyDecidedError(f"run {run} is {present.state}: there is nothing to decide")
        yes = vote.verdict == "approve"
        approvals = (*present.approvals, Approval(actor=actor, vote=vote, at=START))
        state = RunState.QUEUED if yes else RunState.DENIED
        outcome = "" if yes else f"denied by {actor.name}"
        return self.become(run, state, approvals=approvals, outcome=outcome)

    async def start(
        self, run: RunId, actor: Actor, *, break_glass: str = "", carry: bool = True, seen: str = ""
    ) -> Run:
        self._do("start", run, *((break_glass,) if break_glass else ()))
        self.carrying.append(run)
        return self.become(run, RunState.RUNNING, started_at=START)

    async def cancel(self, run: RunId, actor: Actor, why: str) -> Run:
        self._do("cancel", run, why)
        outcome = "cancelled: 1 of 2 steps done"
        return self.become(run, RunState.CANCELLED, outcome=outcome, ended_at=START)

    async def resume(self, run: RunId, how: Settlement, actor: Actor) -> Run:
        self._do("resume", run, how)
        return self.become(run, RunState.RUNNING)

    async def undo(self, run: RunId, actor: Actor, *, reason: str = "", run_id: RunId = "") -> Run:
        self._do("undo", run)
        return self.put(a_run("01RUNUNDO", actor=actor, summary="Safe: node-3 takes pods again."))

    async def leave_behind(self) -> str:
        self._do("leave_behind")
        return "a worker goes on in the background as process 4711"

    def _do(self, *what: str) -> None:
        self.asked.append(what)
        self._look()
        if self.refuses is not None:
            raise self.refuses


class RecordOps(RunOps):
    """Also two schedules, one of which wants votes."""

    def __init__(self) -> None:
        super().__init__()
        self.kept_here = FakeRecords(a_schedule("nightly"), a_schedule("web-night", waits=True))


def a_plan(*, summary: str, blocked: bool = False, decision: Decision | None = None) -> Plan:
    """Two steps on a node."""
    node = Target(kind="nodes", name="node-3", uid="uid-3")
    return Plan(
        action="drain",
        action_version=1,
        summary=summary,
        cluster=ClusterInfo(
            context="acme-staging", server="https://x", uid="cluster-uid", name="acme-staging", environment="staging"
        ),
        params={"nodes": ["node-3"]},
        steps=(
            Step(
                id="cordon/node-3", verb="cordon", target=node, why="no new pods", risk=Risk.LOW,
                before={"schedulable": True}, after={"schedulable": False},
            ),
            Step(
                id="drain/node-3", verb="drain", target=node, why="its pods move", risk=Risk.DISRUPTIVE,
                before={}, after={},
            ),
        ),
        findings=(
            Finding(level="warning", code="singleton", text="redis runs once: it is away for 20 s"),
            *((Finding(level="blocker", code="pdb", text="payments-pdb allows none"),) if blocked else ()),
        ),
        made_at=START,
        expires_at=START + timedelta(hours=1),
        decision=decision,
    )  # fmt: skip


def a_run(
    run_id: RunId,
    *,
    state: RunState = RunState.PROPOSED,
    actor: Actor = BOB,
    summary: str = "Fits: 57 pods move, none stays pending.",
    progress: Progress | None = None,
    decision: Decision | None = None,
) -> Run:
    """A drain of node-3."""
    if state is RunState.AWAITING_APPROVAL and decision is None:
        demands = (Demand(count=1, groups=("ops",)),)
        decision = Decision(
            effect="approve", why="drains in staging want a second pair of eyes", demands=demands
        )
    return Run(
        id=run_id,
        plan=a_plan(summary=summary, decision=decision),
        state=state,
        actor=actor,
        reason="kernel update",
        proposed_at=START,
        started_at=START if state is RunState.RUNNING else None,
        progress=progress or Progress(),
    )


def _summary(run: Run) -> RunSummary:
    return RunSummary(
        id=run.id,
        action=run.plan.action,
        state=run.state,
        headline=run.headline,
        summary=run.plan.summary,
        actor=run.actor,
        cluster_uid=run.plan.cluster.uid,
        risk=str(run.plan.risk),
        digest=run.plan.digest,
        proposed_at=START,
        waiting_since=run.waiting_since,
    )
