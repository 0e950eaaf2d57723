"""What came of it: cluster and backup compared object by object, which is the outcome of the run.

What this run failed to make is tried once more first, now that all else is there, and owner references are linked to
owners that came after what they own. What somebody took away meanwhile is not made again: no plan said so. Whatever
is not as in the backup is named, each object, and the run has failed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.actions.backups.restoring.acting import Acting, Patience
from k8sops.actions.backups.restoring.deciding import Verb, decide, takes_over
from k8sops.actions.backups.restoring.groups import Group
from k8sops.actions.backups.restoring.linking import Linking
from k8sops.actions.backups.restoring.pace import Pace
from k8sops.actions.backups.restoring.pairing import Live, Pair
from k8sops.actions.backups.restoring.preparing import Restore
from k8sops.actions.backups.restoring.steps import Places
from k8sops.actions.backups.restoring.telling import Telling
from k8sops.actions.backups.restoring.trying import Trials, in_words
from k8sops.core.errors import K8sOpsError, PartialError
from k8sops.core.events import Emission
from k8sops.core.plan import Plan, Step, Target
from k8sops.core.text import counted, printable, shortened

NAMED: Final = 3
SHOWN: Final = 200
PER_NOTE: Final = 50


class Found(msgspec.Struct):
    """What the comparison counted, and the objects that are not as in the backup, with why."""

    equal: int = 0
    beyond: int = 0
    linked: int = 0
    unlinked: int = 0
    left: int = 0
    different: dict[Target, str] = {}
    missing: dict[Target, str] = {}
    kept: dict[Target, str] = {}
    """Different, and left as they are, as was asked."""

    @property
    def wrong(self) -> int:
        """How many objects are not as in the backup."""
        return len(self.different) + len(self.missing) + len(self.kept)


class Checking:
    """Compares once."""

    def __init__(
        self,
        restore: Restore,
        plan: Plan,
        acting: Acting,
        linking: Linking,
        pace: Pace,
        telling: Telling,
        trials: Trials,
    ) -> None:
        self._restore: Final = restore
        self._acting: Final = acting
        self._linking: Final = linking
        self._pace: Final = pace
        self._telling: Final = telling
        self._trials: Final = trials
        stays = (
            subject for one in plan.findings if one.code == "existing_differs" for subject in one.subjects
        )
        self._stays: Final = frozenset(stays)
        self._places: Final = Places(plan.steps)
        self._fell_short: Final = Places(step for step in plan.steps if telling.fell_short(step))
        self.found: Final = Found()

    async def run(self, step: Step) -> str:
        """The sentence that says all is there. Raises PartialError naming what is not."""
        clock = self._telling.journal.clock
        patience = Patience(clock, min(10.0, float(self._restore.params.timeout)))
        async with self._telling.made.kept(step):
            for group in self._restore.chosen.groups:
                async for batch in self._restore.survey.pairs(group):

                    async def one(pair: Pair, group: Group = group) -> None:
                        if await self._pair(step, group, pair, patience):
                            await self._telling.compared(step)

                    await self._pace.each(batch, one)
        await self._telling.made.flush(step)
        return await self._told(step)

    async def _pair(self, step: Step, group: Group, pair: Pair, patience: Patience) -> bool:
        """Whether it is one of those that are compared."""
        if pair.left:
            self.found.left += 1
            return False
        decision = decide(group, pair, self._restore.rules)
        if decision.verb == "along":
            return False
        why = ""
        if self._failed_here(group, pair, decision.verb):
            why = await self._once_more(step, decision.verb, group, pair, patience)
            pair = await self._restore.survey.again(group, pair)
        elif decision.verb == "create":
            why = await self._why_absent(group, pair)
        if pair.live is None or pair.live.deleting:
            said = why or self._telling.reasons.get(pair.target, "")
            self.found.missing[pair.target] = f"is not there{': ' + said if said else ''}"
            return True
        trouble = await self._linked(group, pair, pair.live)
        self._count(group, pair, why, trouble, skipped=decision.verb == "skip")
        return True

    def _count(self, group: Group, pair: Pair, why: str, trouble: str, *, skipped: bool) -> None:
        judgement = pair.judgement
        if judgement is None or not judgement.equal:
            text = judgement.text if judgement else "cannot be compared"
            text += f": {why}" if why else ""
            (self.found.kept if skipped and self._stays_as_is(group, pair) else self.found.different)[
                pair.target
            ] = text
        elif trouble:
            self.found.different[pair.target] = trouble
        else:
            self.found.equal += 1
            self.found.beyond += bool(judgement.beyond)

    def _stays_as_is(self, group: Group, pair: Pair) -> bool:
        # More than are listed stay as they are as well; what was made here is none of them.
        return not self._stays or pair.target.label in self._stays or not self._ours(group, pair)

    async def _once_more(self, step: Step, verb: Verb, group: Group, pair: Pair, patience: Patience) -> str:
        """Why it could not be done now either; empty where it was."""
        try:
            made = await self._acting.do(verb, group, pair, patience)
        except K8sOpsError as error:
            return in_words(group, error.message)
        if made and verb == "create":
            await self._telling.made.add(step, pair.target)
        return ""

    def _failed_here(self, group: Group, pair: Pair, verb: Verb) -> bool:
        """Whether this run was to do it and could not; of what an earlier carrier did its record says that."""
        planned = self._places.verbs(group.level, group.qualified, pair.target.namespace)
        if verb == "update":
            # What somebody made meanwhile was to be created, and no plan said to change theirs.
            meant = "update" in planned or takes_over(group, pair, force=False)
            return meant and pair.target in self._telling.reasons
        if verb != "create":
            return False
        if "recreate" in planned:
            # A carrier may have died between deleting it and making it anew, and left no word of it.
            return True
        if "create" not in planned:
            return False
        if pair.target in self._telling.reasons:
            return True
        return "create" in self._fell_short.verbs(group.level, group.qualified, pair.target.namespace)

    async def _why_absent(self, group: Group, pair: Pair) -> str:
        """What keeps it from being there, by a dry run: no step of this run is for making it."""
        if pair.live is not None and pair.live.deleting:
            return "it is being deleted"
        verdict = await self._trials.create(group, pair)
        if verdict.name == "created":
            return "it went since this was planned, or would not have been taken then; it would be now"
        return verdict.why

    def _ours(self, group: Group, pair: Pair) -> bool:
        """Whether a step of the plan was for objects in this place."""
        return bool(self._places.verbs(group.level, group.qualified, pair.target.namespace))

    async def _linked(self, group: Group, pair: Pair, live: Live) -> str:
        """Link what has no owner yet; why that could not be, or nothing."""
        if not pair.owners or pair.target.label in self._stays or not self._ours(group, pair):
            return ""
        try:
            linked, missing = await self._linking.link(group, pair, live)
        except K8sOpsError as error:
            return f"its owner could not be linked: {error.message}"
        self.found.linked += linked
        self.found.unlinked += missing
        return ""

    async def _told(self, step: Step) -> str:
        found = self.found
        total = found.equal + found.wrong
        await self._telling.compared(step, all_of=total)
        are = "is" if total == 1 else "are"
        text = f"{found.equal} of {counted(total, 'object')} {are} as in {self._restore.source.label}"
        more = [
            f"{number} {what}"
            for number, what in (
                (found.beyond, "have more than the backup"),
                (found.linked, "were linked to their owners"),
                (found.unlinked, "name owners that are not there"),
                (found.left, "were left to what makes them"),
            )
            if number
        ]
        if more:
            text += f" ({', '.join(more)})"
        if not found.wrong:
            return text
        for label, objects in (
            ("missing", found.missing),
            ("different", found.different),
            ("left as they are", found.kept),
        ):
            await self._list(step, label, objects)
        raise PartialError(f"{text}. Not: {_named(found)}", hint=self._hint())

    async def _list(self, step: Step, label: str, objects: dict[Target, str]) -> None:
        """Every one of them, a few dozen in each note."""
        ordered = sorted(objects.items())
        for at in range(0, len(ordered), PER_NOTE):
            some = ordered[at : at + PER_NOTE]
            text = "; ".join(f"{target.label}: {why}" for target, why in some)
            await self._telling.journal.tell(
                Emission(
                    kind="note",
                    step=step.id,
                    text=printable(f"{label}: {text}"),
                    data={label.partition(" ")[0]: [target.label for target, _ in some]},
                )
            )

    def _hint(self) -> str:
        found = self.found
        hints = []
        if found.kept:
            hints.append("--existing update or recreate changes what is there")
        if found.missing or found.different:
            hints.append("run it again for the rest: what is there is left")
        if back := self._telling.way_back():
            hints.append(back)
        return "; ".join(hints)


def _named(found: Found) -> str:
    every = sorted({**found.missing, **found.different, **found.kept}.items())
    told = "; ".join(
        shortened(printable(f"{target.label} {_clause(why)}"), SHOWN) for target, why in every[:NAMED]
    )
    return told + (f"; and {len(every) - NAMED} more, see the run's notes" if len(every) > NAMED else "")


def _clause(why: str) -> str:
    return why if why.startswith("is not there") else f"({why})"
