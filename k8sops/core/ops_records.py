"""`OpsRecords`: what a door sees of schedules, backups, the audit trail, policy and settings; a part of `Ops`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from k8sops.core.actor import Actor
    from k8sops.core.audit import AuditFilter
    from k8sops.core.backups import BackupList, BackupName, LiveComparison, ObjectView
    from k8sops.core.desk import AuditProof, AuditView, PolicyView, ReviewView, SettingView
    from k8sops.core.overview import Tile
    from k8sops.core.plan import JsonObject
    from k8sops.core.run import RunId, Vote
    from k8sops.core.schedules import ScheduleView


class OpsRecords(Protocol):
    """What is kept and configured. Every change is on record, as the actor's."""

    async def schedules(self) -> tuple[ScheduleView, ...]:
        """All schedules, by name."""
        ...

    async def schedule(self, name: str) -> ScheduleView:
        """A schedule and its last firings. Raises NoSuchScheduleError."""
        ...

    async def pause_schedule(self, name: str, why: str, actor: Actor) -> ScheduleView:
        """Stop firing."""
        ...

    async def resume_schedule(self, name: str, actor: Actor) -> ScheduleView:
        """Fire again. Raises DeniedError where it is somebody else's."""
        ...

    async def fire_schedule(self, name: str, actor: Actor) -> ScheduleView:
        """Fire once, beside the timetable; a worker carries it out. Raises as `resume_schedule`."""
        ...

    async def remove_schedule(self, name: str, actor: Actor) -> ScheduleView:
        """Take it away; its firings stay on record. Raises as `resume_schedule`."""
        ...

    async def vote_on_schedule(self, name: str, vote: Vote, actor: Actor) -> ScheduleView:
        """Vote on its standing approval. Raises AlreadyDecidedError, DeniedError, UsageError."""
        ...

    async def reviews(self) -> tuple[ReviewView, ...]:
        """Reviews that nobody has closed, of runs on this cluster, oldest first."""
        ...

    async def close_review(self, run: RunId, note: str, actor: Actor) -> None:
        """Say what was found. Raises DeniedError, AlreadyDecidedError."""
        ...

    async def backups(self) -> BackupList:
        """The default repository's backups. Raises UsageError where none is configured, and what reading it raises."""
        ...

    async def backup_standing(self) -> Tile:
        """How old the newest complete backup is, against what is allowed."""
        ...

    async def backup_objects(self, backup: BackupName, kind: str = "") -> tuple[ObjectView, ...]:
        """The objects in a backup, of one kind where that is said, sorted."""
        ...

    async def backup_object(
        self, backup: BackupName, found: ObjectView, reveal_to: Actor | None = None
    ) -> JsonObject:
        """An object as it was; a Secret's values only where somebody asks, which goes on record first."""
        ...

    async def compare_backup(self, backup: BackupName, about: ObjectView) -> LiveComparison:
        """What differs on this cluster now; of one kind, namespace or name where `about` gives it.

        Raises UsageError where the backup is of another cluster.
        """
        ...

    async def audit(self, wanted: AuditFilter) -> tuple[AuditView, ...]:
        """The latest records that fit, newest first."""
        ...

    async def verify_audit(self) -> AuditProof:
        """Read every record again and prove that the chain holds."""
        ...

    async def export_audit(self, path: Path, actor: Actor) -> str:
        """Write the trail to a new file, signed; returns a sentence. Raises UsageError where there is such a file."""
        ...

    async def policy(self, actor: Actor, person: str = "", namespace: str = "") -> PolicyView:
        """What policy says to each action in a namespace (the default one where none is named) of this cluster.

        It is asked for the actor, or for a person it knows. Raises UsageError, PolicyError.
        """
        ...

    async def settings(self) -> tuple[SettingView, ...]:
        """Every setting in force, and where it is from."""
        ...
