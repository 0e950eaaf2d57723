"""Backups as doors show them: plain data out of a manifest, and what differs from the cluster as it is now."""

from __future__ import annotations

from datetime import datetime

import msgspec

from k8sops.core.plan import JsonObject


class ClusterView(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster that has backups in a repository; the name is what the newest of them says, or nothing."""

    uid: str
    name: str
    backups: int


class GapView(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be read, and why."""

    kind: str
    namespace: str
    why: str


class BackupView(msgspec.Struct, frozen=True, kw_only=True):
    """One backup. Sizes are bytes of objects, not of files."""

    seq: int
    id: str
    name: str
    cluster: str
    cluster_name: str
    run: str
    began_at: datetime
    made_at: datetime
    first_read_at: datetime
    last_read_at: datetime
    changed_meanwhile: int
    read_again: int
    server_version: str
    selection: JsonObject
    selected: str
    """The selection in words."""
    objects: int
    bytes: int
    new_objects: int
    new_bytes: int
    kinds: tuple[tuple[str, int], ...]
    """`plural.group`, and how many."""
    complete: bool
    gaps: tuple[GapView, ...]
    volumes_not_captured: tuple[str, ...]
    """Claims as `namespace/name`: their data are not in the backup."""
    full_read: bool
    signer: str
    sha256: str


class MissingView(msgspec.Struct, frozen=True, kw_only=True):
    """A backup whose manifest is damaged or gone, or whose contents do not open here."""

    seq: int
    cluster: str
    why: str


class ObjectView(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a backup, by name."""

    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str


class BackupList(msgspec.Struct, frozen=True, kw_only=True):
    """What one repository holds, newest first, and how that stands against what is allowed."""

    location: str
    backups: tuple[BackupView, ...]
    unreadable: tuple[MissingView, ...]


class BackupName(msgspec.Struct, frozen=True):
    """Which backup: its id, and the uid of its cluster."""

    id: str
    cluster: str


class ObjectDifference(msgspec.Struct, frozen=True, kw_only=True):
    """An object that differs: `added`, `removed`, `changed`, `recreated` (another uid), or `unknown`, in a gap."""

    kind: str
    namespace: str
    name: str
    change: str
    fields: tuple[str, ...] = ()
    """Of a changed one every field that does, a line each, without a Secret's values."""


class LiveComparison(msgspec.Struct, frozen=True, kw_only=True):
    """How a backup differs from the cluster now; of kinds that could not be read, with the reason, nothing is known."""

    changes: tuple[ObjectDifference, ...]
    unread: tuple[tuple[str, str], ...]
