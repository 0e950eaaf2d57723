"""Looking across backups for a door: an object's history, what differs between two backups, a backup written out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from k8sops.actions.backups.applicable import Applicable
from k8sops.backup.bodies import BackupBody
from k8sops.backup.listing import Kind, Row
from k8sops.backup.selection import choice_key, read_selection
from k8sops.backup.vault.contents import Contents, load_contents
from k8sops.backup.vault.diffing import ObjectDifference, Wanted, diff_backups
from k8sops.backup.vault.exporting import Exported, export_backup
from k8sops.backup.vault.finding import find_objects
from k8sops.core.audit import AuditEntry
from k8sops.core.backups import MissingView
from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import UsageError
from k8sops.service.audit_trail import os_actor
from k8sops.service.backup_inside import names_of
from k8sops.service.backup_live import Scope
from k8sops.service.backup_views import ObjectChange

if TYPE_CHECKING:
    from k8sops.service.backup_desk import BackupDesk, Chosen
    from k8sops.store.database import Tx


class EpisodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of backups in which an object was the same, or gone, and how it came to be so."""

    what: str
    first: int
    last: int
    first_at: datetime
    last_at: datetime
    uid: str
    resource_version: str


class HistoryView(msgspec.Struct, frozen=True, kw_only=True):
    """An object and its history, oldest first."""

    kind: str
    namespace: str
    name: str
    history: tuple[EpisodeView, ...]


class FoundView(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, in how many backups it was looked for, and those that cannot be read."""

    cluster: str
    objects: tuple[HistoryView, ...]
    backups: int
    unreadable: tuple[MissingView, ...]


async def find(
    desk: BackupDesk,
    scope: Scope,
    *,
    cluster: str = "",
    on_progress: Callable[[int, int], None] | None = None,
) -> FoundView:
    """Objects across all backups of a cluster. Raises UsageError, and what the storage raises when it is away."""
    uid = await desk.cluster(cluster)
    found = await find_objects(desk.vault, await desk.chain(uid), wanted_by(scope), on_progress=on_progress)
    return FoundView(
        cluster=uid,
        objects=tuple(
            HistoryView(
                kind=names_of(one.kind).qualified,
                namespace=one.key.namespace,
                name=one.key.name,
                history=tuple(
                    EpisodeView(
                        what=part.what,
                        first=part.first,
                        last=part.last,
                        first_at=parse_rfc3339(part.first_at),
                        last_at=parse_rfc3339(part.last_at),
                        uid=part.uid,
                        resource_version=part.resource_version,
                    )
                    for part in one.history
                ),
            )
            for one in found.objects
        ),
        backups=found.backups,
        unreadable=tuple(
            MissingView(seq=seq, cluster=uid, why=error.message) for seq, error in found.unreadable
        ),
    )


async def diff(desk: BackupDesk, before: Chosen, after: Chosen, scope: Scope) -> AsyncIterator[ObjectChange]:
    """Each object that differs between two backups; `not_selected` where one of them was never to have it.

    Raises UsageError for a kind that neither has.
    """
    old = await load_contents(desk.vault, before.cluster, before.body)
    new = await load_contents(desk.vault, after.cluster, after.body)
    for text in scope.kinds:
        if not any(names_of(kind).called(text) for kind in (*old.kinds, *new.kinds)):
            raise UsageError(
                f"neither backup has a kind {text[:80]!r}", hint="`k8sops backups show` lists them"
            )
    async for found in diff_backups(desk.vault, old, new, wanted=wanted_by(scope), hide=scope.hidden):
        if found.change == "recreated" and not found.differences and not scope.noise:
            continue  # another uid and nothing else: the server assigned it
        lacking = {"added": before.body, "removed": after.body}.get(found.change)
        other = after.body if lacking is before.body else before.body
        unselected = lacking is not None and not _selected_alike(lacking, other, found)
        yield ObjectChange(
            kind=names_of(found.kind).qualified,
            namespace=found.key.namespace,
            name=found.key.name,
            change="not_selected" if unselected else found.change,
            fields=found.differences,
        )


def _selected_alike(lacking: BackupBody, having: BackupBody, found: ObjectDifference) -> bool:
    """Whether a backup that lacks an object would have it, had it been there.

    What labels and owners decide is not known of an object that was never read, and so not called lacking.
    """
    if choice_key(lacking.selection) == choice_key(having.selection):
        return True
    selection, kind = read_selection(lacking.selection), names_of(found.kind)
    return (
        not selection.selectors
        and selection.takes_kind(kind)
        and selection.takes_scope(kind, found.key.namespace, found.key.name)
    )


async def export(
    desk: BackupDesk,
    chosen: Chosen,
    folder: Path,
    scope: Scope,
    *,
    secrets: bool = False,
    everything: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write a backup out as YAML files, which goes on record first; with `everything` also what controllers make.

    Raises UsageError, also where a file cannot be written.
    """
    contents = await load_contents(desk.vault, chosen.cluster, chosen.body)
    wanted = wanted_by(scope)
    await _record_export(desk, chosen, folder, secrets=secrets)

    def tell(done: Exported, total: int) -> None:
        if on_progress is not None:
            on_progress(done.objects + done.left_out, total)

    try:
        clean = await asyncio.to_thread(applicable_of, contents, wanted, everything=everything)
        return await export_backup(
            desk.vault, contents, folder, clean=clean, wanted=wanted, secrets=secrets, on_progress=tell
        )
    except OSError as error:
        where = error.filename or folder
        raise UsageError(
            f"{where} cannot be written: {error.strerror}", hint="name another folder, new or empty"
        ) from error


def applicable_of(contents: Contents, wanted: Wanted, *, everything: bool = False) -> Applicable:
    """What makes the wanted objects fit to be applied. For a thread."""
    rows = (row for row in contents.rows() if wanted(contents.kinds[row.kind], row))
    return Applicable(contents.kinds, rows, everything=everything)


async def _record_export(desk: BackupDesk, chosen: Chosen, folder: Path, *, secrets: bool) -> None:
    database, books = await desk.storage.database(), await desk.storage.books()

    def work(tx: Tx) -> None:
        data = {
            "repository": desk.opened.location,
            "backup": chosen.body.id,
            "seq": chosen.seq,
            "secrets": secrets,
            "folder": str(folder),
        }
        entry = AuditEntry(
            code="backup.exported",
            at=tx.now(),
            actor=os_actor(),
            cluster_uid=chosen.cluster,
            cluster_name=chosen.body.cluster_name,
            outcome="begun",
            data=data,
        )
        books.chain(tx, [entry])

    await database.write(work, name="backup.exported")


def wanted_by(scope: Scope) -> Wanted:
    """The scope as the vault asks it."""
    known: dict[tuple[str, str], bool] = {}

    def wanted(kind: Kind, row: Row) -> bool:
        if kind.key not in known:
            known[kind.key] = scope.takes_kind(kind)
        return known[kind.key] and scope.takes(row.namespace, row.name)

    return wanted
