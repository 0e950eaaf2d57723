"""One run's life in this process: its task, its events in order, and whoever follows them.

Every change of the run is an event first; the snapshot a door reads is made from it, so the two cannot disagree.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.events import Emission, Event, Progress
from k8sops.core.ports import Action, Cluster
from k8sops.core.run import Run, RunError, RunState

CANCEL_DEADLINE_S: Final = 10.0


class Execution:
    """A run, its events and its task."""

    def __init__(self, run: Run, clock: Clock) -> None:
        self.run = run
        self._clock = clock
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    @property
    def going(self) -> bool:
        """Whether a task is still working on it."""
        return self._task is not None and not self._task.done()

    async def begin(self, action: Action[Any], cluster: Cluster) -> None:
        """Go from proposed to running and work in the background."""
        self.run = msgspec.structs.replace(self.run, state=RunState.RUNNING, started_at=self._clock.now())
        await self.record(Emission(kind="state", text="running", data={"state": str(RunState.RUNNING)}))
        self._task = asyncio.create_task(self._work(action, cluster), name=f"run {self.run.id}")

    async def cancel(self, who: str) -> None:
        """Stop within a step and wait for it. Does nothing to a run that has ended."""
        if self.run.state.ended:
            return
        if self._task is None or self._task.done():
            await self.end(RunState.CANCELLED, outcome=f"cancelled by {who} before it started")
            return
        self._task.cancel(who)
        await asyncio.wait([self._task], timeout=CANCEL_DEADLINE_S)

    async def end(self, state: RunState, *, outcome: str, error: K8sOpsError | None = None) -> None:
        """Reach a final state."""
        failure = RunError(code=error.code, message=error.message, hint=error.hint) if error else None
        self.run = msgspec.structs.replace(
            self.run, state=state, ended_at=self._clock.now(), outcome=outcome, error=failure
        )
        await self.record(Emission(kind="state", text=outcome, data={"state": str(state)}))

    async def record(self, emission: Emission) -> None:
        """Give an event its number and time, store it, wake whoever follows."""
        event = Event(
            seq=len(self.run.events) + 1,
            at=self._clock.now(),
            kind=emission.kind,
            text=emission.text,
            step=emission.step,
            data=emission.data,
        )
        progress = self.run.progress
        if emission.kind == "progress":
            progress = msgspec.convert(emission.data, Progress)
        async with self._changed:
            self.run = msgspec.structs.replace(self.run, events=(*self.run.events, event), progress=progress)
            self._changed.notify_all()

    async def follow(self, after: int) -> AsyncGenerator[Event, None]:
        """Events with seq > `after`, until the run has ended and all were given."""
        seen = after
        while True:
            async with self._changed:
                while len(self.run.events) <= seen and not self.run.state.ended:
                    await self._changed.wait()
                fresh, ended = self.run.events[seen:], self.run.state.ended
            for event in fresh:
                yield event
            seen += len(fresh)
            if ended and seen >= len(self.run.events):
                return

    async def _work(self, action: Action[Any], cluster: Cluster) -> None:
        try:
            await action.apply(self.run.plan, cluster, self.record, self._clock)
        except K8sOpsError as error:
            await self.end(RunState.FAILED, outcome=f"failed: {error.message}", error=error)
        except asyncio.CancelledError as cancelled:
            who = str(cancelled.args[0]) if cancelled.args else "the program"
            await self.end(RunState.CANCELLED, outcome=f"cancelled by {who}: {self._account()}")
        except Exception as error:  # noqa: BLE001 - worker boundary: a defect must end the run, not hang its watchers
            defect = K8sOpsError(
                f"{action.name} stopped on a defect of this program ({type(error).__name__}: {error}); "
                f"{self._account()}",
                hint="please report it with the output of `k8sops doctor`",
            )
            await self.end(RunState.FAILED, outcome=f"failed: {defect.message}", error=defect)
        else:
            await self.end(RunState.SUCCEEDED, outcome=self._success())

    def _success(self) -> str:
        seconds = (self._clock.now() - (self.run.started_at or self._clock.now())).total_seconds()
        steps = len(self.run.plan.steps)
        if not steps:
            return "nothing had to be done"
        progress = self.run.progress
        reached = f", {progress.done} of {progress.total} {progress.unit}" if progress.total else ""
        return f"done: {'1 step' if steps == 1 else f'{steps} steps'}{reached}, in {seconds:.1f} s"

    def _account(self) -> str:
        """What was done and what was not, from the events alone."""
        done = {event.step for event in self.run.events if event.kind == "step_done"}
        labels_done = [step.target.label for step in self.run.plan.steps if step.id in done]
        labels_left = [step.target.label for step in self.run.plan.steps if step.id not in done]
        parts = []
        if labels_done:
            undo = "; ".join(
                str(step.undo["command"])
                for step in self.run.plan.steps
                if step.id in done and step.undo and "command" in step.undo
            )
            parts.append(f"done: {', '.join(labels_done)}" + (f" (to go back: {undo})" if undo else ""))
        if labels_left:
            parts.append(f"not done: {', '.join(labels_left)}")
        return "; ".join(parts) or "nothing was changed"
