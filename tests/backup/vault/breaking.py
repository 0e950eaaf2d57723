"""A storage whose n-th request of any kind fails, and the files that a repository should come to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Literal, TypeVar

from k8sops.backup.storage.errors import RetainedError
from k8sops.backup.storage.port import Entry, Storage
from k8sops.backup.vault.needs import Needing
from k8sops.backup.vault.opening import Vault
from k8sops.core.errors import UnreachableError
from tests.backup.vault.world import KilledError, names

T = TypeVar("T")
Break = Literal["killed before", "killed after", "cut before", "cut after"]


class BreakingStorage:
    """Fails the request of this number, counted from 1 (0: none), and keeps what `retains` says."""

    def __init__(
        self,
        storage: Storage,
        at: int = 0,
        how: Break = "killed before",
        retains: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self.storage = storage
        self.at = at
        self.how = how
        self.retains = retains
        self.requests = 0

    @property
    def location(self) -> str:
        """That of the storage behind."""
        return self.storage.location

    async def put(self, name: str, data: bytes) -> None:
        """Put, or fail."""
        await self._do(lambda: self.storage.put(name, data), changes=True)

    async def read(self, name: str, *, at_most: int) -> bytes:
        """Read, or fail."""
        return await self._do(lambda: self.storage.read(name, at_most=at_most))

    async def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Read a part, or fail."""
        return await self._do(lambda: self.storage.read_range(name, offset, length))

    async def stat(self, name: str) -> Entry | None:
        """Look, or fail."""
        return await self._do(lambda: self.storage.stat(name))

    async def entries(self, folder: str = "", *, after: str = "") -> AsyncIterator[Entry]:
        """List, or fail."""

        async def all_entries() -> list[Entry]:
            return [entry async for entry in self.storage.entries(folder, after=after)]

        for entry in await self._do(all_entries):
            yield entry

    async def delete(self, name: str) -> None:
        """Delete, fail, or keep."""
        if self.retains(name):
            raise RetainedError(f"{name} is kept")
        await self._do(lambda: self.storage.delete(name), changes=True)

    async def unwritable(self) -> str:
        """As the storage behind."""
        return await self.storage.unwritable()

    async def sweep_drafts(self, *, older_than: timedelta) -> int:
        """As the storage behind."""
        return await self.storage.sweep_drafts(older_than=older_than)

    async def _do(self, work: Callable[[], Awaitable[T]], *, changes: bool = False) -> T:
        self.requests += 1
        hit = self.requests == self.at
        if hit and self.how.endswith("before"):
            raise self._error(changes=False)
        result = await work()
        if hit:
            raise self._error(changes=changes)
        return result

    def _error(self, *, changes: bool) -> Exception:
        if self.how.startswith("killed"):
            return KilledError(f"request {self.at}")
        return UnreachableError("cut", outcome_unknown=changes)


async def wanted_files(vault: Vault) -> list[str]:
    """Everything that should be there once all that nothing needs is gone."""
    needs = await Needing(vault).every({})
    manifests = {
        file.name
        for chain in needs.chains.values()
        for seq, file in chain.files.items()
        if seq not in chain.removed
    }
    keys = await names(vault.storage, "keys")
    return sorted({"repository.json", *keys, *manifests, *needs.files})
