"""The action `backups copy`: bring a copy of a repository in another place up to date (FORMAT.md, Copies)."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Final

from k8sops.actions.backups.ports import Repositories
from k8sops.actions.backups.telling import repository_target, told_while
from k8sops.actions.backups.writable import unwritable
from k8sops.actions.planning import make_plan, no_change, walk_steps
from k8sops.backup.vault.copying import Copied, CopyProspect, copy_repository, survey_copy
from k8sops.core.clock import Clock
from k8sops.core.errors import PartialError, UsageError
from k8sops.core.events import Progress
from k8sops.core.journal import Journal
from k8sops.core.params import Params, PlainText, option, positional
from k8sops.core.plan import Finding, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.core.sizes import size_text
from k8sops.core.text import counted, printable

COPY: Final = "copy/files"
NAMED: Final = 5


class CopyParams(Params):
    """From where to where."""

    to: PlainText = positional(
        "Where the copy is: a name of the configuration, or a URL.", metavar="LOCATION", min_length=1
    )
    repo: PlainText = option(
        "The repository that is copied: a name of the configuration, or a URL such as file:///srv/backups.",
        metavar="NAME|URL",
        default="",
    )


class CopyBackups:
    """Copies a repository."""

    name: ClassVar[str] = "copy_backups"
    version: ClassVar[int] = 1

    def __init__(self, repositories: Repositories) -> None:
        self._repositories: Final = repositories

    async def plan(self, params: CopyParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Compare what backups need with what is in the other place."""
        opened = await self._repositories.open(params.repo)
        target = await self._repositories.storage_at(params.to)
        if target.location == opened.vault.storage.location:
            raise UsageError(f"{target.location} is the repository itself", hint="name another place")
        prospect = await survey_copy(opened.vault, target)
        step = Step(
            id=COPY,
            verb="copy",
            target=repository_target(opened),
            why="the place holds no repository yet" if prospect.fresh else "the copy is behind",
            before={},
            after={"from": opened.location, "to": target.location},
            # Whoever holds the other place reads every Secret of a repository that is in the clear.
            risk=Risk.LOW if opened.vault.keyring.encrypted else Risk.DISRUPTIVE,
        )
        same = prospect.nothing
        findings = (
            [no_change(f"{target.location} is as {opened.location} is already", target.location)]
            if same
            else []
        )
        findings += [*_going(prospect, params.to), *([] if same else await unwritable(target))]
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(prospect, target.location, clear=not opened.vault.keyring.encrypted),
            steps=[] if same else [step],
            findings=findings,
            blast_radius={"files": len(prospect.files) + len(prospect.bundles), "bytes": prospect.bytes},
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Copy. Raises PartialError naming files that are damaged."""
        await walk_steps(plan, journal, partial(self._do, CopyParams.model_validate(plan.params), journal))

    async def _do(self, params: CopyParams, journal: Journal, step: Step) -> str:
        opened = await self._repositories.open(params.repo)
        target = await self._repositories.storage_at(params.to)
        progress = Progress(unit="files")

        def on_progress(copied: Copied, prospect: CopyProspect) -> None:
            nonlocal progress
            progress = Progress(done=copied.files, total=len(prospect.files), unit="files")

        def told() -> tuple[str, Progress]:
            return f"{progress.done} of {progress.total} files copied", progress

        work = copy_repository(opened.vault, target, on_progress=on_progress)
        copied = await told_while(journal, step.id, work, told)
        if copied.damaged:
            raise _damaged(copied)
        return (
            f"{counted(copied.files, 'file')} ({size_text(copied.bytes)}) and "
            f"{counted(copied.manifests, 'manifest')} copied to {target.location}"
        )


def _going(prospect: CopyProspect, to: str) -> list[Finding]:
    if not prospect.going:
        return []
    return [
        Finding(
            level="blocker",
            code="pruned_there",
            text=(
                f"a prune of the copy has marked {counted(len(prospect.going), 'file')} that the next backups need, "
                f"and is about to delete them: let `k8sops backups prune --repo {to}` finish, and copy again"
            ),
        )
    ]


def _damaged(copied: Copied) -> PartialError:
    first = "; ".join(printable(error.message) for error in list(copied.damaged.values())[:NAMED])
    more = len(copied.damaged) - NAMED
    return PartialError(
        f"{counted(len(copied.damaged), 'file')} could not be copied: {first}"
        + (f"; and {more} more" if more > 0 else "")
        + ". All else was",
        hint="`k8sops backups verify --read-data 100%` on both says which backups are affected",
    )


def _summary(prospect: CopyProspect, to: str, *, clear: bool) -> str:
    if prospect.nothing:
        return "Nothing to do: the copy is as its source is."
    what = f"{counted(len(prospect.manifests), 'manifest')}, {counted(len(prospect.files), 'file')}"
    if prospect.bundles:
        what += f", {counted(len(prospect.bundles), 'log bundle')}"
    first = " into an empty place" if prospect.fresh else ""
    verdict, how = ("Disruptive", ", in the clear") if clear else ("Safe", "")
    return f"{verdict}: {what} ({size_text(prospect.bytes)}) are copied to {to}{first}{how}."


__all__ = ["CopyBackups", "CopyParams"]
