"""One file of a bundle while it is written: collected into blocks, redacted, counted, cut at its limit, and staged.

What takes long happens in the bundle's threads, a block of a quarter of a MiB at a time, so that neither the loop nor
a thread is held for long. Nothing reaches the disk that has not been through the redaction.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from k8sops.bundle.archive import FRAME
from k8sops.bundle.port import RedactingFile
from k8sops.bundle.staging import Staging
from k8sops.core.sizes import size_text

BLOCK: Final = 256 << 10
WHOLE_LIMIT: Final = "the limit of the whole bundle"


class Budget:
    """How many bytes all files may have together; shared between threads."""

    def __init__(self, most: int) -> None:
        self.most: Final = most
        self.spent = 0
        self._lock: Final = threading.Lock()

    @property
    def exhausted(self) -> bool:
        """Whether nothing more fits."""
        return self.spent >= self.most

    def take(self, wanted: int) -> int:
        """As many of them as there is room for."""
        with self._lock:
            taken = max(0, min(wanted, self.most - self.spent))
            self.spent += taken
            return taken

    def give_back(self, count: int) -> None:
        """What was taken and is not used."""
        with self._lock:
            self.spent -= count


class GrowingFile:
    """Implements `port.BundleFile`; one task writes it."""

    def __init__(
        self,
        path: str,
        key: int,
        *,
        source: str,
        staging: Staging,
        threads: Executor,
        one_looks: threading.Lock,
        budget: Budget,
        most: int,
        redaction: RedactingFile | None,
        watch: Callable[[bytes], None] | None,
    ) -> None:
        self.path: Final = path
        self.key: Final = key
        self.source: Final = source
        self.redaction: Final = redaction
        self.size = 0
        self.lines = 0
        self.dropped = 0
        self.cut = ""
        self.budget_cut = False
        self.errors: Final[list[str]] = []
        self.notes: Final[list[str]] = []
        self._staging: Final = staging
        self._threads: Final = threads
        self._one_looks: Final = one_looks
        self._budget: Final = budget
        self._most: Final = most
        self._watch: Final = watch
        self._pending: Final[list[bytes]] = []
        self._waiting = 0
        self._frame: Final = bytearray()
        self._taking: asyncio.Future[None] | None = None
        self._ends_line = True

    @property
    def full(self) -> bool:
        """Whether what comes is dropped."""
        return bool(self.dropped) or self.size >= self._most or self._budget.exhausted

    async def write(self, data: bytes) -> None:
        """Append."""
        if self.dropped:
            self.dropped += len(data)
            return
        self._pending.append(data)
        self._waiting += len(data)
        if self._waiting >= BLOCK:
            await self._flush(last=False)

    def truncated(self, why: str) -> None:
        """It is not all of it; the first reason is kept."""
        self.cut = self.cut or why

    def error(self, why: str, *, note: bool = False) -> None:
        """Something of it could not be had."""
        (self.notes if note else self.errors).append(why)

    async def end(self) -> None:
        """Everything is staged."""
        await self._flush(last=True)

    async def _flush(self, *, last: bool) -> None:
        if self._taking is not None:
            await self._taking
        block = b"".join(self._pending)
        self._pending.clear()
        self._waiting = 0
        loop = asyncio.get_running_loop()
        self._taking = loop.run_in_executor(self._threads, self._take, block, last)
        # Whoever is cancelled here must not lose the block, nor have its file taken up by a second thread.
        await asyncio.shield(self._taking)
        self._taking = None

    def _take(self, block: bytes, last: bool) -> None:
        """In a thread: redact and stage a block; the file's rest with the last."""
        # Patterns are shared, and two threads that search with one cost each other twice the time.
        with self._one_looks:
            if self.redaction is not None:
                block = self.redaction.feed(block)
                if last:
                    block += self.redaction.finish()
            kept = self._within_limits(block)
            if kept and self._watch is not None:
                self._watch(kept)
        if kept:
            self.lines += kept.count(b"\n")
            self.size += len(kept)
            self._ends_line = kept.endswith(b"\n")
            self._frame.extend(kept)
        while len(self._frame) >= FRAME or (last and self._frame):
            self._staging.append(self.key, self._frame[:FRAME])
            del self._frame[:FRAME]
        if last and not self._ends_line:
            self.lines += 1

    def _within_limits(self, block: bytes) -> bytes:
        """As much of it as fits, whole lines only where that cuts it."""
        if self.dropped:
            self.dropped += len(block)
            return b""
        own = min(len(block), self._most - self.size)
        room = self._budget.take(own)
        if room == len(block):
            return block
        self.budget_cut = room < own
        self.truncated(
            f"{WHOLE_LIMIT}, {size_text(self._budget.most)}, was reached"
            if self.budget_cut
            else f"the limit of {size_text(self._most)} for each file was reached"
        )
        kept = block[: block.rfind(b"\n", 0, room) + 1] or block[:room]
        self._budget.give_back(room - len(kept))
        self.dropped += len(block) - len(kept)
        return kept
