"""What nothing in a repository needs: found, marked, and deleted once its mark is a day old (FORMAT.md, Prune).

Times are the storage's own. A file that the storage keeps (retention, object lock) stays, with its mark, until a later
prune may delete it. Names that no file of a repository has are left alone: they are somebody else's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from k8sops.backup.errors import RepositoryError
from k8sops.backup.names import Name, doomed_name, file_name, manifest_name, parse_name
from k8sops.backup.storage.errors import RetainedError
from k8sops.backup.storage.port import Entry, Storage
from k8sops.backup.vault.bundles_reading import bundle_leftovers
from k8sops.backup.vault.manifests import numbers_of
from k8sops.backup.vault.needs import Needs
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.transfer import each_of, put_surely

GRACE: Final = timedelta(hours=24)
"""Between a mark and the deletion; and how old what nothing stands for is before it is marked."""
_MARK: Final = b"doomed"


class Due(msgspec.Struct, frozen=True):
    """A marked file whose day has passed: its marks, and its size; 0 where it is gone already."""

    name: str
    size: int
    marks: tuple[str, ...]


class Prospect(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to do: names of files with their sizes in bytes, and marks.

    `doom` will be marked, `waiting` is marked and not due yet, `due` will be deleted, of `spared` the marks will be
    taken back. `manifests` are those a tombstone has named for a day, `probes` leftovers of a day.
    """

    doom: Mapping[str, int]
    waiting: Mapping[str, int]
    due: tuple[Due, ...]
    spared: tuple[str, ...]
    manifests: tuple[str, ...]
    probes: tuple[str, ...]
    leftovers: Mapping[str, int]
    """Of log bundles: files of removed ones, and parts that no manifest has named for a day."""
    newest: Mapping[str, int]
    """The greatest number of each cluster when this was told."""

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to mark, to delete or to take back."""
        return not (self.doom or self.due or self.spared or self.manifests or self.probes or self.leftovers)


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """How much was deleted, how many bytes of it, and what the storage keeps although nothing needs it."""

    files: int
    bytes: int
    retained: tuple[str, ...]


async def prospect_of(vault: Vault, needs: Needs, named: Collection[str], old: datetime) -> Prospect:
    """What can go besides what is needed, if it is from `old` or before, by the storage's clock.

    `named` are files of backups that go now: they need not be old.
    """
    marks = await marks_of(vault.storage)
    doom: dict[str, int] = {}
    waiting: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for folder in ("packs", "indexes", "listings"):
        async for entry in vault.storage.entries(folder):
            if _parsed(entry.name) is None:
                continue
            sizes[entry.name] = entry.size
            if entry.name in needs.files:
                continue
            if entry.name in marks:
                waiting[entry.name] = entry.size
            elif entry.name in named or entry.modified <= old:
                doom[entry.name] = entry.size
    due, spared = [], []
    for name, found in sorted(marks.items()):
        if name in needs.files:
            spared += [mark.name for mark in found]
        elif min(mark.modified for mark in found) <= old:
            waiting.pop(name, None)
            due.append(Due(name, sizes.get(name, 0), _oldest_first(found)))
    return Prospect(
        doom=dict(sorted(doom.items())),
        waiting=dict(sorted(waiting.items())),
        due=tuple(due),
        spared=tuple(spared),
        manifests=tuple([name async for name in _removed_manifests(vault, needs, old)]),
        probes=tuple(sorted([e.name async for e in vault.storage.entries("probes") if e.modified <= old])),
        leftovers=await bundle_leftovers(vault, old),
        newest={cluster: max(chain.digests, default=0) for cluster, chain in needs.chains.items()},
    )


async def mark_all(vault: Vault, names: Iterable[str], prune: str) -> int:
    """Put a mark for each of these files; how many."""

    async def put(name: str) -> None:
        parsed = parse_name(name)
        match parsed.kind:
            case "packs" | "indexes" | "listings":
                mark = doomed_name(prune, parsed.kind, parsed.id)
                await put_surely(vault.storage, mark, _MARK, vault.clock)

    return await each_of(names, put)


async def sweep(vault: Vault, prospect: Prospect) -> Swept:
    """Delete what is due and then its marks, take back the marks of what is needed; manifests last.

    Two things keep prunes that run at once apart. A file is deleted only while its mark is there: where another took
    that back, a backup may rely on the file by now. And none is taken back once a manifest has come since the survey:
    it could be the tombstone of what needed the file.
    """
    storage = vault.storage
    retained: list[str] = []
    deleted: list[Due] = []

    async def delete_due(due: Due) -> None:
        if await storage.stat(due.marks[0]) is None or not await deleted_file(storage, due.name, retained):
            return
        deleted.append(due)
        for mark in due.marks:
            await deleted_file(storage, mark, [])

    async def delete_plain(name: str) -> None:
        if await deleted_file(storage, name, retained):
            deleted.append(Due(name, prospect.leftovers.get(name, 0), ()))

    async def take_back(mark: str) -> None:
        await deleted_file(storage, mark, [])

    await each_of(prospect.due, delete_due)
    if prospect.spared and await _unchanged(vault, prospect):
        await each_of(prospect.spared, take_back)
    await each_of((*prospect.probes, *prospect.leftovers), delete_plain)
    await each_of(prospect.manifests, delete_plain)
    await storage.sweep_drafts(older_than=GRACE)
    return Swept(files=len(deleted), bytes=sum(due.size for due in deleted), retained=tuple(sorted(retained)))


async def marks_of(storage: Storage) -> dict[str, list[Entry]]:
    """The marks of each doomed file, by the file's name."""
    found: dict[str, list[Entry]] = {}
    async for entry in storage.entries("doomed"):
        parsed = _parsed(entry.name)
        if parsed is not None and parsed.folder is not None:
            found.setdefault(file_name(parsed.folder, parsed.id), []).append(entry)
    return found


async def _unchanged(vault: Vault, prospect: Prospect) -> bool:
    """Whether no manifest has come since."""
    for cluster, newest in prospect.newest.items():
        if max(await numbers_of(vault, cluster), default=0) != newest:
            return False
    return True


async def _removed_manifests(vault: Vault, needs: Needs, old: datetime) -> AsyncIterator[str]:
    """Files of manifests that a tombstone of so long ago took away."""
    for cluster, chain in needs.chains.items():
        present = {entry.name: entry async for entry in vault.storage.entries(f"backups/{cluster}")}
        for file in chain.files.values():
            tombstone = present.get(file.name)
            if tombstone is None or tombstone.modified > old:
                continue
            for item in file.manifest.removes:
                name = manifest_name(cluster, item.seq)
                if name in present:
                    yield name


def _oldest_first(marks: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(mark.name for mark in sorted(marks, key=lambda mark: (mark.modified, mark.name)))


async def deleted_file(storage: Storage, name: str, retained: list[str]) -> bool:
    """Delete a file; False where the storage keeps it, which is then named in `retained`."""
    try:
        await storage.delete(name)
    except RetainedError:
        retained.append(name)
        return False
    return True


def _parsed(name: str) -> Name | None:
    try:
        return parse_name(name)
    except RepositoryError:
        return None
