"""The action `backups import`: a backup that Velero made becomes one of the repository."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from pydantic import field_validator

from k8sops.actions.backups.backup_params import not_mistaken
from k8sops.actions.backups.ports import OpenRepository, Repositories
from k8sops.actions.backups.telling import repository_target, signer_of, told_while
from k8sops.actions.backups.writable import unwritable
from k8sops.actions.planning import make_plan, walk_steps
from k8sops.backup.names import is_cluster
from k8sops.backup.vault.manifests import body_of, load_chain
from k8sops.backup.vault.writing import Writer
from k8sops.backup.velero.importing import SELECTION, VeleroSummary, import_archive, summarise
from k8sops.core.clock import Clock
from k8sops.core.errors import UsageError
from k8sops.core.events import Progress
from k8sops.core.journal import Journal
from k8sops.core.params import Params, PlainText, option, positional
from k8sops.core.plan import ClusterInfo, Finding, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.core.text import counted

IMPORT: Final = "import/objects"
NAMED: Final = 8
LOOKED_BACK: Final = 8
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


class ImportParams(Params):
    """Which archive."""

    archive: PlainText = positional(
        "The <backup>.tar.gz that `velero backup download` gives.", metavar="FILE", min_length=1
    )
    name: PlainText = option("What the backup is called.  [default: the file's name]", default="")
    cluster: PlainText = option(
        "The uid of the cluster it is of.  [default: as the archive says, else the present one]",
        metavar="UID",
        default="",
    )
    repo: PlainText = option(
        "The repository: a name of the configuration, or a URL such as file:///srv/backups.",
        metavar="NAME|URL",
        default="",
    )

    @field_validator("name")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if value and _NAME.fullmatch(value) is None:
            raise ValueError("should be letters, digits, '-', '_' and '.', at most 100")
        return not_mistaken(value)

    @field_validator("cluster")
    @classmethod
    def _a_cluster(cls, value: str) -> str:
        if value and not is_cluster(value):
            raise ValueError("should be a uid, as `k8sops backups list` shows it")
        return value

    @property
    def path(self) -> Path:
        """The archive."""
        return Path(self.archive).expanduser()

    @property
    def called(self) -> str:
        """What the backup is called."""
        stem = self.path.name.removesuffix(".tar.gz").removesuffix(".tgz")
        name = self.name or re.sub(r"[^A-Za-z0-9._-]", "-", stem).strip("-._")[:90] or "velero"
        try:
            return not_mistaken(name)
        except ValueError:
            return f"velero-{name}"


class ImportVelero:
    """Takes over a Velero backup."""

    name: ClassVar[str] = "import_backup"
    version: ClassVar[int] = 1

    def __init__(self, repositories: Repositories) -> None:
        self._repositories: Final = repositories

    async def plan(self, params: ImportParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Read the archive to its end. Raises RepositoryBrokenError for one that is damaged or hostile."""
        opened = await self._repositories.open(params.repo)
        opened.check_own()
        summary = await _summarised(params.path)
        uid = _cluster(params, summary, cluster.info)
        step = Step(
            id=IMPORT,
            verb="import",
            target=repository_target(opened),
            why="it becomes a backup like any other",
            before={},
            after={
                "repository": opened.location,
                "name": params.called,
                "cluster": uid,
                "archive": summary.sha256,
            },
            risk=Risk.LOW,
        )
        claims = f"; the data of {counted(len(summary.claims), 'volume')} NOT in it" if summary.claims else ""
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=(
                f"Safe: {counted(summary.objects, 'object')} of {counted(len(summary.kinds), 'kind')} become backup "
                f"{params.called!r}{claims}."
            ),
            steps=[step],
            findings=[
                *await unwritable(opened.vault.storage),
                *_findings(summary, uid, cluster.info),
            ],
            blast_radius={"objects": summary.objects, "kinds": len(summary.kinds)},
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Import it, unless this run has done so already."""
        total = int(plan.blast_radius["objects"])
        params = ImportParams.model_validate(plan.params)
        await walk_steps(plan, journal, partial(self._do, params, total, journal))

    async def _do(self, params: ImportParams, total: int, journal: Journal, step: Step) -> str:
        opened = await self._repositories.open(params.repo, writing=True)
        uid, run = str(step.after["cluster"]), journal.errand.run
        known = await _imported(opened, uid, run)
        if known:
            return f"backup {known} of cluster {uid} is there"
        await _there(params.path)
        count = 0

        def on_objects(done: int) -> None:
            nonlocal count
            count = done

        def told() -> tuple[str, Progress]:
            progress = Progress(done=count, total=total, unit="objects")
            return f"{count} of {total} objects imported", progress

        who = Writer(
            cluster=uid,
            signer=signer_of(opened),
            ids=opened.ids,
            encrypt=opened.vault.keyring.encrypted,
            selection=SELECTION,
        )
        work = import_archive(
            opened.vault,
            who,
            params.path,
            name=params.called,
            run=run,
            sha256=str(step.after["archive"]),
            on_objects=on_objects,
        )
        written = await told_while(journal, step.id, work, told)
        return (
            f"backup {written.mark.seq} of cluster {uid}: {counted(written.body.objects, 'object')} imported"
        )


async def _there(path: Path) -> None:
    if not await asyncio.to_thread(path.is_file):
        raise UsageError(f"there is no file {path.name!r}", hint="name the <backup>.tar.gz")


async def _summarised(path: Path) -> VeleroSummary:
    await _there(path)
    return await asyncio.to_thread(summarise, path)


def _cluster(params: ImportParams, summary: VeleroSummary, present: ClusterInfo) -> str:
    uid = params.cluster or summary.cluster or present.uid
    if not is_cluster(uid):
        raise UsageError(
            "neither the archive nor the connection says of which cluster the backup is",
            hint="name the uid of its namespace kube-system with --cluster",
        )
    return uid


async def _imported(opened: OpenRepository, uid: str, run: str) -> int:
    """The number of the backup that an earlier carrier of this run committed before it died."""
    chain = await load_chain(opened.vault, uid)
    for seq in list(reversed(chain.live))[:LOOKED_BACK]:
        if (await body_of(opened.vault, chain, seq)).run == run:
            return seq
    return 0


def _findings(summary: VeleroSummary, uid: str, present: ClusterInfo) -> list[Finding]:
    found = [
        Finding(
            level="note",
            code="as_velero_left_it",
            text="what Velero could not read is not in its archive, and the archive does not say so",
        )
    ]
    if summary.claims:
        named = ", ".join(f"{namespace}/{name}" for namespace, name in summary.claims[:NAMED])
        more = f" and {len(summary.claims) - NAMED} more" if len(summary.claims) > NAMED else ""
        found.append(
            Finding(
                level="warning",
                code="volumes_not_captured",
                text=f"the DATA of {counted(len(summary.claims), 'volume')} are NOT in it: {named}{more}",
            )
        )
    if summary.cluster and uid != summary.cluster:
        text = f"the archive is of cluster {summary.cluster}, and is imported as one of {uid}"
        found.append(Finding(level="warning", code="another_cluster", text=text))
    elif uid != present.uid:
        text = f"it is a backup of cluster {uid}, not of the present one"
        found.append(Finding(level="note", code="another_cluster", text=text))
    return found


__all__ = ["ImportParams", "ImportVelero"]
