"""Making a repository: once, in an empty place, on a storage that never overwrites (FORMAT.md, Order of writing).

Of two makers the second finds what the first made. One that died half-way is finished by the next, as long as nothing
was ever written under keys that are gone. Whoever makes an encrypted one must be able to open it again.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import msgspec

from k8sops.backup.errors import RepositoryError, RepositoryKeyError, RepositoryUntrustedError, broken
from k8sops.backup.keyring import KEY_BYTES
from k8sops.backup.keys import (
    FIRST,
    new_epoch,
    write_key_file,
    write_passphrase_file,
)
from k8sops.backup.names import REPOSITORY, key_name
from k8sops.backup.repository import Repository, check_protection, read_repository, write_repository
from k8sops.backup.sealed import Entropy
from k8sops.backup.signed import Signer
from k8sops.backup.storage.errors import NameTakenError
from k8sops.backup.storage.port import Storage
from k8sops.backup.storage.probing import prove_create_only
from k8sops.backup.vault.opening import Access, Vault, find_repository, key_names, open_found
from k8sops.backup.vault.transfer import names_below, put_surely
from k8sops.core.clock import IdSource
from k8sops.core.errors import UsageError


class Protection(msgspec.Struct, frozen=True):
    """Whom a new repository's keys are for: age recipients, or one passphrase; for nobody if `encrypt` is false."""

    recipients: tuple[str, ...] = ()
    passphrase: str | None = None
    encrypt: bool = True

    def __repr__(self) -> str:
        return f"Protection({len(self.recipients)} recipients, encrypt {self.encrypt})"


class Maker(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a repository, and whence its id and its keys come."""

    signer: Signer
    ids: IdSource
    entropy: Entropy = os.urandom


async def make_repository(storage: Storage, protection: Protection, access: Access, maker: Maker) -> Vault:
    """Open the repository in this place for writing, made first if the place is empty.

    Raises UsageError for a protection that names nobody and for a storage that overwrites; RepositoryError for a place
    with other files, and for a repository that is protected otherwise; RepositoryKeyError where the maker could not
    open what it makes.
    """
    _check(protection, access, maker)
    found = await find_repository(storage, access)
    if found is None:
        if access.expected:
            raise RepositoryError(
                f"there is no backup repository at {storage.location}, and {access.expected} is expected there",
                hint="check the location, and whether somebody emptied it",
            )
        if taken := await not_empty(storage):
            raise RepositoryError(taken)
        if protection.encrypt:
            # A dry run: what could not be opened must not begin.
            await asyncio.to_thread(_key_file, "", protection, access, maker)
        await prove_create_only(storage)
        found = await _begin(storage, protection, access, maker)
    check_protection(found, encrypt=protection.encrypt)
    if found.encrypted:
        await _begin_keys(storage, found, protection, access, maker)
    return await open_found(storage, found, access)


def _check(protection: Protection, access: Access, maker: Maker) -> None:
    if maker.signer.key_id not in access.trusted:
        raise RepositoryUntrustedError(
            f"{maker.signer.key_id} would sign the repository, and the configuration does not trust that key",
            hint="add it to the repository's `trusted_signers`",
        )
    if protection.encrypt and not protection.recipients and not protection.passphrase:
        raise UsageError(
            "backups are encrypted, and nobody is named who could open them",
            hint="name an age recipient or a passphrase, or say --no-encryption",
        )
    if protection.recipients and protection.passphrase:
        raise UsageError("the keys of an epoch are for recipients or for a passphrase, not for both at first")


async def not_empty(storage: Storage) -> str:
    """What keeps a repository from being made in a place that holds none, as a sentence; empty if nothing does."""
    async for entry in storage.entries():
        if not entry.name.startswith("probes/") and entry.name != REPOSITORY:
            return (
                f"{storage.location} has files ({entry.name[:80]}) but no {REPOSITORY}: take an empty place; if it was "
                f"a repository, get its {REPOSITORY} back from a copy"
            )
    return ""


async def _begin(storage: Storage, protection: Protection, access: Access, maker: Maker) -> Repository:
    """Put `repository.json`; who finds another's there takes that."""
    plain = b"" if protection.encrypt else maker.entropy(KEY_BYTES)
    data = write_repository(maker.ids.new(), access.clock.now(), maker.signer, plain_id_key=plain)
    try:
        await put_surely(storage, REPOSITORY, data, access.clock)
    except NameTakenError:
        found = await find_repository(storage, access)
        if found is None:
            raise broken(REPOSITORY, "was there a moment ago and is gone") from None
        return found
    return read_repository(data, trusted=access.trusted)


async def _begin_keys(
    storage: Storage, found: Repository, protection: Protection, access: Access, maker: Maker
) -> None:
    """Put the file that begins epoch 1, unless there are key files, or there were."""
    if await key_names(storage):
        return
    used = await access.seen.greatest_epoch(found.id) or await names_below(storage, "backups")
    if used:
        raise RepositoryKeyError(
            f"the key files of repository {found.id} are gone, and it has been written to",
            hint="get the folder keys/ back from a copy of the repository",
        )
    data = await asyncio.to_thread(_key_file, found.id, protection, access, maker)
    with suppress(NameTakenError):
        await put_surely(storage, key_name(1, FIRST), data, access.clock)


def _key_file(repository: str, protection: Protection, access: Access, maker: Maker) -> bytes:
    """The keys of epoch 1 for whom the protection names, of whom the maker must be one. For a thread."""
    keys = new_epoch(repository, entropy=maker.entropy)
    if protection.passphrase:
        data = write_passphrase_file(keys, protection.passphrase, maker.signer)
    else:
        data = write_key_file(keys, protection.recipients, maker.signer)
    if access.openers.open(data, key_name(1, FIRST)) is None:
        raise RepositoryKeyError(
            "those who are named do not include whoever makes the repository, who could not open it again",
            hint="name a recipient of an age identity that is given here, too",
        )
    return data
