"""What a writer may rely on: packs that are there and not doomed, and the indexes that say what lies in them.

An object that only a doomed or missing pack holds is stored again, though the old index, which other objects need, goes
on naming the old place. So the order of a manifest's indexes says which place counts: newer ones come first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from k8sops.backup.bodies import FileRef
from k8sops.backup.errors import RepositoryError
from k8sops.backup.index import Catalogue, Index
from k8sops.backup.names import file_name, parse_name
from k8sops.backup.packs import PackEntry
from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.transfer import names_below


class Look(msgspec.Struct, frozen=True):
    """Which packs, indexes and listings were there at one moment, with their sizes, doomed ones left out."""

    files: Mapping[str, int]

    def has(self, name: str, size: int | None = None) -> bool:
        """Whether the file is there, and as large as this."""
        found = self.files.get(name)
        return found is not None and size in {None, found}


async def look(storage: Storage) -> Look:
    """List what is there, marks first: a file doomed meanwhile has a day left."""
    doomed: set[str] = set()
    for name in await names_below(storage, "doomed"):
        try:
            mark = parse_name(name)
        except RepositoryError:
            continue
        if mark.folder is not None:
            doomed.add(file_name(mark.folder, mark.id))
    files: dict[str, int] = {}
    for folder in ("packs", "indexes", "listings"):
        files.update(await names_below(storage, folder))
    return Look({name: size for name, size in files.items() if name not in doomed})


class Holdings:
    """Packs and indexes, newest first. Some 250 bytes of memory for each object."""

    def __init__(self, seen: Look) -> None:
        self._look = seen
        self._indexes: list[tuple[FileRef, Index]] = []
        self._orphans: dict[str, PackEntry] = {}
        self._fresh: dict[str, PackEntry] = {}
        self._catalogue = Catalogue()

    def add_older(self, ref: FileRef, index: Index) -> None:
        """Take in an index older than all so far; packs that are not there count for nothing. For a thread."""
        absent = self._absent(index.packs)
        if self._look.has(file_name("indexes", ref.id)):
            self._indexes.append((ref, index))
        else:
            self._orphans.update((pack.id, pack) for pack in index.packs if pack.id not in absent)
        self._catalogue.add(Index(tuple(pack for pack in index.packs if pack.id not in absent)))

    def add_pack(self, entry: PackEntry) -> None:
        """A pack of our own: from now on what it holds is known."""
        self._fresh[entry.id] = entry
        self._catalogue.add(Index((entry,)))

    def indexed(self, ref: FileRef, index: Index) -> None:
        """An index of our own was put."""
        self._indexes.insert(0, (ref, index))
        for pack in index.packs:
            self._fresh.pop(pack.id, None)
            self._orphans.pop(pack.id, None)

    def size_of(self, ids: Iterable[bytes]) -> int:
        """How many bytes these objects have together; what is not held has none."""
        return self._catalogue.size_of(ids)

    def __contains__(self, id_: bytes) -> bool:
        return id_ in self._catalogue

    def lacking(self, ids: Iterable[bytes]) -> set[bytes]:
        """Those of these objects that are not held."""
        return self._catalogue.lacking(ids)

    def packs_of(self, ids: Iterable[bytes]) -> dict[str, PackEntry]:
        """The packs that these objects, which are held, lie in."""
        return self._catalogue.packs_of(ids)

    def unindexed(self, used: Collection[str]) -> tuple[PackEntry, ...]:
        """Those of these packs that no index of ours names."""
        loose = {**self._fresh, **self._orphans}
        return tuple(pack for id_, pack in loose.items() if id_ in used)

    def indexes_of(self, used: Collection[str]) -> tuple[FileRef, ...]:
        """The indexes that are needed to find these packs, newest first; one that only repeats newer ones is not."""
        left = set(used)
        found = []
        for ref, index in self._indexes:
            named = left.intersection(pack.id for pack in index.packs)
            if named:
                found.append(ref)
                left -= named
        return tuple(found)

    def in_order(self, used: Collection[str]) -> tuple[PackEntry, ...]:
        """These packs as indexes name them, newest first."""
        found: dict[str, PackEntry] = {}
        for _, index in self._indexes:
            for pack in index.packs:
                if pack.id in used:
                    found.setdefault(pack.id, pack)
        return tuple(found.values())

    def look_again(self, seen: Look, used: Mapping[str, PackEntry]) -> set[str]:
        """Take in what is there now; which of these packs are not. For a thread."""
        self._look = seen
        lost = self._absent(used.values())
        gone = [(ref, index) for ref, index in self._indexes if not seen.has(file_name("indexes", ref.id))]
        self._indexes = [item for item in self._indexes if item not in gone]
        for _, index in gone:
            self._orphans.update((pack.id, pack) for pack in index.packs)
        if lost or gone:
            self._rebuild()
        return lost

    def _rebuild(self) -> None:
        loose = {**self._fresh, **self._orphans}
        every = [*loose.values(), *(pack for _, index in self._indexes for pack in index.packs)]
        absent = self._absent(every)
        self._orphans = {id_: pack for id_, pack in self._orphans.items() if id_ not in absent}
        self._fresh = {id_: pack for id_, pack in self._fresh.items() if id_ not in absent}
        self._catalogue = Catalogue([Index(tuple(every))], absent=absent)

    def _absent(self, packs: Iterable[PackEntry]) -> set[str]:
        return {pack.id for pack in packs if not self._look.has(pack.name, pack.size)}
