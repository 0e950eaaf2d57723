"""What a backup is made of, brought from the storage: its listing with all bases, and the catalogue of its objects.

Every file is read by the SHA-256 that the signed manifest gives, and what they say is held against what the manifest
says: of which cluster, how many objects of which kinds. Files of a listing are whole in memory, compressed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from k8sops.backup import index, listing
from k8sops.backup.bodies import BackupBody, FileRef, KindCount
from k8sops.backup.errors import broken
from k8sops.backup.index import Catalogue, Index, read_index
from k8sops.backup.listing import Kind, Listing, Row, resolve
from k8sops.backup.names import Folder, file_name
from k8sops.backup.vault.opening import Vault

# Compressed content is at most a little larger than content: see `compression.greatest_frame`.
LISTING_LIMIT: Final = listing.CONTENT_LIMIT + listing.CONTENT_LIMIT // 64
INDEX_LIMIT: Final = index.CONTENT_LIMIT + index.CONTENT_LIMIT // 64


LoadListing = Callable[[FileRef], Awaitable[Listing]]


class Contents(msgspec.Struct, frozen=True):
    """A backup's listings, itself first, and what its manifest says of it."""

    cluster: str
    body: BackupBody
    listings: tuple[Listing, ...]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds by which rows are numbered."""
        return self.listings[0].head.kinds

    def rows(self, kinds: Sequence[Kind] | None = None) -> Iterator[Row]:
        """Every object, sorted, numbered by these kinds or the backup's own. Takes time: for a thread.

        Raises RepositoryBrokenError where they do not come to what was written.
        """
        counts: Counter[int] = Counter()
        for row in resolve(self.listings, kinds):
            counts[row.kind] += 1
            yield row
        if kinds is None:
            self.check(Counter({kind.key: counts[number] for number, kind in enumerate(self.kinds)}))

    def check(self, counts: Counter[tuple[str, str]]) -> None:
        """Refuse a backup that has not so many objects of each kind. Raises RepositoryBrokenError."""
        found = tuple(KindCount(*kind.key, count) for kind in self.kinds if (count := counts[kind.key]))
        if found != tuple(kind for kind in self.body.kinds if kind.count):
            raise broken(self.listings[0].name, "comes to other objects than its manifest says")


async def load_contents(
    vault: Vault, cluster: str, body: BackupBody, load: LoadListing | None = None
) -> Contents:
    """The listing of a backup and its bases; `load` brings one where somebody keeps them.

    Raises RepositoryBrokenError, StorageError.
    """
    bring = load or partial(load_listing, vault)
    listings = [await bring(ref) for ref in (body.listing, *body.bases)]
    for found in listings:
        if found.head.cluster != cluster:
            raise broken(found.name, f"is of another cluster, {found.head.cluster}")
    if listings[0].head.objects != body.objects:
        raise broken(
            listings[0].name,
            f"comes to {listings[0].head.objects:,} objects, and the manifest says {body.objects:,}",
        )
    return Contents(cluster, body, tuple(listings))


async def load_listing(vault: Vault, ref: FileRef) -> Listing:
    """One listing. Raises RepositoryBrokenError, StorageError."""
    data = await _read(vault, "listings", ref, LISTING_LIMIT)
    return await asyncio.to_thread(Listing, data, ref.id, ref.sha256, vault.keyring)


async def load_index(vault: Vault, ref: FileRef) -> Index:
    """One index. Raises RepositoryBrokenError, StorageError."""
    data = await _read(vault, "indexes", ref, INDEX_LIMIT)
    return await asyncio.to_thread(read_index, data, ref.id, ref.sha256, vault.keyring)


async def load_catalogue(vault: Vault, body: BackupBody) -> Catalogue:
    """Where every object of a backup lies. Raises RepositoryBrokenError, StorageError."""
    catalogue = Catalogue()
    for ref in body.indexes:
        await asyncio.to_thread(catalogue.add, await load_index(vault, ref))
    return catalogue


async def _read(vault: Vault, folder: Folder, ref: FileRef, limit: int) -> bytes:
    return await vault.storage.read(file_name(folder, ref.id), at_most=limit)
