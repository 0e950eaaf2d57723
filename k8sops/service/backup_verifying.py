"""Verifying a repository for a door: what was looked at, everything that is wrong, and rollbacks that are accepted.

A finding is no failure to verify: it is what was asked for. The storage being away is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.backup.keys import Openers
from k8sops.backup.vault.manifests import ManifestFiles
from k8sops.backup.vault.opening import Access, find_repository
from k8sops.backup.vault.seen import SeenHere
from k8sops.backup.vault.verifying import Report, Verifier
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import UsageError
from k8sops.service.audit_trail import os_actor
from k8sops.service.backup_keys import trusted_keys
from k8sops.service.repositories import ConfiguredRepositories, where
from k8sops.service.seen import StoredSeen
from k8sops.service.storing import Storage

if TYPE_CHECKING:
    from k8sops.service.backup_desk import BackupDesk
    from k8sops.service.config import Config


class VerifyProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is."""

    backups: int
    packs: int
    packs_read: int


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, with the cluster and number it concerns, if any."""

    code: str
    message: str
    cluster: str = ""
    seq: int = 0


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    repository: str
    id: str
    good: bool
    backups: int
    objects: int
    packs: int
    packs_read: int
    bytes_read: int
    bundles: int
    bundle_parts_read: int
    wrong: tuple[Wrong, ...]


async def verify(
    desk: BackupDesk,
    *,
    cluster: str = "",
    read_data: float = 0.0,
    on_progress: Callable[[VerifyProgress], None] | None = None,
) -> Verified:
    """Verify one cluster's backups, or all: signatures, chains, digests; and so large a share of the packs' contents.

    Raises what the storage raises when it is away.
    """
    clusters = [await desk.cluster(cluster)] if cluster else ()

    def tell(report: Report) -> None:
        if on_progress is not None:
            on_progress(
                VerifyProgress(backups=report.backups, packs=report.packs, packs_read=report.packs_read)
            )

    report = await Verifier(desk.vault).run(clusters, read_data=read_data, on_progress=tell)
    return Verified(
        repository=desk.opened.location,
        id=desk.vault.id,
        good=report.good,
        backups=report.backups,
        objects=report.objects,
        packs=report.packs,
        packs_read=report.packs_read,
        bytes_read=report.bytes_read,
        bundles=report.bundles,
        bundle_parts_read=report.bundle_parts_read,
        wrong=tuple(
            Wrong(code=one.error.code, message=one.error.message, cluster=one.cluster, seq=one.seq)
            for one in report.findings
        ),
    )


async def accept_rollback(desk: BackupDesk, cluster: str, reason: str) -> str:
    """Take what a cluster's manifests show now for the newest, although more was seen; a sentence on what was done.

    Raises UsageError where nothing was rolled back or no reason is given, and what is wrong with the chain itself.
    """
    check_reason(reason)
    uid = await desk.cluster(cluster, believing=False)
    mark = await desk.vault.seen.newest(desk.vault.id, uid)
    chain = await ManifestFiles(desk.vault, uid).chain()
    chain.check_readable()
    shown = chain.newest
    if mark is not None and shown is None:
        await desk.seen.accept_nothing(desk.vault.id, uid, reason)
        return f"cluster {uid} now counts as one without backups here; number {mark.seq} had been seen"
    if mark is None or shown is None or await asyncio.to_thread(chain.digest_of, mark.seq) == mark.sha256:
        raise UsageError(f"the backups of cluster {uid} were not rolled back", hint="leave the flag out")
    await desk.seen.accept(desk.vault.id, uid, shown, reason)
    return f"number {shown.seq} now counts as the newest backup of cluster {uid}; number {mark.seq} had been seen"


async def accept_place(config: Config, repository: str, reason: str) -> str:
    """Where another repository than was seen is at a place now, or none: take that for what is meant.

    A sentence on what was done; empty where the place has what was seen there. Raises UsageError without a reason.
    """
    clock, ids = SystemClock(), UlidSource()
    storage = Storage(config, clock, ids)
    try:
        there = where(config, repository)
        shown, seen = there.location.shown, StoredSeen(storage, os_actor)
        before = await seen.repository_at(shown)
        place = await ConfiguredRepositories(config, storage, clock, ids).place(there)
        trusted = await asyncio.to_thread(trusted_keys, there.settings)
        found = await find_repository(
            place, Access(trusted=trusted, openers=Openers(), seen=seen, clock=clock)
        )
        now = found.id if found else ""
        if now == before:
            return ""
        check_reason(reason)
        await seen.accept_place(shown, now, reason)
        return f"{shown} now counts as {now or 'empty'}; repository {before or 'none'} had been seen there"
    finally:
        await storage.aclose()


async def accept_epoch(config: Config, repository: str, reason: str) -> str:
    """Where keys of a later epoch were seen than are there, take those that are there for the newest.

    A sentence on what was done; empty where no key is missing. Keys that are there for others are not: who was left
    out must not go on under those before. Raises UsageError without a reason, and what opening raises.
    """
    clock, ids = SystemClock(), UlidSource()
    storage = Storage(config, clock, ids)
    try:
        there = where(config, repository)
        kept = StoredSeen(storage, os_actor)
        seen = kept.at(there.location.shown) if there.is_copy else kept
        opened = await ConfiguredRepositories(config, storage, clock, ids, seen=_Unseen(kept)).find(
            repository
        )
        if opened is None or not opened.vault.keyring.encrypted:
            return ""
        vault = opened.vault
        before, shown = await seen.greatest_epoch(vault.id), vault.keyring.newest
        if before <= shown or before in vault.closed:
            return ""
        check_reason(reason)
        await seen.accept_epoch(vault.id, shown, reason)
    finally:
        await storage.aclose()
    return (
        f"epoch {shown} now counts as the newest of repository {vault.id}, and whoever that is for reads what comes; "
        f"epoch {before} had been seen. Where backups stand under that one, they cannot be read, and `k8sops backups "
        "rekey --accept-lost-epoch` begins another"
    )


class _Unseen(SeenHere):
    """Forgets all that was seen but where which repository was: to look at what is there now."""

    def __init__(self, kept: StoredSeen) -> None:
        super().__init__()
        self._kept: Final = kept

    def at(self, place: str) -> _Unseen:
        """Nothing was seen of a copy either."""
        return self

    async def repository_at(self, place: str) -> str:
        """The id of the repository that was seen at a place."""
        return await self._kept.repository_at(place)

    async def found_at(self, place: str, repository: str) -> None:
        """Not kept."""


def check_reason(reason: str) -> None:
    """Raises UsageError where none is given."""
    if not reason.strip():
        raise UsageError("accepting a rollback needs a reason", hint="add --reason TEXT")
