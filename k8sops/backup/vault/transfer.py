"""Files to a storage and back: puts whose answer was lost are put again, many files are read a few at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from k8sops.backup.storage.errors import NotThereError
from k8sops.backup.storage.port import Storage
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.tasks import all_of

ATTEMPTS: Final = 5
AT_ONCE: Final = 8

T = TypeVar("T")


async def put_surely(storage: Storage, name: str, data: bytes, clock: Clock) -> None:
    """Put a file, again where the answer was lost: the same bytes are never taken for somebody else's.

    Raises what `Storage.put` raises; an unknown outcome only after five attempts.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await storage.put(name, data)
        except K8sOpsError as error:
            if not error.outcome_unknown or attempt == ATTEMPTS:
                raise
            await clock.sleep(error.retry_after or float(attempt))
        else:
            return


async def read_all(storage: Storage, names: Iterable[str], *, at_most: int) -> dict[str, bytes]:
    """Several files, eight at a time; one that is gone by the time it is read is left out."""
    found: dict[str, bytes] = {}
    waiting = iter(list(names))

    async def reader() -> None:
        for name in waiting:
            try:
                found[name] = await storage.read(name, at_most=at_most)
            except NotThereError:
                continue

    await all_of(reader() for _ in range(AT_ONCE))
    return found


async def names_below(storage: Storage, folder: str) -> dict[str, int]:
    """The names of the files below a folder, with their sizes."""
    return {entry.name: entry.size async for entry in storage.entries(folder)}


async def each_of(items: Iterable[T], do: Callable[[T], Awaitable[None]]) -> int:
    """Do it for each, eight at a time; for how many it was done."""
    waiting = iter(list(items))
    count = 0

    async def worker() -> None:
        nonlocal count
        for item in waiting:
            await do(item)
            count += 1

    await all_of(worker() for _ in range(AT_ONCE))
    return count
