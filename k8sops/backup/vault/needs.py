"""What the backups of a repository need: their listings with all bases, their indexes, the packs their objects lie in.

Whatever is not needed may go, so nothing is guessed here: a manifest that cannot be believed, a listing or an index
that cannot be read ends it. Takes the time of reading every backup's rows; memory as a `Verifier`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from k8sops.backup.bodies import BackupBody, FileRef
from k8sops.backup.chain import Chain
from k8sops.backup.errors import RepositoryError, RepositoryKeyError
from k8sops.backup.index import Catalogue, Index
from k8sops.backup.listing import Listing
from k8sops.backup.names import file_name
from k8sops.backup.packs import PackEntry
from k8sops.backup.vault.contents import Contents, load_contents, load_index, load_listing
from k8sops.backup.vault.manifests import body_of, clusters_of, load_chain
from k8sops.backup.vault.opening import Vault

KEPT_LISTINGS: Final = 64

Removing = Mapping[str, Collection[int]]
"""Numbers of backups, by cluster."""


class Needs(msgspec.Struct, frozen=True):
    """The names of the files that backups need, with their SHA-256, and the chains they were told from, by cluster."""

    files: Mapping[str, str]
    chains: Mapping[str, Chain]


async def load_chains(vault: Vault) -> dict[str, Chain]:
    """The manifests of every cluster there is or was seen, all believed. Raises what `load_chain` raises."""
    clusters = {*await clusters_of(vault), *await vault.seen.clusters(vault.id)}
    return {cluster: await load_chain(vault, cluster) for cluster in sorted(clusters)}


class Needing:
    """Finds out what backups need, reading each file once as far as room allows."""

    def __init__(self, vault: Vault, on_progress: Callable[[int, int], None] | None = None) -> None:
        """`on_progress` is told how many backups were gone through, of how many."""
        self._vault: Final = vault
        self._on_progress: Final = on_progress
        self._listings: Final[OrderedDict[FileRef, Listing]] = OrderedDict()
        self._indexes: Final[dict[FileRef, Index]] = {}
        self._catalogue: tuple[tuple[FileRef, ...], Catalogue] = ((), Catalogue())

    async def every(self, without: Removing) -> Needs:
        """What all backups but these need. Raises RepositoryError naming the backup that cannot be gone through."""
        chains = await load_chains(self._vault)
        wanted = [
            (chain, seq)
            for cluster, chain in chains.items()
            for seq in chain.live
            if seq not in without.get(cluster, ())
        ]
        files: dict[str, str] = {}
        for done, (chain, seq) in enumerate(wanted, 1):
            files |= await self._of(chain, seq)
            if self._on_progress is not None:
                self._on_progress(done, len(wanted))
        return Needs(files, chains)

    async def named_by(self, chains: Mapping[str, Chain], backups: Removing) -> set[str]:
        """The files these backups rest on; of one that cannot be read nothing."""
        files: set[str] = set()
        for cluster, seqs in backups.items():
            for seq in seqs:
                try:
                    body = await body_of(self._vault, chains[cluster], seq)
                    files.update(_named(body))
                    for ref in body.indexes:
                        files.update(pack.name for pack in (await self._index(ref)).packs)
                except (RepositoryError, RepositoryKeyError):
                    continue
        return files

    async def _of(self, chain: Chain, seq: int) -> dict[str, str]:
        try:
            body = await body_of(self._vault, chain, seq)
            catalogue = await self._catalogue_of(body)
            contents = await load_contents(self._vault, chain.cluster, body, self._listing)
            packs = await asyncio.to_thread(_packs, contents, catalogue)
        except (RepositoryError, RepositoryKeyError) as error:
            raise type(error)(
                f"nothing may go, since it cannot be told what backup {seq} of cluster {chain.cluster} needs: "
                f"{error.message}",
                hint="see `k8sops backups verify`; if that backup is lost, remove it by naming it",
            ) from error
        return _named(body) | packs

    async def _catalogue_of(self, body: BackupBody) -> Catalogue:
        if self._catalogue[0] != body.indexes:
            catalogue = Catalogue()
            for ref in body.indexes:
                await asyncio.to_thread(catalogue.add, await self._index(ref))
            self._catalogue = (body.indexes, catalogue)
        return self._catalogue[1]

    async def _index(self, ref: FileRef) -> Index:
        if ref not in self._indexes:
            self._indexes[ref] = await load_index(self._vault, ref)
        return self._indexes[ref]

    async def _listing(self, ref: FileRef) -> Listing:
        found = self._listings.pop(ref, None) or await load_listing(self._vault, ref)
        self._listings[ref] = found
        while len(self._listings) > KEPT_LISTINGS:
            self._listings.popitem(last=False)
        return found


def _named(body: BackupBody) -> dict[str, str]:
    return {
        **{file_name("listings", ref.id): ref.sha256 for ref in (body.listing, *body.bases)},
        **{file_name("indexes", ref.id): ref.sha256 for ref in body.indexes},
    }


def _packs(contents: Contents, catalogue: Catalogue) -> dict[str, str]:
    """The packs in which the objects have their first place. For a thread."""
    found: dict[str, PackEntry] = {}
    for row in contents.rows():
        place = catalogue.find(row.id)
        if place is not None:
            found[place.pack.id] = place.pack
    return {pack.name: pack.sha256 for pack in found.values()}
