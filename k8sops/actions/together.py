"""Several workloads of one plan: each written under its own step, then waited for side by side, each with its result.

A wave ends before the next begins, and one that failed is the last. Every wait has its own deadline, from the moment
its wave was written; the progress is of all of them and names the slowest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from k8sops.actions.planning import undo_command
from k8sops.core.errors import K8sOpsError, PartialError
from k8sops.core.events import Emission, Emit
from k8sops.core.journal import Journal
from k8sops.core.plan import JsonObject, Plan, Step
from k8sops.core.tasks import all_of
from k8sops.core.text import counted

Write = Callable[[Step], Awaitable[str]]
Wait = Callable[[Step, Emit], Awaitable[str]]
"""Returns the sentence that says it is complete; what it emits on the way is told as part of the whole."""


async def write_and_wait(
    plan: Plan,
    journal: Journal,
    write: Write,
    wait: Wait,
    *,
    waits: Callable[[Step], bool] = lambda _: True,
    wave: int = 0,
) -> None:
    """Write `wave` steps at a time (0: all), then wait for those of them that `waits` takes.

    Raises the error of an only step, else PartialError listing what was done, what was not and what was not begun.
    """
    size = wave or len(plan.steps) or 1
    written: set[str] = set()
    failed: dict[str, K8sOpsError] = {}
    for start in range(0, len(plan.steps), size):
        steps = plan.steps[start : start + size]
        for step in steps:
            try:
                await journal.step(step, partial(write, step))
            except K8sOpsError as error:
                failed[step.id] = error
            else:
                written.add(step.id)
        waiting = [step for step in steps if step.id in written and waits(step)]
        failed |= await wait_together(waiting, wait, journal.tell)
        if failed:
            raise _failure(plan, failed, written)


async def wait_together(steps: Sequence[Step], wait: Wait, emit: Emit) -> dict[str, K8sOpsError]:
    """Wait for all side by side; the errors, by step id, of those that did not come to their end."""
    crowd = _Crowd(steps, emit)

    async def one(step: Step) -> None:
        try:
            said = await wait(step, crowd.voice(step))
        except K8sOpsError as error:
            failed[step.id] = error
            said = error.message
        await crowd.ended(step, said, complete=step.id not in failed)

    failed: dict[str, K8sOpsError] = {}
    await all_of(one(step) for step in steps)
    return {step.id: failed[step.id] for step in steps if step.id in failed}


class _Crowd:
    """What several waits say, told as one."""

    def __init__(self, steps: Sequence[Step], emit: Emit) -> None:
        self._emit = emit
        self._last: dict[str, Emission] = {step.id: _nothing_yet(step) for step in steps}
        self._going = dict.fromkeys(self._last)
        self._failed = 0
        self._told: Emission | None = None
        self._news = False
        self._telling = False

    def voice(self, step: Step) -> Emit:
        """How the wait for one step speaks: notes at once, progress as part of the whole."""

        async def say(emission: Emission) -> None:
            if emission.kind != "progress":
                await self._emit(emission)
                return
            self._last[step.id] = emission
            await self._tell()

        return say

    async def ended(self, step: Step, said: str, *, complete: bool) -> None:
        """One wait is over; what came of it is told, except where it fails alone: then the run says it."""
        del self._going[step.id]
        self._failed += not complete
        if complete or len(self._last) > 1:
            await self._emit(Emission(kind="note", step=step.id, text=said))
        if len(self._last) > 1:
            await self._tell()

    async def _tell(self) -> None:
        """What comes while something is being told goes out with the next, so that a crowd floods no record."""
        self._news = True
        if self._telling:
            return
        self._telling = True
        try:
            while self._news:
                self._news = False
                emission = self._whole()
                if emission != self._told:
                    self._told = emission
                    await self._emit(emission)
        finally:
            self._telling = False

    def _whole(self) -> Emission:
        if len(self._last) == 1:
            return next(iter(self._last.values()))
        everyone = self._last.values()
        done, total = (sum(int(one.data.get(key, 0)) for one in everyone) for key in ("done", "total"))
        unit = next((str(one.data["unit"]) for one in everyone if one.data.get("unit")), "")
        complete = len(self._last) - len(self._going) - self._failed
        text = f"{complete} of {counted(len(self._last), 'workload')} complete"
        if total:
            text += f", {done} of {total} {unit}"
        if self._failed:
            text += f", {self._failed} failed"
        slowest = min((self._last[key] for key in self._going), key=_share, default=None)
        said = slowest.data if slowest else {}
        waiting = {"waiting_for": said.get("waiting_for", ""), "waiting_since": said.get("waiting_since")}
        data = {"done": done, "total": total, "unit": unit, **waiting}
        return Emission(kind="progress", step=slowest.step if slowest else "", text=text, data=data)


def _nothing_yet(step: Step) -> Emission:
    waiting = {"waiting_for": f"{step.target.label}: it has not been looked at"}
    return Emission(kind="progress", step=step.id, text="", data=waiting)


def _share(emission: Emission) -> tuple[float, bool]:
    """How much of it is done; of those alike first the one that says what it waits for."""
    data: JsonObject = emission.data
    total = int(data.get("total", 0))
    silent = not data.get("waiting_for")
    return (int(data.get("done", 0)) / total if total else float(silent), silent)


def _failure(plan: Plan, failed: Mapping[str, K8sOpsError], written: AbstractSet[str]) -> K8sOpsError:
    if len(plan.steps) == 1:
        return next(iter(failed.values()))
    done = [step.target.label for step in plan.steps if step.id in written and step.id not in failed]
    left = [step.target.label for step in plan.steps if step.id not in written and step.id not in failed]
    reasons = "; ".join(error.message for error in failed.values())
    # What was written and did not come to its end stands too.
    undo = "; ".join(command for step in plan.steps if step.id in written and (command := undo_command(step)))
    return PartialError(
        f"{len(done)} of {len(plan.steps)} were done: {', '.join(done) or 'none'}. Not done: {reasons}"
        + (f". Not begun: {', '.join(left)}" if left else ""),
        hint=f"to go back: {undo}" if undo else "what was written stands" if written else "",
    )
