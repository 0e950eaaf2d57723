"""The restore itself: level after level, the kinds of one side by side, each object with its own result.

Steps are done once by the journal; within one, what is there already is seen and left, so that a step that was broken
off is simply done again. What one object comes to does not stop the others; the comparison at the end tells of all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Final

from k8sops.actions.backups.restoring.acting import Acting, Patience
from k8sops.actions.backups.restoring.checking import Checking
from k8sops.actions.backups.restoring.deciding import Verb, decide
from k8sops.actions.backups.restoring.groups import Group
from k8sops.actions.backups.restoring.levels import ADMISSION, COMPARED, CRDS
from k8sops.actions.backups.restoring.linking import Linking
from k8sops.actions.backups.restoring.ownership import Owners
from k8sops.actions.backups.restoring.pace import Pace
from k8sops.actions.backups.restoring.pairing import Pair
from k8sops.actions.backups.restoring.preparing import Restore, look_around
from k8sops.actions.backups.restoring.steps import ANY, Places, scope_of
from k8sops.actions.backups.restoring.telling import NothingDoneError, Result, Telling
from k8sops.actions.backups.restoring.trying import Trials, in_words
from k8sops.backup.listing import Row
from k8sops.core.errors import (
    ClusterError,
    CredentialsError,
    K8sOpsError,
    NotFoundError,
    StoreBusyError,
    StoreUnreachableError,
    UnreachableError,
)
from k8sops.core.journal import Journal
from k8sops.core.plan import Plan, Step
from k8sops.core.ports import Cluster
from k8sops.core.tasks import all_of

STEPS_AT_ONCE: Final = 6
TRIED_LATER: Final = 500
"""So many objects that could not be tried before are tried once they can be: of each step as large a share."""
UNVERIFIED: Final = "create created_unverified"


class Execution:
    """Carries out one plan, or what is left of it."""

    def __init__(self, restore: Restore, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        self._restore: Final = restore
        self._plan: Final = plan
        self._cluster: Final = cluster
        self._journal: Final = journal
        self._pace: Final = Pace(journal.clock)
        self._owners: Final = Owners(cluster, restore.served, restore.params.mapping)
        self._acting: Final = Acting(restore, cluster, self._pace, self._owners, journal.clock)
        self._linking: Final = Linking(restore, cluster, self._pace, self._owners)
        singular = {
            group.qualified: group.resource.singular or group.resource.kind.lower()
            for group in restore.chosen.groups
        }
        self._telling: Final = Telling(plan, journal, singular)
        self._places: Final = Places(plan.steps)
        self._rows: Final[dict[str, dict[str, list[Row]]]] = {}
        self._resumed: Final = bool(journal.results_below("restore"))
        """Whether an earlier carrier made some of it."""
        self._trials: Final = Trials(
            cluster,
            self._pace,
            restore.survey,
            to_come=frozenset(),
            chosen=restore.chosen,
            force=restore.params.force_conflicts,
        )
        waiting = [step for step in plan.steps if _unverified(step)]
        self._share: Final = max(1, TRIED_LATER // len(waiting)) if waiting else 0

    async def run(self) -> None:
        """Raises PartialError unless all that was chosen is there in the end, each object that is not named."""
        try:
            await self._run()
        except (StoreUnreachableError, StoreBusyError):
            # Nothing can be told without the store, and the run is not over for that.
            raise
        except (ClusterError, CredentialsError, UnreachableError) as error:
            raise await self._telling.broken_off(self._plan, error) from error

    async def _run(self) -> None:
        steps = sorted(self._plan.steps, key=_level)
        linked = False
        for level, some in groupby(steps, key=_level):
            if level >= ADMISSION and not linked:
                await self._link()
                linked = True
            if level == COMPARED:
                continue
            waiting = iter(list(some))
            await self._ready(level)
            await all_of(self._each(waiting) for _ in range(STEPS_AT_ONCE))
        checking = Checking(
            self._restore, self._plan, self._acting, self._linking, self._pace, self._telling, self._trials
        )
        for step in steps:
            if _level(step) == COMPARED:
                await look_around(self._restore.survey, self._restore.chosen, self._cluster)
                await self._journal.step(step, partial(checking.run, step))

    async def _link(self) -> None:
        """Link to owners that came later, before webhooks are there that would have to be asked."""
        if not self._resumed:
            await self._linking.link_all(self._acting.unlinked)
            return
        for group in self._restore.chosen.groups:
            if group.level < ADMISSION:
                rows = [
                    row
                    for namespace, some in self._by_namespace(group).items()
                    if self._places.verbs(group.level, group.qualified, namespace)
                    for row in some
                ]
                await self._linking.link_rows(group, rows)

    def _by_namespace(self, group: Group) -> dict[str, list[Row]]:
        """A kind's objects by the namespace they go to."""
        found = self._rows.get(group.qualified)
        if found is None:
            found = self._rows[group.qualified] = {}
            for row in group.rows:
                found.setdefault(self._restore.survey.place(group, row)[0], []).append(row)
        return found

    async def _each(self, waiting: Iterator[Step]) -> None:
        for step in waiting:
            # It is on record as failed, and the comparison names each of its objects.
            with suppress(NothingDoneError):
                await self._journal.step(step, partial(self._step, step))

    async def _ready(self, level: int) -> None:
        """See what earlier levels brought, and wait for kinds of this one to be served."""
        survey = self._restore.survey
        ours = [group for group in self._restore.chosen.groups if group.level == level]
        if survey.gone or any(group.qualified in survey.unserved for group in ours):
            await look_around(survey, self._restore.chosen, self._cluster)
        for group in ours:
            if group.defined or group.qualified in survey.unserved:
                await self._served(group)

    async def _served(self, group: Group) -> None:
        """Wait until the kind can be listed; where it never can, its objects say so one by one."""

        async def listed() -> bool:
            try:
                async for _ in self._cluster.pages(group.resource, page_size=1, at_most=1):
                    break
            except NotFoundError:
                return False
            return True

        if await self._acting.wait(listed, float(self._restore.params.timeout)):
            self._restore.survey.unserved.discard(group.qualified)

    async def _step(self, step: Step) -> str:
        patience = Patience(self._journal.clock, float(self._restore.params.timeout))
        tried = self._share if _unverified(step) else 0
        result = self._telling.begin(step)
        async with self._telling.made.kept(step):
            await self._objects(step, result, patience, tried)
        return await result.end()

    async def _objects(self, step: Step, result: Result, patience: Patience, tried: int) -> None:
        scope = scope_of(step)
        for group in self._restore.chosen.groups:
            if group.level != scope.level or scope.kind not in {ANY, group.qualified}:
                continue
            rows = [
                row
                for namespace, some in self._by_namespace(group).items()
                if scope.takes(group.level, group.qualified, namespace)
                for row in some
            ]
            if not rows:
                continue
            made: list[Pair] = []
            async for batch in self._restore.survey.pairs(group, rows):
                todo = [pair for pair in batch if self._verb(group, pair) == step.verb]
                held = await self._held(group, todo[:tried])
                tried -= min(tried, len(todo))

                async def one(pair: Pair, group: Group = group, held: dict[str, str] = held) -> None:
                    if why := held.get(pair.row.uid):
                        await result.failed(pair.target, why)
                        return
                    await self._object(step, group, pair, patience)

                await self._pace.each(todo, one)
                made += todo if group.qualified == CRDS else ()
            await self._established(group, made)

    async def _object(self, step: Step, group: Group, pair: Pair, patience: Patience) -> None:
        verb = self._verb(group, pair)
        result = self._telling.of(step)
        try:
            # What may not be deleted, or does not fit, was refused in the plan, and is among the objects of the step.
            if verb == "recreate" and (found := await self._trials.recreate(group, pair)).name == "refused":
                await result.failed(pair.target, found.why)
                return
            made = await self._acting.do(verb, group, pair, patience)
        except asyncio.CancelledError:
            result.left_open(pair.target)
            raise
        except K8sOpsError as error:
            unknown = "; it may have been done all the same" if error.outcome_unknown else ""
            await result.failed(pair.target, in_words(group, error.message) + unknown)
            if isinstance(error, UnreachableError) and not await self._answers():
                # Thousands of others would each wait for it in vain, and the step must not count as done.
                raise
        else:
            if made:
                await result.done(pair.target)

    async def _answers(self) -> bool:
        """Whether the API server can be reached at all."""
        try:
            await self._cluster.server_version()
        except UnreachableError:
            return False
        except K8sOpsError:
            pass
        return True

    async def _held(self, group: Group, pairs: list[Pair]) -> dict[str, str]:
        """Of objects that can be tried now, those that are refused, and why: they wait for the comparison."""
        refused: dict[str, str] = {}

        async def one(pair: Pair) -> None:
            if pair.live is not None and not pair.live.deleting:
                return
            verdict = await self._trials.create(group, pair)
            # Whoever makes one for every namespace was first: it is compared, and updated where it may be.
            if verdict.name == "refused" and not verdict.there:
                refused[pair.row.uid] = verdict.why

        await self._pace.each(pairs, one)
        return refused

    async def _established(self, group: Group, made: list[Pair]) -> None:
        """Wait until definitions are established (apiextensions.k8s.io/v1): before, their objects are refused."""

        async def one(pair: Pair) -> None:
            async def established() -> bool:
                found = await self._cluster.get(group.resource, pair.target.name)
                conditions = (found.get("status") or {}).get("conditions") or ()
                return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

            try:
                await self._acting.wait(established, float(self._restore.params.timeout))
            except NotFoundError:
                # It was refused, and is on record as that.
                return

        await self._pace.each(made, one)

    def _verb(self, group: Group, pair: Pair) -> Verb:
        """What is done with it in a step of that verb."""
        verb = decide(group, pair, self._restore.rules).verb
        if verb == "update" and group.qualified == "serviceaccounts" and pair.target.name == "default":
            # Whoever makes one for every namespace may have been first.
            return "create" if self._made_here(group, pair) else verb
        return verb

    def _made_here(self, group: Group, pair: Pair) -> bool:
        planned = self._places.verbs(group.level, group.qualified, pair.target.namespace)
        return "create" in planned and "update" not in planned


def _level(step: Step) -> int:
    return int(step.id.split("/", 2)[1])


def _unverified(step: Step) -> bool:
    return step.bulk is not None and UNVERIFIED in step.bulk.counts
