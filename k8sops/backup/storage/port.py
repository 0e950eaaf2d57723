"""The port to a storage: all that the backup repository asks of the place it lies in.

It is small on purpose. Files are put whole, once, and only where there is none of that name; there is no overwriting,
no compare-and-swap and no lock, so that a bucket with retention or a medium that is written once will do.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from k8sops.backup.errors import RepositoryBrokenError

_SEGMENT: Final = r"[A-Za-z0-9][A-Za-z0-9._=-]*"
_NAME: Final = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*", re.ASCII)
_LONGEST: Final = 300


class Entry(msgspec.Struct, frozen=True):
    """A file as the storage lists it: size in bytes, and when it was put by the storage's own clock (UTC)."""

    name: str
    size: int
    modified: datetime


class Storage(Protocol):
    """A place for files, which are never changed.

    Every method may raise UnreachableError (transient; after a `put`, `outcome_unknown`: put the same bytes again),
    CredentialsError, UsageError where the bucket is missing or named wrongly, and StorageError. A name that could
    leave the place is refused with RepositoryBrokenError before the storage is asked.
    """

    @property
    def location(self) -> str:
        """What people call the place: its URL without options, and never with a secret."""
        ...

    async def put(self, name: str, data: bytes) -> None:
        """Keep the bytes under a name that is free; when this returns they are durable, and whole.

        The same bytes under the same name are no error: a request whose answer was lost looks just so when it is
        sent again. Raises NameTakenError where other bytes have the name, ReadOnlyStorageError where nothing may be
        written.
        """
        ...

    async def read(self, name: str, *, at_most: int) -> bytes:
        """A file's bytes. Raises NotThereError, or RepositoryBrokenError for one of more than so many bytes."""
        ...

    async def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Exactly so many bytes of a file, one or more. Raises NotThereError; RepositoryBrokenError if shorter."""
        ...

    async def stat(self, name: str) -> Entry | None:
        """A file's size and time, or None where there is none."""
        ...

    def entries(self, folder: str = "", *, after: str = "") -> AsyncIterator[Entry]:
        """The files below a folder, read page by page, in no promised order; `after`: only names that sort after it.

        Names that no file of a repository can have are passed over: others may keep things there, too.
        """
        ...

    async def delete(self, name: str) -> None:
        """Remove a file; one that is not there is no error.

        Raises RetainedError where the storage keeps it, ReadOnlyStorageError where nothing may be deleted. A bucket
        with versions only hides it.
        """
        ...

    async def unwritable(self) -> str:
        """Why nothing can be put here, as a sentence for whoever plans to; empty where only trying would tell."""
        ...

    async def sweep_drafts(self, *, older_than: timedelta) -> int:
        """Remove what writers that died left half-written, if it is older than this; how many there were."""
        ...


def check_name(name: str) -> str:
    """The name, if it is one that stays below its place on every storage. Raises RepositoryBrokenError."""
    if not is_name(name):
        raise RepositoryBrokenError(f"{name[:120]!r} is not a name that a storage is asked for")
    return name


def is_name(name: str) -> bool:
    """Whether a file or folder may be called so: segments of letters, digits and `._=-`, none with a dot in front."""
    return len(name) <= _LONGEST and _NAME.fullmatch(name) is not None
