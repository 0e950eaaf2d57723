"""Whether a repository is what was written to it: signatures, chains, every digest, and as many packs as are asked for.

All problems are found and named, not the first alone. That a storage is away is no finding: it is raised. Without
`read_data` packs are only seen to be there in their size; what is in them is known by reading them.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from k8sops.backup.bodies import BackupBody, FileRef
from k8sops.backup.chain import Chain
from k8sops.backup.errors import RepositoryError, RepositoryKeyError, broken
from k8sops.backup.index import Catalogue, Index
from k8sops.backup.listing import Listing
from k8sops.backup.packs import GREATEST_PACK, PackEntry, pack_objects
from k8sops.backup.vault.bundles_verifying import verify_bundles
from k8sops.backup.vault.contents import Contents, load_contents, load_index, load_listing
from k8sops.backup.vault.manifests import ManifestFiles, body_of, clusters_of
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.transfer import names_below
from k8sops.core.errors import K8sOpsError, UsageError

KEPT_LISTINGS: Final = 64

_FINDINGS: Final = (RepositoryError, RepositoryKeyError)


class Finding(msgspec.Struct, frozen=True):
    """Something wrong: of which cluster and number (empty and 0: of none in particular), and what."""

    cluster: str
    seq: int
    error: K8sOpsError


class Report(msgspec.Struct, kw_only=True):
    """What was verified, and everything that is wrong. `packs` are those that the backups need.

    `bundles` are log bundles all of whose parts are there; `bytes_read` is of packs.
    """

    backups: int = 0
    objects: int = 0
    packs: int = 0
    packs_read: int = 0
    bytes_read: int = 0
    bundles: int = 0
    bundle_parts_read: int = 0
    findings: list[Finding]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


class Verifier:
    """Verifies a repository once. Memory: all indexes that its backups name, and a few listings."""

    def __init__(self, vault: Vault, *, rng: random.Random | None = None) -> None:
        self._vault: Final = vault
        self._rng: Final = rng or random.SystemRandom()
        self._listings: Final[OrderedDict[FileRef, Listing]] = OrderedDict()
        self._indexes: Final[dict[FileRef, Index]] = {}
        self._needed: Final[dict[str, PackEntry]] = {}
        self._sizes: dict[str, int] = {}
        self.report: Final = Report(findings=[])

    async def run(
        self,
        clusters: Collection[str] = (),
        *,
        read_data: float = 0.0,
        on_progress: Callable[[Report], None] | None = None,
    ) -> Report:
        """Verify these clusters' backups, or all; then read so large a share of their packs, chosen anew each time.

        Raises UsageError for a share that is not between 0 and 1, and what the storage raises when it is away.
        """
        if not 0 <= read_data <= 1:
            raise UsageError(
                f"{read_data:.0%} of the data cannot be read", hint="say a share from 0 % to 100 %"
            )
        for error in self._vault.refused:
            self._found("", 0, error)
        self._sizes = await names_below(self._vault.storage, "packs")
        # Also those of which nothing is left: that they were there is what was seen.
        known = {*await clusters_of(self._vault), *await self._vault.seen.clusters(self._vault.id)}
        for cluster in clusters or sorted(known):
            await self._cluster(cluster, on_progress)
        self.report.packs = len(self._needed)
        await self._read(read_data, on_progress)
        bundles = await verify_bundles(self._vault, clusters, read_data, self._rng)
        self.report.bundles, self.report.bundle_parts_read = bundles.bundles, bundles.parts_read
        for cluster, wrong in bundles.wrong:
            self._found(cluster, 0, wrong)
        return self.report

    async def _cluster(self, cluster: str, on_progress: Callable[[Report], None] | None) -> None:
        mark = await self._vault.seen.newest(self._vault.id, cluster)
        chain = await ManifestFiles(self._vault, cluster).chain()
        for problem in chain.problems:
            self._found(cluster, 0, problem)
        try:
            chain.check_mark(mark)
        except RepositoryError as error:
            self._found(cluster, 0, error)
        for seq in chain.live:
            try:
                await self._backup(chain, seq)
            except _FINDINGS as error:
                self._found(cluster, seq, error)
            if on_progress is not None:
                on_progress(self.report)
        if not chain.problems and chain.newest is not None:
            await self._vault.seen.saw(self._vault.id, cluster, chain.newest)

    async def _backup(self, chain: Chain, seq: int) -> None:
        body = await body_of(self._vault, chain, seq)
        catalogue = await self._catalogue(chain.cluster, seq, body)
        contents = await load_contents(self._vault, chain.cluster, body, self._listing)
        needed, missing = await asyncio.to_thread(_needed, contents, catalogue)
        self.report.backups += 1
        self.report.objects += body.objects
        for name in missing:
            self._found(
                chain.cluster,
                seq,
                broken(contents.listings[0].name, f"lists {name}, which is nowhere stored"),
            )
        for pack in needed:
            there = self._sizes.get(pack.name)
            if there is None:
                self._found(chain.cluster, seq, broken(pack.name, "is not there"))
            elif there != pack.size:
                self._found(
                    chain.cluster, seq, broken(pack.name, f"has {there:,} bytes; {pack.size:,} were written")
                )
            else:
                self._needed[pack.sha256] = pack

    async def _catalogue(self, cluster: str, seq: int, body: BackupBody) -> Catalogue:
        catalogue = Catalogue()
        for ref in body.indexes:
            if ref not in self._indexes:
                try:
                    self._indexes[ref] = await load_index(self._vault, ref)
                except _FINDINGS as error:
                    self._found(cluster, seq, error)
                    continue
            await asyncio.to_thread(catalogue.add, self._indexes[ref])
        return catalogue

    async def _listing(self, ref: FileRef) -> Listing:
        found = self._listings.pop(ref, None) or await load_listing(self._vault, ref)
        self._listings[ref] = found
        while len(self._listings) > KEPT_LISTINGS:
            self._listings.popitem(last=False)
        return found

    async def _read(self, share: float, on_progress: Callable[[Report], None] | None) -> None:
        every = sorted(self._needed.values(), key=lambda pack: pack.sha256)
        wanted = self._rng.sample(every, math.ceil(len(every) * share))
        for pack in wanted:
            try:
                data = await self._vault.storage.read(pack.name, at_most=GREATEST_PACK)
                await asyncio.to_thread(_exhaust, data, pack, self._vault)
            except _FINDINGS as error:
                self._found("", 0, error)
                continue
            self.report.packs_read += 1
            self.report.bytes_read += len(data)
            if on_progress is not None:
                on_progress(self.report)

    def _found(self, cluster: str, seq: int, error: K8sOpsError) -> None:
        self.report.findings.append(Finding(cluster, seq, error))


def _needed(contents: Contents, catalogue: Catalogue) -> tuple[list[PackEntry], list[str]]:
    """The packs a backup's objects lie in, and the names of the first few objects that lie nowhere. For a thread."""
    packs: dict[str, PackEntry] = {}
    missing: list[str] = []
    for row in contents.rows():
        place = catalogue.find(row.id)
        if place is not None:
            packs[place.pack.id] = place.pack
        elif len(missing) < 10:
            missing.append(f"{contents.kinds[row.kind].resource} {row.namespace}/{row.name}"[:200])
    return list(packs.values()), missing


def _exhaust(data: bytes, pack: PackEntry, vault: Vault) -> None:
    for _ in pack_objects(data, pack, vault.keyring):
        pass
