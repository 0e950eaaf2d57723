"""A storage that lives as long as the process: for tests, and for trying a selection without keeping anything.

Its clock is injected, so that a test can let the day pass that a prune waits for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

from k8sops.backup.errors import broken
from k8sops.backup.storage.errors import NameTakenError, NotThereError
from k8sops.backup.storage.port import Entry, check_name
from k8sops.core.clock import Clock


class MemoryStorage:
    """A `Storage` in a dictionary."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._files: Final[dict[str, tuple[bytes, datetime]]] = {}

    @property
    def location(self) -> str:
        """`memory://`: there is nothing to tell two apart by."""
        return "memory://"

    async def put(self, name: str, data: bytes) -> None:
        """Keep the bytes. Raises NameTakenError."""
        kept, _ = self._files.setdefault(check_name(name), (bytes(data), self._clock.now()))
        if kept != data:
            raise NameTakenError(f"memory://: {name} exists already, and is never overwritten")

    async def read(self, name: str, *, at_most: int) -> bytes:
        """A file's bytes. Raises NotThereError, RepositoryBrokenError."""
        data = self._found(name)
        if len(data) > at_most:
            raise broken(name, f"is larger than the {at_most:,} bytes that such a file may have")
        return data

    async def read_range(self, name: str, offset: int, length: int) -> bytes:
        """So many bytes of a file. Raises NotThereError, RepositoryBrokenError."""
        part = self._found(name)[offset : offset + length]
        if len(part) != length:
            raise broken(name, f"ends before byte {offset + length:,}")
        return part

    async def stat(self, name: str) -> Entry | None:
        """A file's size and time, or None."""
        found = self._files.get(check_name(name))
        return None if found is None else Entry(name, len(found[0]), found[1])

    async def entries(self, folder: str = "", *, after: str = "") -> AsyncIterator[Entry]:
        """The files below a folder."""
        below = f"{check_name(folder)}/" if folder else ""
        for name, (data, modified) in list(self._files.items()):
            if name.startswith(below) and name > after:
                yield Entry(name, len(data), modified)

    async def delete(self, name: str) -> None:
        """Remove a file."""
        self._files.pop(check_name(name), None)

    async def unwritable(self) -> str:
        """It always is."""
        return ""

    async def sweep_drafts(self, *, older_than: timedelta) -> int:
        """None: a file appears whole."""
        return 0

    def _found(self, name: str) -> bytes:
        found = self._files.get(check_name(name))
        if found is None:
            raise NotThereError(f"memory://: there is no {name}")
        return found[0]
