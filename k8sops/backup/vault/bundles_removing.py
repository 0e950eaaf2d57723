"""Taking log bundles away: a signed removal, then their files (FORMAT.md, Bundles).

From the removal on a bundle is gone for whoever reads. Nothing else rests on its files, so they go at once; what is cut
off, or kept by the storage for now, is finished by the next prune.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection

import msgspec

from k8sops.backup.bundle_manifest import BUNDLE_LIMIT, BundlePlace, RemovalBody, write_removal
from k8sops.backup.errors import RepositoryUntrustedError
from k8sops.backup.names import bundle_name
from k8sops.backup.storage.errors import NameTakenError, NotThereError
from k8sops.backup.vault.bundles import BundleWriter
from k8sops.backup.vault.bundles_reading import files_of_bundles, read_file
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.sweeping import deleted_file
from k8sops.backup.vault.transfer import each_of, put_surely
from k8sops.core.clock import rfc3339


class BundlesRemoved(msgspec.Struct, kw_only=True):
    """How many bundles are gone now, how many bytes were deleted, and which files the storage keeps for now."""

    bundles: int = 0
    bytes: int = 0
    retained: list[str] = msgspec.field(default_factory=list)


async def remove_bundles(
    vault: Vault,
    who: BundleWriter,
    bundles: Collection[BundlePlace],
    why: str,
    on_progress: Callable[[int, int], None] | None = None,
) -> BundlesRemoved:
    """Take these bundles away; one that is gone already is passed over. Its manifest need not be readable.

    Raises RepositoryUntrustedError where the signer, or a removal that is there already, cannot be believed.
    """
    if who.signer.key_id not in vault.trusted:
        raise RepositoryUntrustedError(
            f"{who.signer.key_id} would sign the removal, and the configuration does not trust that key",
            hint="add it to the repository's `trusted_signers`",
        )
    done = BundlesRemoved()
    for number, place in enumerate(bundles, 1):
        if await _take_away(vault, who, place, why):
            done.bundles += 1
        await _delete(vault, place, done)
        if on_progress is not None:
            on_progress(number, len(bundles))
    return done


async def _take_away(vault: Vault, who: BundleWriter, place: BundlePlace, why: str) -> bool:
    """Put the removal, if there is a bundle and none yet."""
    try:
        data = await vault.storage.read(bundle_name(place.cluster, place.bundle), at_most=BUNDLE_LIMIT)
    except NotThereError:
        return False
    body = RemovalBody(run=who.run, made_at=rfc3339(vault.clock.now()), why=why)
    removes = hashlib.sha256(data).hexdigest()
    file = await asyncio.to_thread(
        write_removal, body, place, removes, who.signer, vault.keyring, who.entropy
    )
    try:
        await put_surely(vault.storage, file.name, file.data, vault.clock)
    except NameTakenError:
        await read_file(vault, place, "removal")
        return False
    return True


async def _delete(vault: Vault, place: BundlePlace, done: BundlesRemoved) -> None:
    """All its files but the removal; nothing where there is none, which only `prune` may judge."""
    if await read_file(vault, place, "removal") is None:
        return
    sizes = {
        entry.name: entry.size
        async for name, entry in files_of_bundles(vault, place.cluster)
        if name.bundle == place.bundle and not name.removal
    }

    async def delete(name: str) -> None:
        if await deleted_file(vault.storage, name, done.retained):
            done.bytes += sizes[name]

    await each_of(sizes, delete)
