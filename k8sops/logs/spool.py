"""The past of many streams in one total order, in bounded memory: read through once, then merged.

The first line of a total order is known only once every stream has begun, and no server keeps thousands of half-read
logs open for a slow reader: so all are read first, a few at a time, and held in blocks. Blocks beyond what memory is
for go into one temporary file that has no name (0600 until then), from which each stream's are read again in turn.
Lines of one stream keep the file's order, whatever their stamps say.
"""

from __future__ import annotations

import asyncio
import errno
import heapq
import os
import tempfile
import threading
from collections.abc import AsyncGenerator, Iterator
from itertools import islice
from typing import BinaryIO, Final

import msgspec

from k8sops.core.errors import K8sOpsError
from k8sops.core.logs import LogEntry, LogStream

IN_MEMORY: Final = 32 << 20
"""Bytes of blocks that are held before the rest goes to disk."""
MERGED: Final = 16 << 20
"""Bytes of blocks that are open while all streams are merged."""
MOST_AT_ONCE: Final = 1_000

_Row = tuple[int, str, int, bool, bool]
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(list[_Row])


class SpoolError(K8sOpsError):
    """There is no room for what is to be put in order."""

    code = "log_spool"


class _Lane:
    """One stream's blocks: bytes, or where in the file they are."""

    def __init__(self, stream: LogStream) -> None:
        self.stream: Final = stream
        self.rows: list[_Row] = []
        self.size = 0
        self.blocks: list[bytes | tuple[int, int]] = []


class Spool:
    """Lines on their way into one order; `put` them all, then iterate `batches` once, and `close`."""

    def __init__(self, lanes: int, *, in_memory: int = IN_MEMORY) -> None:
        """`lanes`: how many streams there will be."""
        self._block = max(4 << 10, min(64 << 10, MERGED // max(1, lanes)))
        self._room = in_memory
        self._lanes: dict[int, _Lane] = {}
        self._file: BinaryIO | None = None
        self._end = 0
        self._making = threading.Lock()

    async def put(self, lane: int, batch: list[LogEntry]) -> None:
        """Take a stream's next lines. Raises SpoolError where the disk is full."""
        if not batch:
            return
        held = self._lanes.get(lane)
        if held is None:
            held = self._lanes[lane] = _Lane(batch[0].stream)
        for entry in batch:
            held.rows.append((entry.at, entry.text, entry.cut, entry.marker, entry.gap))
            held.size += len(entry.text) + 16
            if held.size >= self._block:
                await self._away(held)

    async def batches(self) -> AsyncGenerator[list[LogEntry], None]:
        """All lines, the oldest first."""
        lines = heapq.merge(*(self._lines(number, lane) for number, lane in self._lanes.items()))
        if self._file is None:
            while batch := [entry for _, _, entry in islice(lines, MOST_AT_ONCE)]:
                yield batch
                # Nothing here waits for anything: others must have their turn.
                await asyncio.sleep(0)
            return
        while batch := await asyncio.to_thread(
            lambda: [entry for _, _, entry in islice(lines, MOST_AT_ONCE)]
        ):
            yield batch

    def close(self) -> None:
        """Let go of the file, and with it of what is in it. Idempotent."""
        if self._file is not None:
            self._file.close()

    async def _away(self, lane: _Lane) -> None:
        block = _ENCODER.encode(lane.rows)
        lane.rows, lane.size = [], 0
        if len(block) <= self._room:
            self._room -= len(block)
            lane.blocks.append(block)
            return
        place, self._end = self._end, self._end + len(block)
        lane.blocks.append((place, len(block)))
        try:
            await asyncio.to_thread(self._write, place, block)
        except OSError as error:
            raise SpoolError(
                f"the lines cannot be put in order: {error.strerror} in {tempfile.gettempdir()}",
                hint="ask for less (--tail, --since), or set TMPDIR to a folder with room",
            ) from error

    def _write(self, place: int, block: bytes) -> None:
        with self._making:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="k8sops-logs-")  # noqa: SIM115 - closed by `close`
        if os.pwrite(self._file.fileno(), block, place) != len(block):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _lines(self, number: int, lane: _Lane) -> Iterator[tuple[int, int, LogEntry]]:
        """One stream's lines, each with the key it is put in order by, which never goes back."""
        key, stream = 0, lane.stream
        for block in lane.blocks:
            data = block if isinstance(block, bytes) else self._read(*block)
            for at, text, cut, marker, gap in _DECODER.decode(data):
                key = max(key, at)
                yield key, number, LogEntry(stream, at, text, cut, marker, gap)
        for at, text, cut, marker, gap in lane.rows:
            key = max(key, at)
            yield key, number, LogEntry(stream, at, text, cut, marker, gap)

    def _read(self, place: int, size: int) -> bytes:
        assert self._file is not None  # noqa: S101 - what is in it was written to it
        return os.pread(self._file.fileno(), size, place)
