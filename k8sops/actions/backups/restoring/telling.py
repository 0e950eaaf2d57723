"""What is told while a restore goes on: progress, each object that could not be restored and why, what was done.

Sentences name objects and never what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from k8sops.core.events import Emission
from k8sops.core.journal import Journal
from k8sops.core.plan import Plan, Step, Target
from k8sops.core.text import counted, printable

UNIT: Final = "objects"
EVERY: Final = 25
LISTED: Final = 200
TOLD: Final = 50

_PAST: Final[Mapping[str, str]] = {
    "create": "created",
    "update": "updated",
    "recreate": "recreated",
    "rebind": "made free for its claim",
}


class Result:
    """Of one step."""

    def __init__(self, step: Step, telling: Telling) -> None:
        self._step: Final = step
        self._telling: Final = telling
        self._done: list[str] = []
        self._failed: dict[str, str] = {}
        self._count = 0

    async def done(self, target: Target) -> None:
        """An object is as it is to be."""
        self._count += 1
        if len(self._done) < LISTED:
            self._done.append(target.label)
        await self._telling.moved(self._step)

    async def failed(self, target: Target, why: str) -> None:
        """An object could not be restored; the comparison tries once more."""
        self._failed[target.label] = why
        self._telling.reasons[target] = why
        if len(self._failed) <= TOLD:
            text = printable(f"{target.label}: {why}")
            await self._telling.journal.tell(Emission(kind="note", step=self._step.id, text=text))
        await self._telling.moved(self._step)

    async def end(self) -> str:
        """The sentence of the step."""
        kind = self._step.target.kind.partition(".")[0]
        what = kind if kind != "*" else UNIT
        text = f"{self._count} {what} {_PAST.get(self._step.verb, 'done')}"
        if self._failed:
            text += f", {len(self._failed)} not: {printable(', '.join(list(self._failed)[:3]))}"
            text += f" and {len(self._failed) - 3} more" if len(self._failed) > 3 else ""
        data = {"done": self._done, "failed": dict(list(self._failed.items())[:LISTED])}
        await self._telling.journal.tell(Emission(kind="note", step=self._step.id, text=f"{text}", data=data))
        return text


class Telling:
    """Of one run. `reasons` are the last word on each object that could not be restored."""

    def __init__(self, plan: Plan, journal: Journal) -> None:
        self.journal: Final = journal
        self.reasons: Final[dict[Target, str]] = {}
        self._total: Final = sum(step.bulk.total for step in plan.steps if step.bulk is not None)
        self._moved = 0
        self._results: Final[dict[str, Result]] = {}
        self._began_at: Final = journal.clock.monotonic()

    def begin(self, step: Step) -> Result:
        """A step is begun."""
        self._results[step.id] = Result(step, self)
        return self._results[step.id]

    def of(self, step: Step) -> Result:
        """The result of a step that was begun."""
        return self._results[step.id]

    async def moved(self, step: Step) -> None:
        """One more object is dealt with."""
        self._moved += 1
        if self._moved % EVERY and self._moved != self._total:
            return
        taken = self.journal.clock.monotonic() - self._began_at
        left = max(0, self._total - self._moved)
        data = {
            "done": self._moved,
            "total": max(self._total, self._moved),
            "unit": UNIT,
            "eta_s": round(taken / self._moved * left, 1),
        }
        text = f"{self._moved} of {counted(self._total, 'object')}"
        await self.journal.tell(Emission(kind="progress", step=step.id, text=text, data=data))
