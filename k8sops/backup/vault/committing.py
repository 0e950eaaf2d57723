"""The commit of a backup: its manifest, put only if absent under the number after the newest (FORMAT.md, Numbers).

Who loses a number reads what took it, signs for the next and tries again. Nothing is put behind manifests that cannot
be believed, under an epoch older than theirs, or so long after the last look that a prune could have gone by.
"""

from __future__ import annotations

from typing import Final

from k8sops.backup.bodies import epoch_of
from k8sops.backup.chain import Chain, Mark
from k8sops.backup.errors import RepositoryError
from k8sops.backup.keys import check_writable
from k8sops.backup.manifest import ManifestFile, sign_manifest
from k8sops.backup.signed import Signer
from k8sops.backup.storage.errors import NameTakenError
from k8sops.backup.vault.manifests import ManifestFiles
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.transfer import put_surely

ATTEMPTS: Final = 100
LONGEST: Final = 12 * 3600.0
"""Seconds between the last look and the commit: a prune deletes a day after its mark at the earliest."""


async def commit(
    vault: Vault, cluster: str, body: bytes, signer: Signer, files: ManifestFiles, *, looked_at: float
) -> ManifestFile:
    """Put the manifest with this sealed body. `looked_at` is when the last look began, on the monotonic clock.

    Raises what a chain that cannot be believed raises, RepositoryKeyError for too old an epoch, RepositoryError where
    the look is too long ago or a number was never to be had.
    """
    for attempt in range(ATTEMPTS):
        chain = await files.believed()
        await check_epoch(vault, chain)
        file = sign_manifest(body, chain.next_position(files.greatest), signer)
        if vault.clock.monotonic() - looked_at > LONGEST:
            raise RepositoryError(
                "the backup was not committed: too long ago it was seen that all it rests on is there",
                hint="run it again: what it stored is there",
            )
        try:
            await put_surely(vault.storage, file.name, file.data, vault.clock)
        except NameTakenError:
            # A storage whose listings lag behind shows the same number as free for a while.
            await vault.clock.sleep(min(attempt, 10) / 10)
            continue
        await vault.seen.saw(vault.id, cluster, Mark(file.manifest.seq, file.sha256))
        await vault.seen.saw_epoch(vault.id, epoch_of(file.manifest))
        return file
    raise RepositoryError(
        f"{ATTEMPTS} times another backup of cluster {cluster} took the number first",
        hint="see what else writes backups of this cluster; what was stored is there",
    )


async def check_epoch(vault: Vault, chain: Chain) -> None:
    """Refuse to write under an epoch older than the newest manifest's, or than one seen. Raises RepositoryKeyError."""
    newest = chain.files[max(chain.files)].manifest if chain.files else None
    seen = await vault.seen.greatest_epoch(vault.id)
    check_writable(vault.keyring, max(seen, epoch_of(newest) if newest else 0))
