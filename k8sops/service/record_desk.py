"""`OpsRecords` of one process: schedules, backups, the audit trail, policy and settings, for a door that has `Ops`.

It stands on the store, the configuration and the cluster that the rest of the service uses, and opens nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from k8sops.actions.backups.ports import Repositories
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditFilter
from k8sops.core.backups import BackupList, BackupName, LiveComparison, ObjectDifference, ObjectView
from k8sops.core.clock import Clock, IdSource
from k8sops.core.desk import AuditProof, AuditView, PolicyView, ReviewView, SettingView
from k8sops.core.errors import DeniedError, UsageError
from k8sops.core.overview import Tile
from k8sops.core.plan import ClusterInfo, JsonObject
from k8sops.core.run import RunId, Vote
from k8sops.core.schedules import ScheduleView
from k8sops.service.action_book import repositories_of
from k8sops.service.audit_check import Asked, check
from k8sops.service.audit_leaving import NewFile, export
from k8sops.service.audit_trail import AuditTrail, os_actor
from k8sops.service.backup_desk import BackupDesk, Chosen
from k8sops.service.backup_inside import browse, cat
from k8sops.service.backup_live import LiveDiff, Scope
from k8sops.service.changing import Changing
from k8sops.service.config import Config
from k8sops.service.overview_tiles import backups as backups_tile
from k8sops.service.policy_view import policy_view
from k8sops.service.records import Records
from k8sops.service.reviewing import close_review
from k8sops.service.schedules import ScheduleDesk
from k8sops.service.seen import StoredSeen
from k8sops.service.settings_view import settings_in_force
from k8sops.service.storing import Storage


class RecordDesk:
    """What is kept and configured, for one cluster."""

    def __init__(
        self,
        cluster: ClusterInfo,
        reader: ReadOnlyCluster,
        storage: Storage,
        repositories: Callable[[], Repositories],
        schedules: ScheduleDesk,
        *,
        config: Config,
        clock: Clock,
        namespace: str,
    ) -> None:
        self._cluster: Final = cluster
        self._reader: Final = reader
        self._storage: Final = storage
        self._repositories: Final = repositories
        self._schedules: Final = schedules
        self._config: Final = config
        self._clock: Final = clock
        self._namespace: Final = namespace
        self._records: Final = Records(storage, clock)
        self._trail: Final = AuditTrail(storage, config, clock)
        self._looked_into: BackupDesk | None = None

    async def schedules(self) -> tuple[ScheduleView, ...]:
        """All schedules, by name."""
        return await self._records.schedules()

    async def schedule(self, name: str) -> ScheduleView:
        """A schedule and its last firings."""
        return await self._records.schedule(name)

    async def pause_schedule(self, name: str, why: str, actor: Actor) -> ScheduleView:
        """Stop firing."""
        return await self._kept_here().pause(name, why, actor)

    async def resume_schedule(self, name: str, actor: Actor) -> ScheduleView:
        """Fire again."""
        return await self._kept_here().resume(name, actor)

    async def fire_schedule(self, name: str, actor: Actor) -> ScheduleView:
        """Fire once, beside the timetable."""
        return await self._kept_here().run_now(name, actor)

    async def remove_schedule(self, name: str, actor: Actor) -> ScheduleView:
        """Take it away."""
        return await self._kept_here().remove(name, actor)

    async def vote_on_schedule(self, name: str, vote: Vote, actor: Actor) -> ScheduleView:
        """Vote on its standing approval."""
        return await self._kept_here().decide(name, vote, actor)

    async def reviews(self) -> tuple[ReviewView, ...]:
        """Reviews that nobody has closed."""
        found: list[ReviewView] = []
        for one in await self._records.reviews():
            run = await self._records.get_run(one.run)
            if run.plan.cluster.uid == self._cluster.uid:
                opened = datetime.fromisoformat(one.opened_at)
                found.append(
                    ReviewView(
                        run=one.run,
                        kind=one.kind,
                        opened_at=opened,
                        headline=run.headline,
                        actor=run.who,
                    )
                )
        return tuple(found)

    async def close_review(self, run: RunId, note: str, actor: Actor) -> None:
        """Say what was found."""
        await close_review(self._config, run, note, actor, self._cluster)

    async def backups(self) -> BackupList:
        """The default repository's backups."""
        self._looked_into = desk = await self._repository()
        found, missing = await desk.listed()
        return BackupList(location=desk.opened.location, backups=tuple(found), unreadable=tuple(missing))

    async def backup_standing(self) -> Tile:
        """How old the newest complete backup is, against what is allowed."""
        return await backups_tile(self._config, self._storage, self._cluster.uid, self._clock)

    async def backup_objects(self, backup: BackupName, kind: str = "") -> tuple[ObjectView, ...]:
        """The objects in a backup."""
        desk, chosen = await self._chosen(backup)
        return tuple(await browse(desk, chosen, kinds=(kind,) if kind else ()))

    async def backup_object(
        self, backup: BackupName, found: ObjectView, reveal_to: Actor | None = None
    ) -> JsonObject:
        """An object as it was."""
        desk, chosen = await self._chosen(backup)
        reveal = reveal_to is not None
        return await cat(
            desk, chosen, found.kind, found.name, found.namespace, reveal=reveal, actor=reveal_to
        )

    async def compare_backup(self, backup: BackupName, about: ObjectView) -> LiveComparison:
        """What differs on this cluster now."""
        desk, chosen = await self._chosen(backup)
        if chosen.cluster != self._cluster.uid:
            raise UsageError(
                f"the backup is of cluster {chosen.cluster}, and {self._cluster.name} is {self._cluster.uid}",
                hint="`k8sops backups diff --any-cluster` compares all the same",
            )
        kinds = (about.kind,) if about.kind else ()
        scope = Scope(kinds=kinds, namespace=about.namespace, name=about.name)
        diff = LiveDiff(desk, chosen, self._reader, scope)
        changes = [
            ObjectDifference(
                kind=one.kind,
                namespace=one.namespace,
                name=one.name,
                change=one.change,
                fields=tuple(str(field) for field in one.fields),
            )
            async for one in diff.changes()
        ]
        return LiveComparison(changes=tuple(changes), unread=tuple(diff.unread))

    async def audit(self, wanted: AuditFilter) -> tuple[AuditView, ...]:
        """The latest records that fit, newest first."""
        return await self._records.audit(wanted)

    async def verify_audit(self) -> AuditProof:
        """Prove that the chain holds."""
        checked = await check(self._trail, Asked())
        finding = checked.finding
        return AuditProof(ok=finding.ok, sentence=finding.sentence, expect=finding.expect, note=checked.note)

    async def export_audit(self, path: Path, actor: Actor) -> str:
        """Write the trail to a new file, signed."""
        with NewFile(path) as out:
            done = await export(self._trail, out.write, actor=actor)
        return (
            f"records {done.first} to {done.last} are in {path}, signed by key {done.key}; note {done.expect}"
        )

    async def policy(self, actor: Actor, person: str = "", namespace: str = "") -> PolicyView:
        """What policy says to each action on this cluster."""
        return await asyncio.to_thread(
            policy_view,
            self._config,
            self._cluster,
            actor,
            person,
            namespace or self._namespace,
            self._clock,
        )

    async def settings(self) -> tuple[SettingView, ...]:
        """Every setting in force."""
        return await asyncio.to_thread(settings_in_force, self._config)

    def _kept_here(self) -> ScheduleDesk:
        if self._config.read_only:
            raise DeniedError(
                "everything is read-only here: the schedule is left as it is",
                hint="`:settings` says what makes it so",
            )
        if self._config.emergency:
            raise UsageError(
                "schedules are kept in the shared store; an emergency's local one is merged without any",
                hint="change schedules when the shared store is back",
            )
        return self._schedules

    async def _repository(self) -> BackupDesk:
        """The default repository as it is now: what was read of it before may be overtaken."""
        opened = await self._repositories().open("")
        return BackupDesk(
            opened, self._present, self._storage, StoredSeen(self._storage, os_actor), self._clock
        )

    async def _present(self) -> str:
        return self._cluster.uid

    async def _chosen(self, backup: BackupName) -> tuple[BackupDesk, Chosen]:
        # Its chain of manifests is read when backups are listed, not for every object that is looked at.
        self._looked_into = desk = self._looked_into or await self._repository()
        return desk, await desk.one(backup.id, backup.cluster)


def record_desk(
    reader: ReadOnlyCluster, change: Changing, *, config: Config, clock: Clock, ids: IdSource, namespace: str
) -> RecordDesk:
    """The desk on the cluster and the store of the rest of the service."""
    repositories = repositories_of(config, change.storage, clock, ids)
    return RecordDesk(
        reader.info,
        reader,
        change.storage,
        repositories,
        change.schedules,
        config=config,
        clock=clock,
        namespace=namespace,
    )
