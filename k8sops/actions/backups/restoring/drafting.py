"""The preview: every chosen object looked at, decided and tried, level by level, so that what comes first is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Final

import msgspec

from k8sops.actions.backups.restoring.along import Along, going_along
from k8sops.actions.backups.restoring.deciding import Decision, decide, takes_over
from k8sops.actions.backups.restoring.groups import Group
from k8sops.actions.backups.restoring.judging import differences_text, told
from k8sops.actions.backups.restoring.pace import Pace
from k8sops.actions.backups.restoring.pairing import Pair
from k8sops.actions.backups.restoring.preparing import Restore
from k8sops.actions.backups.restoring.quotas import Asked, Beyond, quotas_beyond
from k8sops.actions.backups.restoring.trying import Trials, Verdict
from k8sops.actions.choosing import Chosen as Owner
from k8sops.core.clock import Clock
from k8sops.core.errors import ForbiddenError
from k8sops.core.plan import Target
from k8sops.core.ports import ClusterReader
from k8sops.core.tasks import all_of

KINDS_AT_ONCE: Final = 6
LISTED: Final = 12
"""So many differences of one object are in the plan."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the plan: what is done, and what the server says to that."""

    level: int
    target: Target
    verb: str
    verdict: str
    why: str = ""
    differences: tuple[str, ...] = ()
    depends: Target | None = None


class Draft:
    """What the preview found: entries that change something, refusals and conflicts, what stays, what is left."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.refused: list[Entry] = []
        self.conflicts: list[Entry] = []
        self.skipped: list[Entry] = []
        self.recreated: list[Owner] = []
        self.along = Along()
        """What is deleted with what is recreated, and does not come back with it."""
        self.asked: Final = Asked()
        self.quotas: list[Beyond] = []
        """Quotas that take each object and not all of them together."""
        self.quotas_read = True
        self.left: Counter[str] = Counter()
        """Objects that are not restored, by kind and who makes them anew."""
        self.unchanged = 0
        self.beyond = 0

    @property
    def named(self) -> int:
        """All objects that were looked at and are for a restore to bring back."""
        return (
            len(self.entries) + len(self.refused) + len(self.conflicts) + len(self.skipped) + self.unchanged
        )


class Drafting:
    """Makes one draft."""

    def __init__(self, restore: Restore, cluster: ClusterReader, clock: Clock) -> None:
        self._restore: Final = restore
        self._cluster: Final = cluster
        self._pace: Final = Pace(clock)
        self._to_come: Final[set[Target]] = set()
        self._trials: Final = Trials(
            cluster,
            self._pace,
            restore.survey,
            to_come=self._to_come,
            chosen=restore.chosen,
            force=restore.params.force_conflicts,
        )
        self.draft: Final = Draft()

    async def run(self) -> Draft:
        """Look at everything. What an earlier level makes is known to the later ones."""
        for _, groups in groupby(self._restore.chosen.groups, key=lambda group: group.level):
            before = len(self.draft.entries)
            waiting = iter(list(groups))
            await all_of(self._each(waiting) for _ in range(KINDS_AT_ONCE))
            self._to_come.update(
                entry.target for entry in self.draft.entries[before:] if entry.verb == "create"
            )
        draft, gone = self.draft, self._restore.survey.gone
        draft.along = await going_along(draft.recreated, self._cluster)
        draft.quotas, draft.quotas_read = await quotas_beyond(draft.asked, self._cluster, gone)
        return self.draft

    async def _each(self, waiting: Iterator[Group]) -> None:
        for group in waiting:
            await self._group(group)

    async def _group(self, group: Group) -> None:
        try:
            async for batch in self._restore.survey.pairs(group):
                await self._pace.each(batch, lambda pair: self._pair(group, pair))
        except ForbiddenError as error:
            mapping = self._restore.survey.rewrite.mapping
            for row in group.rows:
                target = group.target(row, mapping)
                self.draft.refused.append(
                    Entry(
                        level=group.level,
                        target=target,
                        verb="create",
                        verdict="refused",
                        why=f"what is there may not be read: {error.message}",
                    )
                )

    async def _pair(self, group: Group, pair: Pair) -> None:
        decision = decide(group, pair, self._restore.rules)
        draft = self.draft
        match decision.verb:
            case "along":
                return
            case "leave":
                draft.left[f"{group.qualified}: {decision.why}"] += 1
            case "keep":
                draft.unchanged += 1
                draft.beyond += bool(decision.why)
            case "skip":
                draft.skipped.append(_entry(group, pair, decision, Verdict("changed", decision.why)))
            case _:
                self._tried(group, pair, decision, await self._try(group, pair, decision))

    async def _try(self, group: Group, pair: Pair, decision: Decision) -> Verdict:
        match decision.verb:
            case "create":
                return await self._trials.create(group, pair)
            case "recreate":
                return await self._trials.recreate(group, pair)
            case "rebind":
                return Verdict("changed", decision.why)
            case _:
                force = takes_over(group, pair, force=self._restore.params.force_conflicts)
                return await self._trials.update(group, pair, force=force)

    def _tried(self, group: Group, pair: Pair, decision: Decision, verdict: Verdict) -> None:
        entry = _entry(group, pair, decision, verdict)
        if verdict.name == "refused":
            self.draft.refused.append(entry)
        elif verdict.name == "conflict":
            self.draft.conflicts.append(entry)
        else:
            self.draft.entries.append(entry)
            if decision.verb == "create":
                self.draft.asked.add(group, pair.target.namespace, pair.wanted)
            if decision.verb == "recreate" and pair.live is not None:
                metadata = {**pair.wanted["metadata"], "uid": pair.live.uid}
                self.draft.recreated.append(Owner(resource=group.resource, object={"metadata": metadata}))


def _entry(group: Group, pair: Pair, decision: Decision, verdict: Verdict) -> Entry:
    found = pair.judgement.differing if pair.judgement is not None else ()
    shown = tuple(told(one) for one in found[:LISTED]) if decision.verb != "create" else ()
    why = verdict.why or decision.why or (differences_text(found) if shown else "")
    if verdict.name == "changed" and verdict.why and verdict.why != decision.why:
        why = "; ".join(filter(None, (verdict.why, decision.why)))
    uid = pair.live.uid if pair.live is not None and decision.verb != "create" else ""
    return Entry(
        level=group.level,
        target=msgspec.structs.replace(pair.target, uid=uid),
        verb=decision.verb,
        verdict=verdict.name,
        why=why,
        differences=shown,
        depends=verdict.depends,
    )
