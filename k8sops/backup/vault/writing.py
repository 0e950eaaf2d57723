"""Writing a backup: objects in any order, and either a manifest in the end, or nothing that counts.

What is held already is not stored again; what turns out to be doomed or gone before the commit is stored anew. Nothing
is locked: two writers at once store some objects twice, and each gets a number of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from k8sops.backup.bodies import BackupBody, FileRef, Gap, KindCount, seal_body
from k8sops.backup.chain import Chain, Mark
from k8sops.backup.errors import RepositoryError, RepositoryUntrustedError
from k8sops.backup.listing import GREATEST_DEPTH
from k8sops.backup.names import file_name
from k8sops.backup.packs import PackEntry
from k8sops.backup.sealed import Entropy, SealedFile
from k8sops.backup.signed import Signer
from k8sops.backup.vault.committing import check_epoch, commit
from k8sops.backup.vault.contents import Contents, load_contents
from k8sops.backup.vault.history import UNUSABLE, read_history
from k8sops.backup.vault.holdings import Holdings, Look, look
from k8sops.backup.vault.items import (
    Facts,
    Item,
    Key,
    Progress,
    ReadAgain,
    Selection,
    Taken,
    Written,
    kind_of,
)
from k8sops.backup.vault.manifests import ManifestFiles
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.packing import OnIndex, Pace, Packing
from k8sops.backup.vault.rows import listing_file, rows_of
from k8sops.backup.vault.transfer import put_surely
from k8sops.core.clock import IdSource, rfc3339
from k8sops.core.errors import K8sOpsError

ROUNDS: Final = 4
"""How often what was lost meanwhile is stored anew before the backup is given up."""
GREATEST_INDEXES: Final = 32
"""A backup that would need more indexes writes one in their place."""


class Writer(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes a backup, of which cluster, and as what. `resume` are indexes that an interrupted run told of."""

    cluster: str
    signer: Signer
    ids: IdSource
    encrypt: bool
    selection: Selection
    resume: Sequence[FileRef] = ()
    read_again: ReadAgain | None = None
    on_index: OnIndex | None = None
    on_progress: Callable[[Progress], None] | None = None
    entropy: Entropy = os.urandom
    pace: Pace = Pace()


class BackupWriter:
    """One backup being written: `begin`, then `add` items, then `commit`; `close` it however it ends.

    After an error nothing more is taken: what was stored is found again by the next. Memory: some 700 bytes for each
    object (its row, and its place), as much again for those that changed since the base, and the packs on their way.
    """

    def __init__(self, vault: Vault, who: Writer, files: ManifestFiles, seen: Look) -> None:
        self._vault: Final = vault
        self._who: Final = who
        self._files: Final = files
        self._holdings: Final = Holdings(seen)
        self._packing: Final = Packing(
            vault,
            self._holdings,
            entropy=who.entropy,
            pace=who.pace,
            on_index=who.on_index,
            on_progress=who.on_progress,
        )
        self._rows: Final[dict[Key, Taken]] = {}
        self._gaps: Final[dict[Key, Gap]] = {}
        self._batch: Final[list[Item]] = []
        self._batch_keys: Final[set[Key]] = set()
        self._batch_bytes = 0
        self._unheld: Final[set[Key]] = set()
        self._unusable: Final[list[K8sOpsError]] = []
        self._base_rows: Mapping[Key, Taken] = {}
        self._reading_base: asyncio.Task[None] | None = None
        self.base: Contents | None = None
        """The newest backup of the same selection, if its listing can be rested on."""

    @classmethod
    async def begin(cls, vault: Vault, who: Writer) -> BackupWriter:
        """Read what there is. Raises for a repository or a chain that cannot be written to.

        Files of older backups that are damaged or do not open here are not relied on; `commit` tells which.
        """
        vault.check_encrypted(encrypt=who.encrypt)
        if who.signer.key_id not in vault.trusted:
            raise RepositoryUntrustedError(
                f"{who.signer.key_id} would sign the backup, and the configuration does not trust that key",
                hint="add it to the repository's `trusted_signers`",
            )
        files = ManifestFiles(vault, who.cluster)
        chain = await files.believed()
        await check_epoch(vault, chain)
        seen = await look(vault.storage)
        writer = cls(vault, who, files, seen)
        await writer._load(chain, seen)
        return writer

    @property
    def rows(self) -> Mapping[Key, Taken]:
        """What was taken until now: uid, resourceVersion and id of each object. To look at only."""
        return self._rows

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._packing.progress

    def holds(self, id_: bytes) -> bool:
        """Whether an object of this id is stored already, and can be taken over by its id."""
        return id_ in self._holdings

    async def base_rows(self) -> Mapping[Key, Taken]:
        """What the base has of each object, once that is read to its end; nothing where it cannot be rested on."""
        if self._reading_base is not None:
            await asyncio.shield(self._reading_base)
        return self._base_rows

    async def add(self, items: AsyncIterable[Item]) -> None:
        """Take items to the end. They pack best where each kind comes by itself, sorted by namespace and name.

        Raises what the storage raises, and what the iterable does.
        """
        async for item in items:
            if self._is_full_for(item):
                await self._drain()
            self._take_in(item)
        await self._drain()

    async def take(self, items: Iterable[Item]) -> None:
        """The same of items that are there already."""
        for item in items:
            if self._is_full_for(item):
                await self._drain()
            self._take_in(item)
        await self._drain()

    def keep(self, kept: Mapping[Key, Taken]) -> None:
        """Objects that are as the base has them (rows of `base_rows`), of which nothing else was taken before."""
        self._rows.update(kept)
        if lacking := self._holdings.lacking(id_ for _, _, id_ in kept.values()):
            self._unheld.update(key for key, row in kept.items() if row[2] in lacking)
        self._packing.progress.objects += len(kept)

    async def commit(self, facts: Facts) -> Written:
        """Finish packs, index and listing, look whether all is there, and put the manifest.

        Raises RepositoryError where objects that are needed are gone and cannot be read again.
        """
        await self.base_rows()
        for _ in range(ROUNDS):
            if self._unheld:
                await self._packing.finish()
                await self._read_again()
            packs, listing = await self._store_and_list(facts)
            used = set(packs)
            looked_at = self._vault.clock.monotonic()
            if await self._all_there(listing, packs):
                return await self._put_manifest(facts, listing, looked_at, used)
        raise RepositoryError(
            f"the backup was not committed: {ROUNDS} times a file it rests on was gone before it could be",
            hint="see what else deletes files in this place",
        )

    async def _store_and_list(self, facts: Facts) -> tuple[dict[str, PackEntry], _Listed]:
        """Put the last packs, their index, then the listing, which is made beside them: no row changes any more."""
        base = self.base if self.base and self.base.listings[0].head.depth < GREATEST_DEPTH else None
        making = asyncio.create_task(asyncio.to_thread(self._listing_file, facts, base))
        try:
            await self._packing.finish()
            packs = await asyncio.to_thread(self._packs)
            await self._write_index(set(packs))
            return packs, await self._put_listing(await making, base)
        finally:
            # A thread cannot be ended; who comes after must not find it at the rows.
            await asyncio.gather(making, return_exceptions=True)

    async def _write_index(self, used: set[str]) -> None:
        """Of packs that no index names; in the place of many, or every backup would read all there ever were."""
        fresh = self._holdings.unindexed(used)
        refs = self._holdings.indexes_of(used)
        if len(refs) + bool(fresh) <= GREATEST_INDEXES:
            await self._packing.write_index(fresh)
            return
        older = await asyncio.to_thread(self._holdings.in_order, used)
        await self._packing.write_index((*fresh, *older), replaces=tuple(ref.id for ref in refs))

    async def close(self) -> None:
        """End what is on its way. Needed after a failure; harmless after a commit."""
        if self._reading_base is not None:
            self._reading_base.cancel()
            await asyncio.gather(self._reading_base, return_exceptions=True)
        await self._packing.close()

    async def _load(self, chain: Chain, seen: Look) -> None:
        history = await read_history(self._vault, chain, self._who)
        self._unusable.extend(history.unusable)
        for ref, index in history.indexes:
            await asyncio.to_thread(self._holdings.add_older, ref, index)
        base = history.base
        if base is not None and _listed(seen, (base.listing, *base.bases)):
            try:
                self.base = await load_contents(self._vault, self._who.cluster, base)
            except UNUSABLE as error:
                self._unusable.append(error)
            else:
                # Beside the first pages of whoever reads a cluster.
                self._reading_base = asyncio.create_task(self._read_base(self.base))

    async def _read_base(self, base: Contents) -> None:
        """To the end: one that does not come to what it says would fail only when it is rested on."""
        try:
            self._base_rows = await asyncio.to_thread(rows_of, base)
        except UNUSABLE as error:
            self._unusable.append(error)
            self.base = None

    def _take_over(self, item: Item) -> None:
        self._gaps.pop(item.key, None)
        self._unheld.discard(item.key)
        if item.known is None:
            self._rows.pop(item.key, None)
            return
        self._rows[item.key] = (item.uid, item.resource_version, item.known)
        self._packing.progress.objects += 1
        if item.known not in self._holdings:
            self._unheld.add(item.key)

    def _is_full_for(self, item: Item) -> bool:
        """Whether what is in the batch has to be stored before this item can be taken."""
        pace = self._who.pace
        full = len(self._batch) >= pace.batch_items or self._batch_bytes >= pace.batch_bytes
        return full or (item.data is None and item.key in self._batch_keys)

    def _take_in(self, item: Item) -> None:
        if item.data is None:
            self._take_over(item)
            return
        self._batch.append(item)
        self._batch_keys.add(item.key)
        self._batch_bytes += len(item.data)

    async def _drain(self) -> None:
        if not self._batch:
            return
        items = list(self._batch)
        self._batch.clear()
        self._batch_keys.clear()
        self._batch_bytes = 0
        for stored in await self._packing.take(items):
            item = stored.item
            self._unheld.discard(item.key)
            if stored.refused:
                self._rows.pop(item.key, None)
                self._gaps[item.key] = Gap(
                    group=item.key.group,
                    resource=item.key.resource,
                    namespace=item.key.namespace,
                    why=f"{item.key.name}: {stored.refused}",
                )
            else:
                self._gaps.pop(item.key, None)
                self._rows[item.key] = (item.uid, item.resource_version, stored.id)

    async def _read_again(self) -> None:
        """Read what is listed and not held; what is gone from the cluster by now is no part of the backup."""
        wanted = sorted(key for key in self._unheld if self._rows[key][2] not in self._holdings)
        self._unheld.clear()
        if not wanted:
            return
        if self._who.read_again is None:
            raise RepositoryError(
                f"{len(wanted):,} objects of the backup are not stored, {wanted[0].name!r} the first of them",
                hint="run it again with --full",
            )
        for key in wanted:
            del self._rows[key]
        await self.add(self._who.read_again(wanted))
        await self._packing.finish()

    def _packs(self) -> dict[str, PackEntry]:
        return self._holdings.packs_of(id_ for _, _, id_ in self._rows.values())

    async def _all_there(self, listing: _Listed, used: Mapping[str, PackEntry]) -> bool:
        """Look again at what is relied on; whatever is lost is forgotten, so that the next round stores it anew."""
        seen = await look(self._vault.storage)
        return await asyncio.to_thread(self._forget_lost, seen, listing, used)

    def _forget_lost(self, seen: Look, listing: _Listed, used: Mapping[str, PackEntry]) -> bool:
        before = self._holdings.indexes_of(set(used))
        lost = self._holdings.look_again(seen, used)
        if lost:
            self._unheld.update(key for key, row in self._rows.items() if row[2] not in self._holdings)
        bases_there = _listed(seen, listing.bases)
        if not bases_there:
            self.base = None
        return (
            not lost
            and bases_there
            and _listed(seen, (listing.ref,))
            and before == self._holdings.indexes_of(set(used))
        )

    def _listing_file(self, facts: Facts, base: Contents | None) -> SealedFile:
        return listing_file(
            self._rows,
            self._who.cluster,
            facts.kinds,
            self._vault.keyring,
            self._who.entropy,
            resting_on=(base, self._base_rows) if base else None,
        )

    async def _put_listing(self, file: SealedFile, base: Contents | None) -> _Listed:
        name = file_name("listings", file.id)
        await put_surely(self._vault.storage, name, file.data, self._vault.clock)
        self._packing.progress.bytes_put += len(file.data)
        bases = (base.body.listing, *base.body.bases) if base else ()
        return _Listed(FileRef(file.id, file.sha256), bases)

    async def _put_manifest(
        self, facts: Facts, listing: _Listed, looked_at: float, used: set[str]
    ) -> Written:
        body = await asyncio.to_thread(self._body, facts, listing, used)
        sealed = await asyncio.to_thread(seal_body, body, self._vault.keyring, self._who.entropy)
        file = await commit(
            self._vault, self._who.cluster, sealed, self._who.signer, self._files, looked_at=looked_at
        )
        return Written(Mark(file.manifest.seq, file.sha256), body, tuple(self._unusable))

    def _body(self, facts: Facts, listing: _Listed, used: set[str]) -> BackupBody:
        counts = Counter(map(kind_of, self._rows))
        size = self._holdings.size_of(id_ for _, _, id_ in self._rows.values())
        gaps = (*facts.gaps, *(self._gaps[key] for key in sorted(self._gaps)))
        return BackupBody(
            id=self._who.ids.new(),
            name=facts.name,
            run=facts.run,
            began_at=rfc3339(facts.began_at),
            made_at=rfc3339(self._vault.clock.now()),
            cluster_name=facts.cluster_name,
            server_version=facts.server_version,
            selection=self._who.selection,
            listing=listing.ref,
            bases=listing.bases,
            indexes=self._holdings.indexes_of(used),
            kinds=tuple(KindCount(*kind.key, counts[kind.key]) for kind in facts.kinds),
            objects=len(self._rows),
            bytes=size,
            new_objects=self._packing.progress.new_objects,
            new_bytes=self._packing.progress.new_bytes,
            gaps=gaps,
            complete=not gaps,
            cut=facts.cut,
            volumes_not_captured=facts.volumes_not_captured,
            full_read=facts.full_read,
        )


class _Listed(msgspec.Struct, frozen=True):
    """A listing that was put, and what it rests on."""

    ref: FileRef
    bases: tuple[FileRef, ...]


async def write_backup(
    vault: Vault, who: Writer, items: AsyncIterable[Item], facts: Callable[[], Awaitable[Facts]]
) -> Written:
    """A backup of these items from beginning to commit; `facts` is asked once they are all taken."""
    writer = await BackupWriter.begin(vault, who)
    try:
        await writer.add(items)
        return await writer.commit(await facts())
    finally:
        await writer.close()


def _listed(seen: Look, refs: Sequence[FileRef]) -> bool:
    return all(seen.has(file_name("listings", ref.id)) for ref in refs)
