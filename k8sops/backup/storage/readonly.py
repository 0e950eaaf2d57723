"""A location that is only read: a second copy, or one that is used in a recovery.

The refusal is ours and comes before the storage is asked; credentials that cannot write are the stronger lock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from k8sops.backup.storage.errors import ReadOnlyStorageError
from k8sops.backup.storage.port import Entry, Storage

_INSTEAD: Final = "take another location, or leave read_only out of this one's URL or configuration"


class ReadOnlyStorage:
    """A `Storage` that refuses to put and to delete."""

    def __init__(self, storage: Storage) -> None:
        self._storage: Final = storage

    @property
    def location(self) -> str:
        """What people call the place."""
        return self._storage.location

    async def put(self, name: str, data: bytes) -> None:
        """Refused. Raises ReadOnlyStorageError."""
        raise self._refusal(f"{name} was not written")

    async def read(self, name: str, *, at_most: int) -> bytes:
        """A file's bytes."""
        return await self._storage.read(name, at_most=at_most)

    async def read_range(self, name: str, offset: int, length: int) -> bytes:
        """So many bytes of a file."""
        return await self._storage.read_range(name, offset, length)

    async def stat(self, name: str) -> Entry | None:
        """A file's size and time, or None."""
        return await self._storage.stat(name)

    def entries(self, folder: str = "", *, after: str = "") -> AsyncIterator[Entry]:
        """The files below a folder."""
        return self._storage.entries(folder, after=after)

    async def delete(self, name: str) -> None:
        """Refused. Raises ReadOnlyStorageError."""
        raise self._refusal(f"{name} was not deleted")

    async def unwritable(self) -> str:
        """That it is only read."""
        return f"{self.location} is a read-only location: {_INSTEAD}"

    async def sweep_drafts(self, *, older_than: timedelta) -> int:
        """Nothing is removed."""
        return 0

    def _refusal(self, what: str) -> ReadOnlyStorageError:
        return ReadOnlyStorageError(f"{self.location} is a read-only location: {what}", hint=_INSTEAD)
