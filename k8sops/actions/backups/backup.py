"""The action `backup`: read a cluster into a repository, and keep what retention says of the older backups."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Final

from k8sops.actions.backups.backup_params import BackupParams
from k8sops.actions.backups.backup_plan import (
    BACKUP,
    MAKE,
    RETAIN,
    Outlook,
    blast_radius,
    findings_of,
    forecast_of,
    steps_of,
    summary_of,
)
from k8sops.actions.backups.backup_run import BackupRun
from k8sops.actions.backups.incremental import Manner, Standing, backups_like, manner_of
from k8sops.actions.backups.ports import OpenRepository, Repositories
from k8sops.actions.backups.survey import count, look_over
from k8sops.actions.backups.writable import unmakeable, unwritable
from k8sops.actions.planning import make_plan
from k8sops.backup.names import is_cluster
from k8sops.backup.retention import Candidate, decide
from k8sops.backup.selection import selection_json
from k8sops.backup.vault.manifests import load_chain
from k8sops.backup.vault.packing import Pace
from k8sops.backup.vault.pruning import Pruner
from k8sops.backup.vault.retaining import retain
from k8sops.core.clock import Clock, parse_rfc3339
from k8sops.core.errors import ForbiddenError, UsageError
from k8sops.core.journal import Journal
from k8sops.core.plan import ClusterInfo, Plan
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.text import counted


class Backup:
    """Backs up a cluster."""

    name: ClassVar[str] = "backup"
    version: ClassVar[int] = 1

    def __init__(self, repositories: Repositories, pace: Pace | None = None) -> None:
        """`pace` is how much is packed and put at once."""
        self._repositories: Final = repositories
        self._pace: Final = pace or Pace()

    async def plan(self, params: BackupParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Look over what there is to be read, and at the repository. Raises what either does."""
        _check_known(cluster.info)
        selection = params.selected
        found = await self._repositories.find(params.repo)
        survey = await look_over(cluster, selection, params.hooking)
        survey = await count(cluster, selection, survey)
        like: tuple[Standing, ...] = ()
        manner = Manner(full=True, why="the first backup in this repository")
        if found is None:
            location = await self._repositories.makeable(params.repo, encrypt=not params.no_encryption)
            blockers = await unmakeable(await self._repositories.storage_at(params.repo))
        else:
            location, blockers = found.location, await unwritable(found.vault.storage)
            found.vault.check_encrypted(encrypt=not params.no_encryption)
            found.check_own()
            chain = await load_chain(found.vault, cluster.info.uid)
            like = await backups_like(found.vault, chain, selection)
            manner = manner_of(
                like,
                await cluster.server_version(),
                clock.now(),
                full=params.full,
                full_every_days=params.full_every,
            )
        outlook = Outlook(
            params=params,
            cluster=cluster.info,
            survey=survey,
            manner=manner,
            location=location,
            exists=found is not None,
            going=_going(like, params, clock),
            blockers=tuple(blockers),
        )
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=summary_of(outlook),
            steps=steps_of(outlook),
            findings=findings_of(outlook),
            blast_radius=blast_radius(outlook),
            forecast=forecast_of(outlook),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Make the repository if need be, the backup, then apply retention."""
        params = BackupParams.model_validate(plan.params)
        done = {
            MAKE: partial(self._make, params),
            BACKUP: partial(self._back_up, params, plan, cluster, journal),
            RETAIN: partial(self._retain, params, plan, journal),
        }
        for step in plan.steps:
            await journal.step(step, done[step.id])

    async def _make(self, params: BackupParams) -> str:
        made = await self._repositories.make(params.repo, encrypt=not params.no_encryption)
        sealed = "encrypted" if made.vault.keyring.encrypted else "not encrypted"
        return f"the repository at {made.location} is there, {sealed}"

    async def _open(self, params: BackupParams) -> OpenRepository:
        return await self._repositories.open(params.repo, writing=True)

    async def _back_up(self, params: BackupParams, plan: Plan, cluster: Cluster, journal: Journal) -> str:
        return await BackupRun(plan, cluster, journal, await self._open(params)).make(self._pace)

    async def _retain(self, params: BackupParams, plan: Plan, journal: Journal) -> str:
        opened = await self._open(params)
        if opened.signer is None:
            raise UsageError(f"{opened.location} was opened for reading only")
        who = Pruner(signer=opened.signer, ids=opened.ids, run=journal.errand.run)
        selection = selection_json(params.selected)
        pruned = await retain(opened.vault, who, plan.cluster.uid, selection, params.retention)
        removed = [str(seq) for seqs in pruned.removed.values() for seq in seqs]
        if not removed:
            return "retention: no backup is too many"
        return f"retention: {counted(len(removed), 'backup')} removed: {', '.join(removed)}"


def _check_known(cluster: ClusterInfo) -> None:
    """Refuse a cluster whose uid could not be read: its backups would be nobody's. Raises ForbiddenError."""
    if not is_cluster(cluster.uid):
        raise ForbiddenError(
            f"the uid of cluster {cluster.name or cluster.context} is not known, so its backups could not be told "
            "from others'",
            hint="let the account `get` the namespace kube-system",
        )


def _going(like: tuple[Standing, ...], params: BackupParams, clock: Clock) -> tuple[str, ...]:
    """Which backups retention would take away, were this one complete by now."""
    if params.retention.keeps_everything:
        return ()
    names = {one.seq: f"{one.seq} ({one.body.name})" for one in like}
    present = [
        Candidate(seq=one.seq, made_at=parse_rfc3339(one.body.made_at), complete=one.body.complete)
        for one in like
    ]
    own = Candidate(seq=max(names, default=0) + 1, made_at=clock.now(), complete=True)
    verdicts = decide([*present, own], params.retention, clock.now())
    return tuple(names[verdict.seq] for verdict in verdicts if not verdict.keep and verdict.seq in names)


__all__ = ["Backup", "BackupParams"]
