"""The configured backup repositories: `actions.backups.ports.Repositories` over configuration, key files and store.

Nothing about a repository is believed because the repository says it: who signs, what its id is and whether it is
encrypted come from the configuration, what was seen before from the store.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.actions.backups.ports import OpenRepository
from k8sops.backup.errors import RepositoryError, RepositoryRolledBackError
from k8sops.backup.storage.location import Location, parse_location
from k8sops.backup.storage.opening import open_storage
from k8sops.backup.storage.port import Storage as Place
from k8sops.backup.vault.making import Maker, Protection, make_repository
from k8sops.backup.vault.opening import Access, find_repository, open_found
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock, IdSource
from k8sops.core.errors import UsageError
from k8sops.service.audit_trail import os_actor
from k8sops.service.backup_keys import Material, material, signing_key, trusted_keys
from k8sops.service.seen import Remembered, StoredSeen

if TYPE_CHECKING:
    from k8sops.service.config import Config
    from k8sops.service.repository_config import RepositoryConfig
    from k8sops.service.storing import Storage


class Where(msgspec.Struct, frozen=True):
    """A place that was named: how it is found again, how it is opened, and what is configured of it, if anything."""

    shown: str
    location: Location
    settings: RepositoryConfig | None = None

    @property
    def is_copy(self) -> bool:
        """Whether it is a copy that may lag behind the repository it was made of."""
        return self.settings is not None and self.settings.copy_of != ""

    @property
    def encrypt(self) -> bool:
        """Whether the configuration wants it encrypted; it does unless it says otherwise."""
        return self.settings is None or self.settings.encrypt


def where(config: Config, text: str = "") -> Where:
    """The repository that is meant by a name or URL, the default one if empty. Raises UsageError."""
    text = text or config.repository
    configured = config.repositories
    if not text:
        if not configured:
            raise UsageError(
                "no backup repository is configured",
                hint="name one with --repo or K8SOPS_REPOSITORY, such as file:///srv/backups",
            )
        return _configured(configured[0])
    for one in configured:
        if one.name == text:
            return _configured(one)
    if "://" not in text and not text.startswith("/"):
        names = ", ".join(one.name for one in configured)
        raise UsageError(
            f"no backup repository is called {text[:60]!r}",
            hint=f"configured: {names}" if names else "give a URL, such as file:///srv/backups",
        )
    location = parse_location(text)
    for one in configured:
        if _configured(one).location.shown == location.shown:
            return _configured(one)
    return Where(text, location)


class ConfiguredRepositories:
    """`Repositories` of one process. Storages stay open; keys are read anew each time, since they may change."""

    def __init__(
        self,
        config: Config,
        storage: Storage,
        clock: Clock,
        ids: IdSource,
        *,
        actor: Callable[[], Actor] = os_actor,
        environ: Mapping[str, str] = os.environ,
        seen: Remembered | None = None,
    ) -> None:
        """`actor` is in whose name it goes on record that something newer was seen; `seen` is another record of it."""
        self._config: Final = config
        self._storage: Final = storage
        self._clock: Final = clock
        self._ids: Final = ids
        self._environ: Final = environ
        self._places: Final[dict[Location, Place]] = {}
        self._seen: Final = seen or StoredSeen(storage, actor)

    async def find(self, location: str = "", *, writing: bool = False) -> OpenRepository | None:
        """The repository at a location, the default one if empty; None where the place is empty."""
        there = where(self._config, location)
        place = await self.place(there)
        access, _ = await self._access(there, writing=writing)
        found = await find_repository(place, access)
        if found is None:
            if access.expected:
                raise _gone(there, access.expected)
            return None
        vault = await open_found(place, found, access)
        await self._seen.found_at(there.location.shown, vault.id)
        signer = await asyncio.to_thread(signing_key, self._storage.data) if writing else None
        return OpenRepository(
            location=there.shown,
            vault=vault,
            ids=self._ids,
            encrypt=there.encrypt,
            signer=signer,
            is_copy=there.is_copy,
        )

    async def open(self, location: str = "", *, writing: bool = False) -> OpenRepository:
        """The same, where one has to be. Raises RepositoryError if there is none."""
        found = await self.find(location, writing=writing)
        if found is None:
            shown = where(self._config, location).location.shown
            raise RepositoryError(
                f"there is no backup repository at {shown}",
                hint="check the location; `k8sops backup` makes one in an empty place",
            )
        return found

    async def makeable(self, location: str = "", *, encrypt: bool = True) -> str:
        """Where `make` would make one, as it is shown. Raises UsageError where no key is configured for it."""
        there = where(self._config, location)
        held = await asyncio.to_thread(material, there.settings, self._environ)
        _protection(there, held, encrypt=encrypt and there.encrypt)
        return there.shown

    async def make(self, location: str = "", *, encrypt: bool = True) -> OpenRepository:
        """Open for writing, made first if the place is empty. Raises UsageError where no key is configured."""
        there = where(self._config, location)
        encrypt = encrypt and there.encrypt
        place = await self.place(there)
        access, held = await self._access(there, writing=True)
        signer = await asyncio.to_thread(signing_key, self._storage.data)
        vault = await make_repository(
            place, _protection(there, held, encrypt=encrypt), access, Maker(signer=signer, ids=self._ids)
        )
        await self._seen.found_at(there.location.shown, vault.id)
        return OpenRepository(
            location=there.shown,
            vault=vault,
            ids=self._ids,
            encrypt=encrypt,
            signer=signer,
            is_copy=there.is_copy,
        )

    async def storage_at(self, location: str = "") -> Place:
        """The place itself, whatever is in it."""
        return await self.place(where(self._config, location))

    async def place(self, there: Where) -> Place:
        """The storage itself, opened once."""
        found = self._places.get(there.location)
        if found is None:
            found = await open_storage(there.location, environ=self._environ, clock=self._clock)
            self._places[there.location] = found
        return found

    async def _access(self, there: Where, *, writing: bool) -> tuple[Access, Material]:
        if writing:
            await asyncio.to_thread(signing_key, self._storage.data)
        held = await asyncio.to_thread(material, there.settings, self._environ)
        trusted = await asyncio.to_thread(trusted_keys, there.settings, self._storage.data)
        expected = there.settings.id if there.settings else ""
        if not expected and there.location.scheme != "memory":
            expected = await self._seen.repository_at(there.location.shown)
        seen = self._seen.at(there.location.shown) if there.is_copy else self._seen
        access = Access(
            trusted=trusted, openers=held.openers, seen=seen, clock=self._clock, expected=expected
        )
        return access, held


def _configured(settings: RepositoryConfig) -> Where:
    location = parse_location(settings.url)
    location = msgspec.structs.replace(
        location, read_only=location.read_only or settings.read_only, repository=settings.name
    )
    if settings.env:
        if location.scheme in {"file", "memory"}:
            raise UsageError(
                f"repository {settings.name}: {location.scheme}:// takes no credentials, so no env"
            )
        location = msgspec.structs.replace(location, env=settings.env)
    return Where(settings.name, location, settings)


def _gone(there: Where, expected: str) -> RepositoryRolledBackError:
    return RepositoryRolledBackError(
        f"there is no backup repository at {there.location.shown} any more; {expected} was there",
        hint="check the location and whether it was emptied; `k8sops backups verify --accept-rollback` forgets it",
    )


def _protection(there: Where, held: Material, *, encrypt: bool) -> Protection:
    """Whom a new repository is for. Raises UsageError where it should be encrypted and no key is known."""
    if not encrypt:
        return Protection(encrypt=False)
    if there.settings is not None and there.settings.recipients:
        return Protection(there.settings.recipients)
    if held.passphrase is not None:
        return Protection(passphrase=held.passphrase)
    if held.recipients:
        return Protection(held.recipients)
    raise UsageError(
        f"backups are encrypted, and no key is configured for {there.location.shown}",
        hint="`k8sops backups key` makes one; or say --no-encryption, where Secrets lie in the clear",
    )
