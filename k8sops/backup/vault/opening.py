"""Opening a repository: what it is, who vouches for it, and the keys that open here (FORMAT.md).

Whom to believe, what opens keys and what was seen before come from the caller. A repository that is another than
expected, shows older keys than were seen, or gives no key, is refused before anything else of it is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from k8sops.backup.errors import RepositoryError, RepositoryRolledBackError, broken
from k8sops.backup.keyring import Keyring
from k8sops.backup.keys import KEY_FILE_LIMIT, OpenedKeys, Openers, open_keys
from k8sops.backup.names import REPOSITORY, parse_name
from k8sops.backup.repository import REPOSITORY_LIMIT, Repository, check_protection, read_repository
from k8sops.backup.signed import Trusted
from k8sops.backup.storage.errors import NotThereError
from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.seen import Seen
from k8sops.backup.vault.transfer import names_below, read_all
from k8sops.core.clock import Clock

KEY_FILES: Final = 4096
"""The most key files that are read: whoever may write to the storage could leave any number."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What a process brings to a repository.

    `expected` is the repository's id where the configuration knows it; another one in its place is refused.
    """

    trusted: Trusted
    openers: Openers
    seen: Seen
    clock: Clock
    expected: str = ""


class Vault(msgspec.Struct, frozen=True, kw_only=True):
    """An open repository. `recipients` are those of each epoch as far as seen; `refused` key files gave no key.

    `openers` are what it was opened with.
    """

    storage: Storage
    repository: Repository
    keyring: Keyring
    trusted: Trusted
    seen: Seen
    clock: Clock
    recipients: Mapping[int, frozenset[str]]
    refused: tuple[RepositoryError, ...] = ()
    openers: Openers = Openers()
    closed: frozenset[int] = frozenset()
    """Epochs that have a key file for others and none that opens here."""

    @property
    def id(self) -> str:
        """The repository's id."""
        return self.repository.id

    def check_encrypted(self, *, encrypt: bool) -> None:
        """Refuse a repository that is not protected as the writer's configuration says. Raises RepositoryError."""
        check_protection(self.repository, encrypt=encrypt)


async def open_repository(storage: Storage, access: Access) -> Vault:
    """Open what is there. Raises RepositoryError where nothing is, and its subclasses for what cannot be believed."""
    repository = await find_repository(storage, access)
    if repository is None:
        raise RepositoryError(
            f"there is no backup repository at {storage.location}",
            hint="check the location; `k8sops backup` makes one in an empty place",
        )
    return await open_found(storage, repository, access)


async def find_repository(storage: Storage, access: Access) -> Repository | None:
    """What `repository.json` says, or None where there is none. Raises RepositoryUntrustedError and its like."""
    try:
        data = await storage.read(REPOSITORY, at_most=REPOSITORY_LIMIT)
    except NotThereError:
        return None
    found = read_repository(data, trusted=access.trusted)
    if access.expected and found.id != access.expected:
        raise RepositoryRolledBackError(
            f"{storage.location} holds repository {found.id}, and {access.expected} is expected there",
            hint="if it was replaced on purpose, tell the configuration its new id",
        )
    return found


async def open_found(storage: Storage, repository: Repository, access: Access) -> Vault:
    """Open the keys of a repository that was found. Raises RepositoryKeyError where none opens."""
    seen_epoch = await access.seen.greatest_epoch(repository.id)
    opened = OpenedKeys(_plain(repository, seen_epoch), {}, (), frozenset())
    too_large: tuple[RepositoryError, ...] = ()
    if repository.encrypted:
        names = await key_names(storage)
        too_large = tuple(
            broken(name, f"has {size:,} bytes; at most {KEY_FILE_LIMIT:,} are read")
            for name, size in sorted(names.items())
            if size > KEY_FILE_LIMIT
        )
        opened = await asyncio.to_thread(
            open_keys,
            await key_files(storage, names),
            repository=repository.id,
            trusted=access.trusted,
            openers=access.openers,
        )
        # Held to the very epoch that was seen: a file of any later one could be anybody's.
        if seen_epoch > opened.keyring.newest and seen_epoch not in epochs_of(names):
            raise RepositoryRolledBackError(
                f"repository {repository.id} was rolled back: epoch {seen_epoch} was seen, and the newest that opens "
                f"now is {opened.keyring.newest}",
                hint="get the folder keys/ back; if it is lost, `k8sops backups verify --accept-rollback` says so",
            )
        await access.seen.saw_epoch(repository.id, opened.keyring.newest)
    return Vault(
        storage=storage,
        repository=repository,
        keyring=opened.keyring,
        trusted=access.trusted,
        seen=access.seen,
        clock=access.clock,
        recipients=opened.recipients,
        refused=(*too_large, *opened.refused),
        openers=access.openers,
        closed=opened.closed,
    )


async def key_names(storage: Storage) -> dict[str, int]:
    """The names of all key files, with their sizes. Raises RepositoryBrokenError for more than anybody has."""
    names = {name: size for name, size in (await names_below(storage, "keys")).items() if _is_key_name(name)}
    if len(names) > KEY_FILES:
        raise broken("keys/", f"has {len(names):,} files; at most {KEY_FILES:,} are read")
    return names


async def key_files(storage: Storage, names: Mapping[str, int]) -> dict[str, bytes]:
    """Those of them that are no larger than a key file is."""
    wanted = [name for name, size in names.items() if size <= KEY_FILE_LIMIT]
    return await read_all(storage, wanted, at_most=KEY_FILE_LIMIT)


def epochs_of(names: Iterable[str]) -> frozenset[int]:
    """The epochs that these key files say they are of. Names prove nothing."""
    return frozenset(parse_name(name).number for name in names)


def _plain(repository: Repository, seen_epoch: int) -> Keyring:
    if repository.encrypted:
        return Keyring(repository.id, bytes(32), {})
    if seen_epoch:
        raise RepositoryRolledBackError(
            f"repository {repository.id} says it is not encrypted, and epoch {seen_epoch} of it was seen",
            hint="do not write to it; read another location",
        )
    return repository.plain_keyring


def _is_key_name(name: str) -> bool:
    try:
        return parse_name(name).kind == "key"
    except RepositoryError:
        return False
