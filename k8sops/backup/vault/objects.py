"""Objects out of packs, by ranged reads of the frames they lie in: several at once, and none twice if it can be helped.

A frame holds thousands of objects and is opened and checked whole, so a few opened ones are kept. What is handed out
has its id, or is an error that names the pack and the frame.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Final
from weakref import WeakValueDictionary

from k8sops.backup.canonical import ID_BYTES
from k8sops.backup.errors import RepositoryBrokenError
from k8sops.backup.index import Catalogue, Place
from k8sops.backup.packs import PackEntry, PackReader
from k8sops.backup.sealed import PLAIN_HEADER, SEALED_HEADER
from k8sops.backup.vault.opening import Vault

AT_ONCE: Final = 4
CACHE_BYTES: Final = 32 * 1024 * 1024

FrameKey = tuple[str, int]
Frame = Mapping[bytes, bytes]


class Objects:
    """The objects of a catalogue. Memory: the cache, and for each of `at_once` reads a frame of at most 16 MiB."""

    def __init__(
        self, vault: Vault, catalogue: Catalogue, *, at_once: int = AT_ONCE, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._vault: Final = vault
        self._catalogue: Final = catalogue
        self._at_once: Final = at_once
        self._turns: Final = asyncio.Semaphore(at_once)
        self._frames: Final[OrderedDict[FrameKey, tuple[Frame, int]]] = OrderedDict()
        self._room = cache_bytes
        self._locks: Final[WeakValueDictionary[FrameKey, asyncio.Lock]] = WeakValueDictionary()
        self._packs: Final[dict[str, PackReader]] = {}

    async def get(self, id_: bytes) -> bytes:
        """One object's canonical bytes. Raises RepositoryBrokenError where no pack holds it, or not what it should."""
        frame = await self._frame(self._place(id_))
        return _of(frame, id_)

    async def get_all(self, ids: Iterable[bytes]) -> AsyncGenerator[tuple[bytes, bytes], None]:
        """Each different object once, a frame after the other, in the order in which frames are first wanted.

        The next frames are read while one is handed out, at most `at_once` together.
        """
        wanted: dict[FrameKey, tuple[Place, list[bytes]]] = {}
        for id_ in dict.fromkeys(ids):
            place = self._place(id_)
            wanted.setdefault((place.pack.id, place.frame), (place, []))[1].append(id_)
        waiting = iter(wanted.values())
        ahead: list[tuple[asyncio.Task[Frame], list[bytes]]] = []
        try:
            while True:
                while len(ahead) < self._at_once and (following := next(waiting, None)) is not None:
                    ahead.append((asyncio.create_task(self._frame(following[0])), following[1]))
                if not ahead:
                    return
                task, members = ahead.pop(0)
                frame = await task
                for id_ in members:
                    yield id_, _of(frame, id_)
        finally:
            for task, _ in ahead:
                task.cancel()
            await asyncio.gather(*(task for task, _ in ahead), return_exceptions=True)

    def _place(self, id_: bytes) -> Place:
        place = self._catalogue.find(id_) if len(id_) == ID_BYTES else None
        if place is None:
            raise RepositoryBrokenError(
                f"no pack that the backup names holds the object {id_.hex()[:64]}",
                hint="`k8sops backups verify` says what else is affected",
            )
        return place

    async def _frame(self, place: Place) -> Frame:
        key = (place.pack.id, place.frame)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            kept = self._frames.get(key)
            if kept is not None:
                self._frames.move_to_end(key)
                return kept[0]
            async with self._turns:
                frame = await self._read(place)
            self._keep(key, frame, place.pack.frames[place.frame].content)
            return frame

    async def _read(self, place: Place) -> Frame:
        reader = await self._reader(place.pack)
        begin, end = place.range
        data = await self._vault.storage.read_range(place.pack.name, begin, end - begin)
        return await asyncio.to_thread(lambda: dict(reader.frame(place.frame, data)))

    async def _reader(self, pack: PackEntry) -> PackReader:
        async with self._locks.setdefault((pack.id, -1), asyncio.Lock()):
            reader = self._packs.get(pack.id)
            if reader is None:
                size = SEALED_HEADER if self._vault.keyring.encrypted else PLAIN_HEADER
                header = await self._vault.storage.read_range(pack.name, 0, size)
                reader = self._packs[pack.id] = PackReader(pack, header, self._vault.keyring)
            return reader

    def _keep(self, key: FrameKey, frame: Frame, size: int) -> None:
        self._frames[key] = (frame, size)
        self._room -= size
        while self._room < 0 and self._frames:
            _, (_, freed) = self._frames.popitem(last=False)
            self._room += freed


def _of(frame: Frame, id_: bytes) -> bytes:
    try:
        return frame[id_]
    except KeyError:
        raise RepositoryBrokenError(f"the object {id_.hex()} is not where its index says it is") from None
