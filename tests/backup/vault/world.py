"""What the tests of a repository in use share: a clock that stands, ids that repeat, and a storage that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pyrage

from k8sops.backup.keys import Openers
from k8sops.backup.signed import Trusted
from k8sops.backup.storage.folder import FolderStorage
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.port import Entry, Storage
from k8sops.backup.vault.making import Maker, Protection, make_repository
from k8sops.backup.vault.opening import Access, Vault
from k8sops.backup.vault.seen import Seen, SeenHere
from k8sops.core.errors import UnreachableError
from tests.backup.clock import HandClock
from tests.backup.files import ALICE, TRUSTED, counted

IDENTITY = str(pyrage.x25519.Identity.generate())
RECIPIENT = str(pyrage.x25519.Identity.from_str(IDENTITY).to_public())
STRANGER = str(pyrage.x25519.Identity.generate().to_public())
OPENERS = Openers(IDENTITY)
SEALED = Protection((RECIPIENT,))
PLAIN = Protection(encrypt=False)
PROTECTIONS = {"sealed": SEALED, "plain": PLAIN}


class CountedIds:
    """ULIDs that count upwards."""

    def __init__(self, first: int = 0) -> None:
        self.last = first

    def new(self) -> str:
        """The next one."""
        self.last += 1
        return f"01JD7Q8Z4N5X6Y7V8W9A{self.last:06d}"


class KilledError(Exception):
    """The process ended here."""


Fault = Literal["before", "after", "unknown"]


class FaultyStorage:
    """A storage whose n-th put, counted from 1, fails: before or after it was done, or with its answer lost."""

    def __init__(self, storage: Storage, at: int = 0, fault: Fault = "before") -> None:
        self.storage = storage
        self.at = at
        self.fault = fault
        self.puts: list[str] = []

    @property
    def location(self) -> str:
        """That of the storage behind."""
        return self.storage.location

    async def put(self, name: str, data: bytes) -> None:
        """Put, or fail."""
        self.puts.append(name)
        hit = len(self.puts) == self.at
        if hit and self.fault == "before":
            raise KilledError(name)
        await self.storage.put(name, data)
        if hit and self.fault == "after":
            raise KilledError(name)
        if hit:
            raise UnreachableError(f"{name}: no answer", outcome_unknown=True)

    async def read(self, name: str, *, at_most: int) -> bytes:
        """As the storage behind."""
        return await self.storage.read(name, at_most=at_most)

    async def read_range(self, name: str, offset: int, length: int) -> bytes:
        """As the storage behind."""
        return await self.storage.read_range(name, offset, length)

    async def stat(self, name: str) -> Entry | None:
        """As the storage behind."""
        return await self.storage.stat(name)

    def entries(self, folder: str = "", *, after: str = "") -> AsyncIterator[Entry]:
        """As the storage behind."""
        return self.storage.entries(folder, after=after)

    async def delete(self, name: str) -> None:
        """As the storage behind."""
        await self.storage.delete(name)

    async def unwritable(self) -> str:
        """As the storage behind."""
        return await self.storage.unwritable()

    async def sweep_drafts(self, *, older_than: timedelta) -> int:
        """As the storage behind."""
        return await self.storage.sweep_drafts(older_than=older_than)


def access(
    clock: HandClock,
    *,
    openers: Openers = OPENERS,
    seen: Seen | None = None,
    trusted: Trusted = TRUSTED,
    expected: str = "",
) -> Access:
    """What a process brings; nothing was seen before unless it is said."""
    return Access(trusted=trusted, openers=openers, seen=seen or SeenHere(), clock=clock, expected=expected)


def maker(seed: str = "") -> Maker:
    """Alice, with keys that repeat."""
    return Maker(signer=ALICE, ids=CountedIds(len(seed) * 1000), entropy=counted(seed))


def places(folder: Path, clock: HandClock) -> dict[str, Storage]:
    """A storage of each kind that needs no server."""
    return {"memory": MemoryStorage(clock), "folder": FolderStorage(folder / "repository")}


async def made(storage: Storage, clock: HandClock, protection: Protection = SEALED) -> Vault:
    """A repository in this place, made if need be."""
    return await make_repository(storage, protection, access(clock), maker())


async def overwrite(storage: Storage, name: str, data: bytes) -> None:
    """What somebody with the bucket does."""
    await storage.delete(name)
    await storage.put(name, data)


async def names(storage: Storage, folder: str = "") -> list[str]:
    """The names of all files, sorted."""
    return sorted([entry.name async for entry in storage.entries(folder)])
