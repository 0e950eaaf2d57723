"""Objects into packs and packs onto the storage: canonical bytes and ids in a thread, a few packs on their way at once.

Memory is bounded by one pack that fills and `uploads` that are being put. An index is put after every few packs, so
that a run which dies has something that its successor can find again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

import msgspec

from k8sops.backup.bodies import FileRef
from k8sops.backup.canonical import Namer, canonical_object
from k8sops.backup.errors import UnstorableError
from k8sops.backup.index import Index, write_index
from k8sops.backup.names import file_name
from k8sops.backup.packs import PACK_TARGET, Pack, PackEntry, Packer
from k8sops.backup.sealed import Entropy
from k8sops.backup.vault.holdings import Holdings
from k8sops.backup.vault.items import Item, Progress
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.transfer import put_surely


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How much is done at once: packs on their way, objects and bytes that go to a thread together.

    After so many packs an index is put, and a pack of so many bytes is closed.
    """

    uploads: int = 3
    packs_per_index: int = 4
    pack_bytes: int = PACK_TARGET
    batch_items: int = 512
    batch_bytes: int = 2 * 1024 * 1024


class Stored(msgspec.Struct, frozen=True):
    """What came of one item: the id of its bytes, or why they cannot be kept."""

    item: Item
    id: bytes = b""
    refused: str = ""


OnIndex = Callable[[FileRef], Awaitable[None]]


class Packing:
    """Takes items, keeps what is not held yet. One caller at a time; `close` it however it ends."""

    def __init__(
        self,
        vault: Vault,
        holdings: Holdings,
        *,
        entropy: Entropy = os.urandom,
        pace: Pace,
        on_index: OnIndex | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._vault: Final = vault
        self._holdings: Final = holdings
        self._entropy: Final = entropy
        self._pace: Final = pace
        self._on_index: Final = on_index
        self._on_progress: Final = on_progress
        self._namer: Final = Namer(vault.keyring.id_key)
        self._packer: Final = Packer(vault.keyring, entropy, pack_target=pace.pack_bytes)
        self._pending: Final[set[bytes]] = set()
        self._uploads: Final[set[asyncio.Task[None]]] = set()
        self._put: list[PackEntry] = []
        self.progress: Final = Progress()

    async def take(self, items: Sequence[Item]) -> list[Stored]:
        """Keep these objects' bytes; when it returns they are known, but not all on the storage yet."""
        stored, packs = await asyncio.to_thread(self._work, items)
        await self._begin_uploads(packs)
        if len(self._put) >= self._pace.packs_per_index:
            entries, self._put = self._put, []
            await self.write_index(entries)
        self._tell()
        return stored

    async def finish(self) -> None:
        """Close what is open and wait until every pack is on the storage. More may be taken afterwards."""
        packs = await asyncio.to_thread(self._close_packs)
        await self._begin_uploads(packs)
        await self._wait(0)
        self._put = []
        self._tell()

    async def write_index(self, entries: Collection[PackEntry], replaces: tuple[str, ...] = ()) -> None:
        """Put an index of these packs, which are on the storage; `replaces` are indexes in whose place it is."""
        if not entries:
            return
        index = Index(tuple(entries), replaces)
        file = await asyncio.to_thread(write_index, index, self._vault.keyring, self._entropy)
        await put_surely(self._vault.storage, file_name("indexes", file.id), file.data, self._vault.clock)
        ref = FileRef(file.id, file.sha256)
        self._holdings.indexed(ref, index)
        self.progress.bytes_put += len(file.data)
        if self._on_index is not None:
            await self._on_index(ref)

    async def close(self) -> None:
        """End what is on its way."""
        for task in self._uploads:
            task.cancel()
        await asyncio.gather(*self._uploads, return_exceptions=True)

    def _work(self, items: Sequence[Item]) -> tuple[list[Stored], list[Pack]]:
        stored, packs = [], []
        pending, holdings, id_of, progress = self._pending, self._holdings, self._namer.id_of, self.progress
        progress.objects += len(items)
        for item in items:
            try:
                data = canonical_object(item.data or b"")
            except UnstorableError as error:
                stored.append(Stored(item, refused=error.message))
                continue
            id_ = id_of(data)
            stored.append(Stored(item, id_))
            if id_ in pending or id_ in holdings:
                continue
            pending.add(id_)
            progress.new_objects += 1
            progress.new_bytes += len(data)
            pack = self._packer.add(id_, data)
            if pack is not None:
                packs.append(pack)
                self._known(pack)
        return stored, packs

    def _close_packs(self) -> list[Pack]:
        packs = self._packer.finish()
        for pack in packs:
            self._holdings.add_pack(pack.entry)
        self._pending.clear()
        return packs

    def _known(self, pack: Pack) -> None:
        self._holdings.add_pack(pack.entry)
        for frame in pack.entry.frames:
            self._pending.difference_update(id_ for id_, _ in frame.objects(b""))

    async def _begin_uploads(self, packs: Sequence[Pack]) -> None:
        for pack in packs:
            await self._wait(self._pace.uploads - 1)
            self._uploads.add(asyncio.create_task(self._upload(pack)))
        await self._wait(self._pace.uploads)

    async def _wait(self, most: int) -> None:
        """Until at most so many uploads are going on; raises what the first that failed raised."""
        while True:
            for task in [task for task in self._uploads if task.done()]:
                self._uploads.discard(task)
                task.result()
            if len(self._uploads) <= most:
                return
            await asyncio.wait(self._uploads, return_when=asyncio.FIRST_COMPLETED)

    async def _upload(self, pack: Pack) -> None:
        await put_surely(self._vault.storage, pack.entry.name, pack.file.data, self._vault.clock)
        self._put.append(pack.entry)
        self.progress.packs_put += 1
        self.progress.bytes_put += len(pack.file.data)
        self._tell()

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(msgspec.structs.replace(self.progress))
