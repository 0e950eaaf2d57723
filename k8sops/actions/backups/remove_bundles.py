"""The action `bundles remove`: take log bundles away, by name or by age (FORMAT.md, Bundles)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import ClassVar, Final

from pydantic import model_validator

from k8sops.actions.backups.ports import OpenRepository, Repositories
from k8sops.actions.backups.telling import repository_target, signer_of, told_while
from k8sops.actions.backups.writable import unwritable
from k8sops.actions.planning import make_plan, no_change, walk_steps
from k8sops.backup.bundle_manifest import BundlePlace
from k8sops.backup.vault.bundles import BundleWriter
from k8sops.backup.vault.bundles_reading import FoundBundle, bundles_in
from k8sops.backup.vault.bundles_removing import remove_bundles
from k8sops.core.clock import Clock, parse_rfc3339
from k8sops.core.errors import UsageError
from k8sops.core.events import Progress
from k8sops.core.journal import Journal
from k8sops.core.params import Params, PlainText, Seconds, option, positional
from k8sops.core.plan import Finding, Item, Plan, Step, Target, bulk_of
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.core.sizes import size_text
from k8sops.core.text import counted, printable

REMOVE: Final = "bundles/remove"
GOING: Final = 1500
"""The most bundles that go at once: all that go are in the plan."""
SHORTEST_PREFIX: Final = 6


class RemoveBundlesParams(Params):
    """Which bundles go."""

    bundles: tuple[PlainText, ...] = positional(
        "Bundles to remove: an id, or six characters or more it begins with.", metavar="BUNDLE...", default=()
    )
    older_than: Seconds = option(
        "All that were made longer ago, as in 720h.", metavar="DURATION", default=0, ge=0
    )
    all_clusters: bool = option(
        "With --older-than: those of every cluster in the repository, not of the present one alone.",
        default=False,
    )
    repo: PlainText = option(
        "The repository: a name of the configuration, or a URL such as file:///srv/backups.",
        metavar="NAME|URL",
        default="",
    )

    @model_validator(mode="after")
    def _one_way(self) -> RemoveBundlesParams:
        if bool(self.bundles) == bool(self.older_than):
            raise ValueError("name bundles, or say --older-than: one of the two")
        if self.bundles and self.all_clusters:
            raise ValueError("a named bundle is one bundle: leave --all-clusters out")
        return self


class RemoveBundles:
    """Removes log bundles."""

    name: ClassVar[str] = "remove_bundles"
    version: ClassVar[int] = 1

    def __init__(self, repositories: Repositories) -> None:
        self._repositories: Final = repositories

    async def plan(self, params: RemoveBundlesParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Read the manifests of all bundles."""
        opened = await self._repositories.open(params.repo)
        every = [found async for found in bundles_in(opened.vault)]
        going = _named(params.bundles, every) if params.bundles else _old(params, every, cluster, clock)
        going = going[:GOING]
        if going:
            opened.check_own()
        size = sum(found.body.bytes for found in going if found.body is not None)
        left = len(every) - len(going)
        summary = f"Final: {counted(len(going), 'log bundle')} removed ({size_text(size)}), {left} kept."
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=summary if going else "Nothing to do: no log bundle goes.",
            steps=[_step(opened, going, params)] if going else [],
            findings=[
                *(await unwritable(opened.vault.storage) if going else ()),
                *_findings(opened, every, going, params),
            ],
            blast_radius={"bundles": len(going), "bytes": size},
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Put the removals, and delete the files."""
        params = RemoveBundlesParams.model_validate(plan.params)
        await walk_steps(plan, journal, partial(self._do, params, journal))

    async def _do(self, params: RemoveBundlesParams, journal: Journal, step: Step) -> str:
        opened = await self._repositories.open(params.repo, writing=True)
        who = BundleWriter(signer=signer_of(opened), run=journal.errand.run)
        wanted = {item.target.name for item in (step.bulk.items if step.bulk else ())}
        places = [
            BundlePlace(opened.vault.id, found.cluster, found.id)
            async for found in bundles_in(opened.vault)
            if found.id in wanted
        ]
        progress = Progress(total=len(places), unit="bundles")

        def on_progress(done: int, total: int) -> None:
            nonlocal progress
            progress = Progress(done=done, total=total, unit="bundles")

        def told() -> tuple[str, Progress]:
            return f"{progress.done} of {progress.total} bundles removed", progress

        work = remove_bundles(opened.vault, who, places, step.why, on_progress)
        done = await told_while(journal, step.id, work, told)
        text = f"{counted(done.bundles, 'log bundle')} removed, {size_text(done.bytes)} deleted"
        if done.retained:
            text += (
                f"; {counted(len(done.retained), 'file')} kept by the storage (retention or lock): a later "
                "`k8sops backups prune` deletes them"
            )
        return text


def _named(texts: Sequence[str], every: Sequence[FoundBundle]) -> list[FoundBundle]:
    going: dict[str, FoundBundle] = {}
    for text in texts:
        meant = [found for found in every if found.id.startswith(text.upper())]
        if len(text) < SHORTEST_PREFIX or len(meant) != 1:
            raise UsageError(
                f"{len(meant)} bundles begin with {text[:40]!r}"
                if meant and len(text) >= SHORTEST_PREFIX
                else f"there is no bundle {text[:40]!r}",
                hint="`k8sops bundles list` shows the ids; six characters or more are enough",
            )
        going[meant[0].id] = meant[0]
    return list(going.values())


def _old(
    params: RemoveBundlesParams, every: Sequence[FoundBundle], cluster: ClusterReader, clock: Clock
) -> list[FoundBundle]:
    """Oldest first. What cannot be read is of no known age, and only goes by name."""
    limit = clock.now() - timedelta(seconds=params.older_than)
    return [
        found
        for found in every
        if found.body is not None
        and (params.all_clusters or found.cluster == cluster.info.uid)
        and parse_rfc3339(found.body.made_at) < limit
    ]


def _step(opened: OpenRepository, going: Sequence[FoundBundle], params: RemoveBundlesParams) -> Step:
    named = bool(params.bundles)
    return Step(
        id=REMOVE,
        verb="remove bundles",
        target=repository_target(opened),
        why="they are named" if named else "they are older than is kept",
        before={},
        after={"rule": "named" if named else f"older than {params.older_than} s"},
        risk=Risk.DESTRUCTIVE if named else Risk.DISRUPTIVE,
        bulk=bulk_of([_item(found, named=named) for found in going], listed=GOING),
    )


def _item(found: FoundBundle, *, named: bool) -> Item:
    body = found.body
    what = (
        f"made {body.made_at}, {size_text(body.bytes)}, {printable(body.name)}"
        if body
        else "it cannot be read"
    )
    return Item(
        target=Target(kind="bundles", name=found.id),
        verb="remove",
        group="named" if named else "old",
        why=what,
    )


def _findings(
    opened: OpenRepository,
    every: Sequence[FoundBundle],
    going: Sequence[FoundBundle],
    params: RemoveBundlesParams,
) -> list[Finding]:
    if not going:
        return [no_change(f"{opened.location}: no log bundle to remove", opened.location)]
    found = [
        Finding(level="warning", code="cannot_be_undone", text="what was in them cannot be brought back")
    ]
    unread = [one.id for one in every if one.body is None and one not in going]
    if unread and not params.bundles:
        text = f"{counted(len(unread), 'bundle')} cannot be read and stay: remove them by naming them"
        found.append(Finding(level="note", code="unreadable", text=text, subjects=tuple(unread[:20])))
    return found


__all__ = ["RemoveBundles", "RemoveBundlesParams"]
