"""Taking backups away, and what nothing needs any more, without a lock (FORMAT.md, Prune).

A tombstone is the one moment at which backups go. Files that nothing needs are then marked, and deleted by a later
prune, a day after their mark by the storage's clock, if no manifest has come that stands for them. Whatever is cut off
half-way is found and finished by the next prune: all it needs is read from the storage.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from k8sops.backup.bodies import BackupBody, TombstoneBody, seal_body
from k8sops.backup.chain import Chain, Mark
from k8sops.backup.errors import RepositoryError, RepositoryUntrustedError
from k8sops.backup.manifest import ManifestFile, Removed, sign_manifest
from k8sops.backup.names import Folder, check_cluster, parse_name
from k8sops.backup.sealed import Entropy
from k8sops.backup.signed import Signer
from k8sops.backup.storage.errors import NameTakenError
from k8sops.backup.storage.probing import storage_now
from k8sops.backup.vault.committing import check_epoch
from k8sops.backup.vault.manifests import ManifestFiles, body_of
from k8sops.backup.vault.needs import Needing, Removing
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.sweeping import GRACE, Prospect, Swept, mark_all, prospect_of, sweep
from k8sops.backup.vault.transfer import put_surely
from k8sops.core.clock import IdSource, rfc3339
from k8sops.core.errors import UsageError

ATTEMPTS: Final = 20

OnProgress = Callable[[int, int], None]


class Pruner(msgspec.Struct, frozen=True, kw_only=True):
    """Who prunes, for which run."""

    signer: Signer
    ids: IdSource
    run: str
    entropy: Entropy = os.urandom


class Gone(msgspec.Struct, frozen=True):
    """Backups that a tombstone has just taken away, how many files were marked, and what else there is to do."""

    seqs: tuple[int, ...] = ()
    marked: int = 0
    prospect: Prospect | None = None


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What a prune did: which backups are gone now, how many files were marked, and what was swept."""

    removed: Mapping[str, tuple[int, ...]]
    marked: int
    swept: Swept


async def survey(
    vault: Vault, removing: Removing | None = None, *, on_progress: OnProgress | None = None
) -> Prospect:
    """What a prune that takes these backups away would do, by this machine's clock. Changes nothing.

    Raises UsageError for a backup that must stay; RepositoryError where what others need cannot be told.
    """
    return await _survey(vault, removing or {}, vault.clock.now() - GRACE, on_progress)


async def prune(
    vault: Vault,
    who: Pruner,
    removing: Removing,
    policy: Mapping[str, Any],
    *,
    on_progress: OnProgress | None = None,
) -> Pruned:
    """Take these backups away, mark what nothing needs any more, and delete what was marked long enough ago.

    Backups that are gone already are passed over. `policy` is why they go, for the tombstone.
    """
    removed: dict[str, tuple[int, ...]] = {}
    prospect: Prospect | None = None
    marked = 0
    for cluster, seqs in sorted(removing.items()):
        gone = await remove_backups(vault, who, cluster, seqs, policy, on_progress=on_progress)
        removed[cluster] = gone.seqs
        marked += gone.marked
        prospect = gone.prospect or prospect
    if prospect is None:
        # The time before the manifests: what is due by it is so of manifests that were there by then.
        now = await storage_now(vault.storage)
        prospect = await _survey(vault, {}, now - GRACE, on_progress)
        marked += await mark_all(vault, prospect.doom, who.entropy(16).hex())
    swept = await sweep(vault, prospect)
    return Pruned(removed=removed, marked=marked, swept=swept)


async def remove_backups(
    vault: Vault,
    who: Pruner,
    cluster: str,
    seqs: Collection[int],
    policy: Mapping[str, Any],
    *,
    on_progress: OnProgress | None = None,
) -> Gone:
    """Write the tombstone of these backups, and mark what nothing needs any more. Deletes nothing.

    Raises UsageError for the newest complete one, and what a chain that cannot be believed raises.
    """
    _check_signer(vault, who)
    check_cluster(cluster)
    files = ManifestFiles(vault, cluster)
    for _ in range(ATTEMPTS):
        chain = await files.believed()
        going = tuple(sorted(seq for seq in set(seqs) if seq not in chain.removed))
        if not going:
            return Gone()
        now = await storage_now(vault.storage)
        prospect = await _survey(vault, {cluster: going}, now - GRACE, on_progress)
        file = await _put_tombstone(vault, who, chain, files.greatest, going, policy, prospect)
        if file is not None:
            marked = await mark_all(vault, prospect.doom, who.entropy(16).hex())
            newest = {**prospect.newest, cluster: file.manifest.seq}
            return Gone(going, marked, msgspec.structs.replace(prospect, newest=newest))
    raise RepositoryError(
        f"{ATTEMPTS} times another backup of cluster {cluster} took the number first; nothing was removed",
        hint="run it again when fewer backups are made",
    )


async def check_removable(vault: Vault, chain: Chain, seqs: Collection[int]) -> None:
    """Refuse to remove the newest complete backup, or the last of all. Raises UsageError.

    One that cannot be read is not taken for complete: it may be removed by naming it.
    """
    complete = 0
    for seq in reversed(chain.live):
        body = await _readable(vault, chain, seq)
        if body is not None and body.complete:
            complete = complete or seq
            if not body.selection.get("imported"):
                # One that was taken over from another program stands in for none of ours.
                complete = seq
                break
    if complete in seqs:
        raise UsageError(
            f"backup {complete} of cluster {chain.cluster} is its newest complete one and is never removed",
            hint="make another backup first",
        )
    if complete:
        return
    if chain.live and chain.live[-1] in seqs:
        raise UsageError(
            f"backup {chain.live[-1]} of cluster {chain.cluster} is its newest, and none is complete: it stays",
            hint="make another backup first",
        )


async def _readable(vault: Vault, chain: Chain, seq: int) -> BackupBody | None:
    try:
        return await body_of(vault, chain, seq)
    except RepositoryError:
        return None


async def _survey(
    vault: Vault, removing: Removing, old: datetime, on_progress: OnProgress | None
) -> Prospect:
    needing = Needing(vault, on_progress)
    needs = await needing.every(removing)
    for cluster, seqs in removing.items():
        chain = needs.chains.get(cluster)
        unknown = sorted(set(seqs).difference(chain.live, chain.removed) if chain else seqs)
        if chain is None or unknown:
            raise UsageError(
                f"cluster {cluster} has no backup {unknown[0]} in this repository",
                hint="`k8sops backups list` shows their numbers",
            )
        await check_removable(vault, chain, seqs)
    named = await needing.named_by(needs.chains, removing)
    return await prospect_of(vault, needs, named, old)


async def _put_tombstone(
    vault: Vault,
    who: Pruner,
    chain: Chain,
    greatest: int,
    going: Collection[int],
    policy: Mapping[str, Any],
    prospect: Prospect,
) -> ManifestFile | None:
    """The tombstone under the next number; None where another manifest took that."""
    await check_epoch(vault, chain)
    body = TombstoneBody(
        id=who.ids.new(),
        run=who.run,
        made_at=rfc3339(vault.clock.now()),
        policy=dict(policy),
        packs=_ids(prospect.doom, "packs"),
        indexes=_ids(prospect.doom, "indexes"),
        listings=_ids(prospect.doom, "listings"),
    )
    sealed = await asyncio.to_thread(seal_body, body, vault.keyring, who.entropy)
    file = sign_manifest(
        sealed,
        chain.next_position(greatest),
        who.signer,
        kind="tombstone",
        removes=[Removed(seq, chain.files[seq].sha256) for seq in sorted(going)],
    )
    try:
        await put_surely(vault.storage, file.name, file.data, vault.clock)
    except NameTakenError:
        return None
    await vault.seen.saw(vault.id, chain.cluster, Mark(file.manifest.seq, file.sha256))
    await vault.seen.saw_epoch(vault.id, vault.keyring.newest)
    return file


def _ids(names: Collection[str], folder: Folder) -> tuple[str, ...]:
    return tuple(sorted(parse_name(name).id for name in names if name.startswith(f"{folder}/")))


def _check_signer(vault: Vault, who: Pruner) -> None:
    if who.signer.key_id not in vault.trusted:
        raise RepositoryUntrustedError(
            f"{who.signer.key_id} would sign the prune, and the configuration does not trust that key",
            hint="add it to the repository's `trusted_signers`",
        )
