"""What is told while a restore goes on: progress, each object that could not be restored and why, what was done.

Sentences name objects and never what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from k8sops.actions.backups.restoring.made import Made
from k8sops.core.errors import K8sOpsError, PartialError
from k8sops.core.events import QUIET, Emission
from k8sops.core.journal import Journal
from k8sops.core.plan import Plan, Step, Target
from k8sops.core.text import counted, printable, shortened

UNIT: Final = "objects"
EVERY: Final = 25
LISTED: Final = 200
TOLD: Final = 50
NAMED: Final = 3
SHOWN: Final = 200
_NOT: Final = " not: "

_PAST: Final[Mapping[str, str]] = {
    "create": "created",
    "update": "updated",
    "recreate": "recreated",
    "rebind": "made free for its claim",
}
_COMPARED: Final = ("objects", "unchanged", "differing", "refused", "conflicts")
"""What a plan counts of the objects that are compared in the end."""


class NothingDoneError(PartialError):
    """A step of which not one object is as it is to be; the others go on."""


class Result:
    """Of one step."""

    def __init__(self, step: Step, telling: Telling) -> None:
        self._step: Final = step
        self._telling: Final = telling
        self._planned: Final = planned(step)
        self._done: list[str] = []
        self._failed: dict[str, str] = {}
        self._count = 0
        self._ended = False

    async def done(self, target: Target) -> None:
        """An object is as it is to be."""
        self._count += 1
        if len(self._done) < LISTED:
            self._done.append(target.label)
        if self._step.verb == "create":
            await self._telling.made.add(self._step, target)
        await self._telling.moved(self._step)

    async def failed(self, target: Target, why: str) -> None:
        """An object could not be restored; the comparison tries once more."""
        self._failed[target.label] = why
        self._telling.reasons[target] = why
        if len(self._failed) <= TOLD:
            text = printable(f"{target.label}: {why}")
            await self._telling.journal.tell(Emission(kind="note", step=self._step.id, text=text))
        await self._telling.moved(self._step)

    def left_open(self, target: Target) -> None:
        """It was under way when all was broken off."""
        self._failed[target.label] = "it was under way, and may have been done, or half done"

    async def end(self) -> str:
        """The sentence of the step; raises NothingDoneError with it where nothing came of the step.

        What was planned and had nothing done to it was there when its turn came.
        """
        self._ended = True
        there = max(0, self._planned - self._count - len(self._failed))
        await self._telling.moved(self._step, by=there)
        text = self._sentence(there)
        await self._list(text)
        if self._failed and not (self._count or there):
            raise NothingDoneError(text)
        return text

    async def broken_off(self) -> tuple[int, Mapping[str, str]]:
        """How many are as they are to be, and what could not be restored, where it did not come to its end."""
        if self._ended:
            return self._planned - len(self._failed), self._failed
        if self._count or self._failed:
            await self._list(f"broken off: {self._sentence(0)}")
        return self._count, self._failed

    async def _list(self, text: str) -> None:
        await self._telling.made.flush(self._step)
        data = {"done": self._done, "failed": dict(list(self._failed.items())[:LISTED])}
        await self._telling.journal.tell(
            Emission(kind="note", step=self._step.id, text=text, data=data | QUIET)
        )

    def _sentence(self, there: int) -> str:
        target = self._step.target
        where = f" in {target.namespace}" if target.namespace else ""
        parts = []
        if self._count or not (there or self._failed):
            parts.append(f"{self._of(self._count)}{where} {_PAST.get(self._step.verb, 'done')}")
        if there:
            number = str(there) if parts else f"{self._of(there)}{where}"
            parts.append(f"{number} {'was' if there == 1 else 'were'} there already")
        if self._failed:
            named = printable(", ".join(list(self._failed)[:3]))
            more = f" and {len(self._failed) - 3} more" if len(self._failed) > 3 else ""
            parts.append(f"{len(self._failed)}{_NOT}{named}{more}")
        return ", ".join(parts)

    def _of(self, number: int) -> str:
        kind = self._step.target.kind
        singular = self._telling.singular.get(kind)
        return counted(number, singular, kind.partition(".")[0]) if singular else counted(number, "object")


class Telling:
    """Of one run. `reasons` are the last word on each object that could not be restored."""

    def __init__(self, plan: Plan, journal: Journal, singular: Mapping[str, str]) -> None:
        """`singular` is what one object of a kind (`plural.group`) is called."""
        self.journal: Final = journal
        self.singular: Final = singular
        self.reasons: Final[dict[Target, str]] = {}
        self._total: Final = sum(map(planned, plan.steps))
        before = journal.results_below("restore")
        self.made: Final = Made(journal)
        self._before: Final = before
        self._made_before: Final = any(
            _PAST["create"] in before.get(step.id, "") for step in plan.steps if step.verb == "create"
        )
        self._moved = sum(planned(step) for step in plan.steps if step.id in before)
        """What earlier carriers dealt with is not dealt with again."""
        self._to_compare: Final = sum(int(plan.blast_radius.get(name, 0)) for name in _COMPARED)
        self._compared = 0
        self._results: Final[dict[str, Result]] = {}
        self._began_at: Final = journal.clock.monotonic()

    def begin(self, step: Step) -> Result:
        """A step is begun."""
        self._results[step.id] = Result(step, self)
        return self._results[step.id]

    def of(self, step: Step) -> Result:
        """The result of a step that was begun."""
        return self._results[step.id]

    def fell_short(self, step: Step) -> bool:
        """Whether an earlier carrier of the run did the step, and not all of it."""
        return _NOT in self._before.get(step.id, "")

    async def broken_off(self, plan: Plan, error: K8sOpsError) -> PartialError:
        """What the run ends with where the cluster went away in the middle: what is done, what not, and why."""
        failed: dict[str, str] = {}
        done = total = 0
        for step in plan.steps:
            total += planned(step)
            if step.id in self._results:
                some, others = await self._results[step.id].broken_off()
                done += some
                failed.update(others)
            elif step.id in self._before and not self.fell_short(step):
                done += planned(step)
        named = "; ".join(
            shortened(printable(f"{label} ({why})"), SHOWN) for label, why in list(failed.items())[:NAMED]
        )
        more = f" and {len(failed) - NAMED} more, see the run's notes" if len(failed) > NAMED else ""
        undo = self.way_back()
        return PartialError(
            f"the restore broke off: {error.message}. Done: {done} of {counted(total, 'object')}"
            f"{f'; not: {named}{more}' if failed else ''}; nothing has been compared with the backup",
            hint="once that is mended, run it again for the rest: what is there is left"
            f"{f'; {undo}' if undo else ''}",
        )

    def way_back(self) -> str:
        """How to take back what the run has made, in a clause; nothing where it has made nothing."""
        if not (self.made.anything or self._made_before):
            return ""
        run = self.journal.errand.run
        return f"to go back: `k8sops runs undo {run} --commands` prints the commands that do"

    async def moved(self, step: Step, *, by: int = 1) -> None:
        """So many more objects are dealt with."""
        before, self._moved = self._moved, self._moved + by
        if before // EVERY == self._moved // EVERY and not (by and self._moved == self._total):
            return
        taken = self.journal.clock.monotonic() - self._began_at
        left = max(0, self._total - self._moved)
        await self._progress(step, self._moved, self._total, "", eta_s=round(taken / self._moved * left, 1))

    async def compared(self, step: Step, *, all_of: int | None = None) -> None:
        """One more object is compared; `all_of` is how many there were, once it is known."""
        if all_of is None:
            self._compared += 1
            if self._compared % EVERY == 0:
                await self._progress(step, self._compared, self._to_compare, " compared")
        elif all_of:
            await self._progress(step, all_of, all_of, " compared")

    async def _progress(
        self, step: Step, done: int, total: int, what: str, *, eta_s: float | None = None
    ) -> None:
        total = max(done, total)
        data = {"done": done, "total": total, "unit": UNIT, "eta_s": eta_s}
        text = f"{done} of {counted(total, 'object')}{what}"
        await self.journal.tell(Emission(kind="progress", step=step.id, text=text, data=data))


def planned(step: Step) -> int:
    """How many objects a step is for."""
    return step.bulk.total if step.bulk is not None else 0
