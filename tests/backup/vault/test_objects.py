"""Objects out of packs: each is asked for once, a few frames at a time, and a reader that leaves ends what it began."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from k8sops.backup.errors import RepositoryBrokenError
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.vault.contents import load_catalogue, load_contents
from k8sops.backup.vault.objects import Objects
from k8sops.backup.vault.opening import Vault
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER
from tests.backup.vault.clusters import backup, body, expected, shop
from tests.backup.vault.world import FaultyStorage, made


class _Watched(FaultyStorage):
    """A storage that counts ranged reads, and how many there were at once."""

    reads = 0
    running = 0
    most = 0

    async def read_range(self, name: str, offset: int, length: int) -> bytes:
        """As the storage behind, after a turn of the loop."""
        self.reads += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0)
            return await super().read_range(name, offset, length)
        finally:
            self.running -= 1


async def _stored(clock: HandClock) -> tuple[Vault, _Watched, list[bytes]]:
    """A backup of some packs, and the ids of its objects."""
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    await backup(vault, shop(20))
    watched = _Watched(place)
    found = await body(vault, 1)
    rows = (await load_contents(vault, CLUSTER, found)).rows()
    return msgspec.structs.replace(vault, storage=watched), watched, [row.id for row in rows]


async def test_frames_are_read_once_and_a_few_at_a_time(clock: HandClock) -> None:
    """However many ask, and of whichever objects of a frame: a storage is billed by the request."""
    vault, watched, ids = await _stored(clock)
    catalogue = await load_catalogue(vault, await body(vault, 1))
    objects = Objects(vault, catalogue, at_once=3)
    found = await asyncio.gather(*(objects.get(id_) for id_ in ids * 3))
    frames = sum(len(pack.frames) for pack in catalogue.packs)
    assert frames > 4
    assert watched.reads == frames + len(list(catalogue.packs))
    assert watched.most <= 3
    assert sorted(set(found)) == sorted(data for _, _, data in expected(shop(20)).values())


async def test_without_room_nothing_is_kept(clock: HandClock) -> None:
    """The cache is bounded by bytes: with none, a frame is read for each object."""
    vault, watched, ids = await _stored(clock)
    objects = Objects(vault, await load_catalogue(vault, await body(vault, 1)), cache_bytes=0)
    await objects.get(ids[0])
    before = watched.reads
    await objects.get(ids[0])
    assert watched.reads == before + 1


async def test_a_reader_that_leaves_ends_what_it_began(clock: HandClock) -> None:
    """A cancelled restore does not go on reading packs."""
    vault, watched, ids = await _stored(clock)
    objects = Objects(vault, await load_catalogue(vault, await body(vault, 1)), at_once=2)
    reading = objects.get_all(ids)
    async for _ in reading:
        break
    await reading.aclose()
    assert watched.running == 0
    before = watched.reads
    await asyncio.sleep(0)
    assert watched.reads == before


async def test_an_object_that_is_not_stored_is_named(clock: HandClock) -> None:
    """An index that was left out of a manifest shows here."""
    vault, _, _ = await _stored(clock)
    objects = Objects(vault, await load_catalogue(vault, await body(vault, 1)))
    for wrong in (b"?" * 32, b"short"):
        with pytest.raises(RepositoryBrokenError, match=wrong.hex()):
            await objects.get(wrong)
