"""Repositories for tests of actions: in memory or in a folder, with keys that the test holds."""

from __future__ import annotations

from pathlib import Path

import pyrage

from k8sops.actions.backups.ports import OpenRepository
from k8sops.backup.errors import RepositoryError
from k8sops.backup.keys import Openers
from k8sops.backup.signed import Signer
from k8sops.backup.storage.folder import FolderStorage
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.making import Maker, Protection, make_repository
from k8sops.backup.vault.opening import Access, Vault, find_repository, open_found
from k8sops.backup.vault.seen import Seen, SeenHere
from k8sops.core.clock import Clock, IdSource, SystemClock, UlidSource
from tests.backup.files import ALICE, TRUSTED
from tests.backup.vault.world import IDENTITY


class RepositoriesHere:
    """`Repositories` over named storages; the first one is the default. Everything is signed by Alice.

    `seen` outlives an opening, as the store does. Encrypted for one recipient, unless `encrypt` is false.
    """

    def __init__(
        self,
        storages: dict[str, Storage],
        clock: Clock,
        *,
        encrypt: bool = True,
        ids: IdSource | None = None,
        seen: Seen | None = None,
        signer: Signer = ALICE,
        identity: str = IDENTITY,
    ) -> None:
        self.storages = storages
        self.clock = clock
        self.encrypt = encrypt
        self.ids = ids or UlidSource()
        self.seen = seen or SeenHere()
        self.signer = signer
        self.asked_to_write = 0
        """How often one was opened for writing, which would have made a key."""
        self.copies: set[str] = set()
        """Which of the locations are copies."""
        self.openers = Openers(identity)
        self.recipient = str(pyrage.x25519.Identity.from_str(identity).to_public())

    async def find(self, location: str = "", *, writing: bool = False) -> OpenRepository | None:
        """The repository there, or None."""
        self.asked_to_write += writing
        name, storage = self._storage(location)
        found = await find_repository(storage, self._access())
        if found is None:
            return None
        return self._opened(name, await open_found(storage, found, self._access()), found.encrypted)

    async def open(self, location: str = "", *, writing: bool = False) -> OpenRepository:
        """The repository there. Raises RepositoryError where none is."""
        found = await self.find(location, writing=writing)
        if found is None:
            raise RepositoryError(f"there is no backup repository at {location or 'the default location'}")
        return found

    async def makeable(self, location: str = "", *, encrypt: bool = True) -> str:
        """Anywhere."""
        return self._storage(location)[0]

    async def make(self, location: str = "", *, encrypt: bool = True) -> OpenRepository:
        """Made, if need be."""
        name, storage = self._storage(location)
        sealed = self.encrypt and encrypt
        protection = Protection((self.recipient,)) if sealed else Protection(encrypt=False)
        vault = await make_repository(
            storage, protection, self._access(), Maker(signer=self.signer, ids=self.ids)
        )
        return self._opened(name, vault, sealed)

    async def storage_at(self, location: str = "") -> Storage:
        """The place itself."""
        return self._storage(location)[1]

    def _storage(self, location: str) -> tuple[str, Storage]:
        name = location or next(iter(self.storages))
        return name, self.storages[name]

    def _access(self) -> Access:
        return Access(trusted=TRUSTED, openers=self.openers, seen=self.seen, clock=self.clock)

    def _opened(self, name: str, vault: Vault, encrypt: bool) -> OpenRepository:
        return OpenRepository(
            location=name,
            vault=vault,
            ids=self.ids,
            encrypt=encrypt,
            signer=self.signer,
            is_copy=name in self.copies,
        )


def in_memory(clock: Clock | None = None, *, encrypt: bool = True) -> RepositoriesHere:
    """One location `memory`, empty."""
    clock = clock or SystemClock()
    return RepositoriesHere({"memory": MemoryStorage(clock)}, clock, encrypt=encrypt)


def in_folder(
    folder: Path, clock: Clock | None = None, *, encrypt: bool = True, identity: str = IDENTITY
) -> RepositoriesHere:
    """One location `folder`, empty, below a folder."""
    clock = clock or SystemClock()
    storage = FolderStorage(folder / "repository")
    return RepositoriesHere({"folder": storage}, clock, encrypt=encrypt, identity=identity)
