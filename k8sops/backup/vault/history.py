"""What a writer knows before it begins: which objects are stored already, and the backup that it can rest on.

All backups of the cluster that count are asked, newest first; then the newest of other clusters that the same key
signed, since a clone of a cluster holds the same objects. Nobody else's word is taken for what another cluster's packs
hold. Indexes are read until so many objects are known that memory would not bear more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.backup.bodies import BackupBody, FileRef, backup_body
from k8sops.backup.chain import Chain
from k8sops.backup.errors import RepositoryBrokenError, RepositoryError, RepositoryKeyError
from k8sops.backup.index import Index
from k8sops.backup.manifest import MANIFEST_LIMIT, read_manifest
from k8sops.backup.names import manifest_name
from k8sops.backup.selection import choice_key
from k8sops.backup.storage.errors import NotThereError
from k8sops.backup.vault.contents import load_index
from k8sops.backup.vault.manifests import body_of, clusters_of, numbers_of
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.transfer import each_of
from k8sops.core.errors import K8sOpsError

if TYPE_CHECKING:
    from k8sops.backup.vault.writing import Writer

BACKUPS: Final = 1000
"""So many backups of the cluster, newest first, are asked for what is stored already."""
CLUSTERS: Final = 16
NEWEST: Final = 3
"""Of another cluster so many of the newest manifests are looked at for a backup: tombstones may come first."""
KNOWN: Final = 400_000
"""Objects beyond which no further index is read; some 250 bytes of memory each. The base's are read in any case."""
BATCH: Final = 8

# Of an older backup: what cannot be used is not relied on, and what it held is stored anew.
UNUSABLE: Final = (RepositoryBrokenError, RepositoryKeyError, NotThereError)


class History(msgspec.Struct, frozen=True):
    """Indexes, newest first; the newest backup of the same selection; and why others were not used."""

    base: BackupBody | None
    indexes: tuple[tuple[FileRef, Index], ...]
    unusable: tuple[K8sOpsError, ...]


async def read_history(vault: Vault, chain: Chain, who: Writer, *, known: int = KNOWN) -> History:
    """What `who` can take over. Raises what the storage raises when it is away."""
    unusable: list[K8sOpsError] = []
    bodies: list[BackupBody] = []
    for seq in list(reversed(chain.live))[:BACKUPS]:
        try:
            bodies.append(await body_of(vault, chain, seq))
        except UNUSABLE as error:
            unusable.append(error)
    choice = choice_key(who.selection)
    base = next((body for body in bodies if choice_key(body.selection) == choice), None)
    wanted = dict.fromkeys(reversed(who.resume))
    for body in (*bodies, *await _others(vault, who)):
        wanted.update(dict.fromkeys(body.indexes))
    needed = [ref for ref in wanted if ref in who.resume or (base and ref in base.indexes)]
    found: dict[FileRef, Index] = {}
    await _read(vault, needed, found, unusable)
    rest = [ref for ref in wanted if ref not in needed]
    for at in range(0, len(rest), BATCH):
        if sum(pack.objects for index in found.values() for pack in index.packs) >= known:
            break
        await _read(vault, rest[at : at + BATCH], found, unusable)
    return History(base, tuple((ref, found[ref]) for ref in wanted if ref in found), tuple(unusable))


async def _read(
    vault: Vault, refs: Iterable[FileRef], found: dict[FileRef, Index], unusable: list[K8sOpsError]
) -> None:
    async def read(ref: FileRef) -> None:
        try:
            found[ref] = await load_index(vault, ref)
        except UNUSABLE as error:
            unusable.append(error)

    await each_of(refs, read)


async def _others(vault: Vault, who: Writer) -> list[BackupBody]:
    """The newest backup of each other cluster, if this writer's key signed it."""
    found = []
    for cluster in [cluster for cluster in await clusters_of(vault) if cluster != who.cluster][:CLUSTERS]:
        for seq in list(reversed(await numbers_of(vault, cluster)))[:NEWEST]:
            body = await _signed_by(vault, who.signer.key_id, cluster, seq)
            if body is not None:
                found.append(body)
                break
    return found


async def _signed_by(vault: Vault, key_id: str, cluster: str, seq: int) -> BackupBody | None:
    """What lies under a number, if it is a backup that this key signed for there; what else it is does not matter."""
    try:
        data = await vault.storage.read(manifest_name(cluster, seq), at_most=MANIFEST_LIMIT)
        file = read_manifest(data, repository=vault.id, cluster=cluster, seq=seq, trusted=vault.trusted)
        own = file.manifest.kind == "backup" and file.manifest.signer == key_id
        return backup_body(file, vault.keyring) if own else None
    except (RepositoryError, RepositoryKeyError):
        return None
