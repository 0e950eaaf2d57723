"""Who opens a repository, changed: further recipients for what is there, other ones for what will be (FORMAT.md, Keys).

Key files are only ever added, and no pack is written anew: whoever is left out of the new epoch keeps what they could
read before. All of it is found again when it is cut off: what is there already is not added twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping
from contextlib import suppress

import msgspec

from k8sops.backup.bodies import epoch_of
from k8sops.backup.errors import RepositoryError, RepositoryKeyError, RepositoryUntrustedError
from k8sops.backup.keys import (
    BY_PASSPHRASE,
    FIRST,
    EpochKeys,
    check_recipient,
    check_writable,
    new_epoch,
    open_key_file,
    opens_for,
    write_key_file,
)
from k8sops.backup.names import key_name
from k8sops.backup.sealed import Entropy
from k8sops.backup.signed import Signer
from k8sops.backup.storage.errors import NameTakenError
from k8sops.backup.vault.manifests import ManifestFiles, clusters_of
from k8sops.backup.vault.opening import Vault, epochs_of, key_names
from k8sops.backup.vault.transfer import put_surely
from k8sops.core.errors import UsageError


class Rekeying(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs new key files, and whence their keys and names come."""

    signer: Signer
    entropy: Entropy = os.urandom


class KeyProspect(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to do: to which epochs further recipients are added, and the next epoch if one is wanted.

    `recipients` are those of each epoch, as far as is seen from here; `left_out` those of the newest epoch that the
    next one is not for.
    """

    recipients: Mapping[int, frozenset[str]]
    add_to: tuple[int, ...] = ()
    next_epoch: int = 0
    current: frozenset[str] = frozenset()
    """Whom the newest epoch is for."""
    left_out: frozenset[str] = frozenset()
    only_new: frozenset[str] = frozenset()
    """Recipients of the next epoch who open none before it: of its backups they read only what was stored since."""
    locks_out: bool = False
    """Whether the next epoch would not open here, so that whoever begins it could write no more."""
    closed: frozenset[int] = frozenset()
    """Epochs that do not open here: nobody can be added to them from here."""
    lost: int = 0
    """The newest genuine epoch where no key file of it is left: what was backed up under it cannot be read."""
    unproven: frozenset[int] = frozenset()
    """Those above the newest that is known to be genuine: begun for others just now, or left there by anybody."""


async def survey_keys(
    vault: Vault, *, add: Collection[str] = (), next_for: Collection[str] = ()
) -> KeyProspect:
    """What `rekey` would do. Changes nothing.

    Raises UsageError for a repository without keys, KeyFileError for what is no recipient, RepositoryKeyError where
    the newest epoch does not open here but for others, who are to be asked.
    """
    if not vault.repository.encrypted:
        raise UsageError(
            f"repository {vault.id} is not encrypted: it has no keys to change",
            hint="make an encrypted one in a new place, and back up into that",
        )
    for recipient in (*add, *next_for):
        check_recipient(recipient)
    shown = epochs_of(await key_names(vault.storage))
    greatest = await proven_epoch(vault)
    lost = greatest if vault.keyring.newest < greatest and greatest not in vault.closed else 0
    if not lost:
        check_writable(vault.keyring, greatest)
    current = vault.recipients.get(greatest, frozenset())
    wanted = frozenset((*next_for, *add)) if next_for else frozenset()
    next_epoch = _next(greatest, shown) if wanted and wanted != current else 0
    return KeyProspect(
        recipients=vault.recipients,
        add_to=tuple(epoch for epoch, known in sorted(vault.recipients.items()) if not known.issuperset(add))
        if add
        else (),
        next_epoch=next_epoch,
        current=current,
        left_out=current - wanted if wanted else frozenset(),
        only_new=wanted.difference(add, *vault.recipients.values()),
        locks_out=bool(next_epoch) and not await asyncio.to_thread(opens_for, vault.openers, sorted(wanted)),
        closed=frozenset(epoch for epoch in shown - vault.recipients.keys() if epoch <= greatest),
        lost=lost,
        unproven=frozenset(epoch for epoch in shown if epoch > greatest),
    )


async def proven_epoch(vault: Vault) -> int:
    """The greatest epoch that somebody trusted vouches for: by its keys, by a manifest under it, or as it was seen.

    The name of a key file is anybody's word. A manifest that does not hold counts for nothing.
    """
    found = max(vault.keyring.newest, await vault.seen.greatest_epoch(vault.id))
    for cluster in await clusters_of(vault):
        chain = await ManifestFiles(vault, cluster).chain()
        found = max(found, *(epoch_of(file.manifest) for file in chain.files.values()), 0)
    return found


async def add_recipients(vault: Vault, who: Rekeying, recipients: Collection[str]) -> tuple[int, ...]:
    """A further key file of each epoch that opens here and is not for all of these yet; of which epochs.

    It is for those too whom the epoch is known to be for: so who added somebody sees that later. Raises what
    `survey_keys` raises.
    """
    _check_signer(vault, who)
    prospect = await survey_keys(vault, add=recipients)
    for epoch in prospect.add_to:
        keys = EpochKeys(
            repository=vault.id,
            epoch=epoch,
            epoch_key=vault.keyring.epoch_key(epoch, f"the keys of epoch {epoch}"),
            id_key=vault.keyring.id_key,
        )
        known = vault.recipients.get(epoch, frozenset()) - {BY_PASSPHRASE}
        data = await asyncio.to_thread(write_key_file, keys, sorted(known.union(recipients)), who.signer)
        name = key_name(epoch, who.entropy(16).hex())
        await put_surely(vault.storage, name, data, vault.clock)
    return prospect.add_to


async def begin_epoch(
    vault: Vault, who: Rekeying, recipients: Collection[str], *, accept_lost: bool = False
) -> int:
    """Begin the next epoch, for these recipients and nobody else; its number, or 0 if the newest is for just them.

    Of two who begin it at once one is refused. Raises RepositoryKeyError where whoever begins it could not open it, or
    the keys of the newest are lost and that is not accepted, and what `survey_keys` raises.
    """
    _check_signer(vault, who)
    prospect = await survey_keys(vault, next_for=recipients)
    if not accept_lost:
        check_writable(vault.keyring, prospect.lost)
    if not prospect.next_epoch:
        return 0
    keys = new_epoch(vault.id, prospect.next_epoch, vault.keyring.id_key, who.entropy)
    data = await asyncio.to_thread(write_key_file, keys, sorted(recipients), who.signer)
    name = key_name(prospect.next_epoch, FIRST)
    # A dry run: keys that we could not open would end our own backups.
    opened = await asyncio.to_thread(
        open_key_file, data, name, repository=vault.id, trusted=vault.trusted, openers=vault.openers
    )
    if opened is None:
        raise RepositoryKeyError(
            "those who are named do not include whoever begins the epoch, who could write no more",
            hint="name a recipient of an age identity that is given here, too",
        )
    with suppress(NameTakenError):
        await put_surely(vault.storage, name, data, vault.clock)
        await vault.seen.saw_epoch(vault.id, prospect.next_epoch)
        return prospect.next_epoch
    raise RepositoryError(
        f"epoch {prospect.next_epoch} was begun by somebody else just now",
        hint="see whom it is for, and begin the next if need be",
    )


async def unproven_epochs(vault: Vault) -> list[int]:
    """Epochs that have key files and nobody's word: to be told to people, who may know of them."""
    greatest = await proven_epoch(vault)
    return sorted(epoch for epoch in epochs_of(await key_names(vault.storage)) if epoch > greatest)


def _next(greatest: int, taken: Collection[int]) -> int:
    """The next number that no file has: what lies under one already would decide who could begin it."""
    epoch = greatest + 1
    while epoch in taken:
        epoch += 1
    return epoch


def shown_recipient(recipient: str) -> str:
    """A recipient as plans show it."""
    return "a passphrase" if recipient == BY_PASSPHRASE else recipient


def _check_signer(vault: Vault, who: Rekeying) -> None:
    if who.signer.key_id not in vault.trusted:
        raise RepositoryUntrustedError(
            f"{who.signer.key_id} would sign the keys, and the configuration does not trust that key",
            hint="add it to the repository's `trusted_signers`",
        )
