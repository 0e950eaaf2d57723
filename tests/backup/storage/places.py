"""What tests of storages share: a place as a user writes it, and patience for a busy machine."""

from __future__ import annotations

from typing import NamedTuple

from k8sops.backup.storage.location import parse_location
from k8sops.backup.storage.opening import Limits, open_storage
from k8sops.backup.storage.port import Entry, Storage
from k8sops.core.clock import SystemClock

LIMITS = Limits(request=120, retry_window=120, deadline=300)


class Place(NamedTuple):
    """A location's URL, and the environment that holds its credentials."""

    url: str
    environ: dict[str, str]


async def opened(url: str, environ: dict[str, str], limits: Limits = LIMITS) -> Storage:
    """The location as a storage."""
    return await open_storage(parse_location(url), environ=environ, clock=SystemClock(), limits=limits)


async def listed(storage: Storage, folder: str = "", *, after: str = "") -> list[Entry]:
    """All entries, by name."""
    return sorted([entry async for entry in storage.entries(folder, after=after)], key=lambda e: e.name)


async def names(storage: Storage, folder: str = "", *, after: str = "") -> list[str]:
    """All names, sorted."""
    return [entry.name for entry in await listed(storage, folder, after=after)]
