"""Puts a load into a new sandbox's etcd before its API server starts: out of a cached snapshot, else written anew.

Written that way ten thousand pods take seconds, since nobody watches yet. What is written is then kept as a snapshot.
A restored one gets times and uids of its own: both have one fixed length, so they are replaced in the database file,
where values stand as they are (bbolt checks only its meta pages, which hold no values).
"""

from __future__ import annotations

import asyncio
import mmap
import os
import secrets
import shutil
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import Final

from k8sops.core.clock import Clock
from k8sops.core.errors import SandboxError
from k8sops.core.tasks import all_of
from k8sops.sandbox.etcdapi import BATCH, EtcdApi, open_etcd
from k8sops.sandbox.locations import private_folder
from k8sops.sandbox.ports import LOOPBACK
from k8sops.sandbox.seed.load_objects import LoadSize
from k8sops.sandbox.seed.stored import TAIL_DIGITS, StoredLoad
from k8sops.sandbox.snapshots import About, Snapshot, SnapshotCache
from k8sops.sandbox.state import SandboxFolder, SandboxState

WRITERS: Final = 4
SAY_SECONDS: Final = 2.0
RESTORE_SECONDS: Final = 300.0
WINDOW: Final = 4 << 20
MIB: Final = 1 << 20

Say = Callable[[str], None]


class Preload:
    """One load on its way into one sandbox."""

    def __init__(
        self,
        folder: SandboxFolder,
        state: SandboxState,
        snapshots: SnapshotCache,
        clock: Clock,
        say: Say,
    ) -> None:
        self._folder: Final = folder
        self._state: Final = state
        self._size: Final = state.load or LoadSize(nodes=state.nodes, pods=0, rest=0)
        self._snapshots: Final = snapshots
        self._clock: Final = clock
        self._say: Final = say
        self._moment: Final = clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._tail: Final = secrets.token_hex(TAIL_DIGITS // 2)
        self._load: Final = StoredLoad(self._size, self._moment, self._tail)

    async def lay_in(
        self,
        etcdutl: Path | None,
        begin_etcd: Callable[[], None],
        etcd_answers: Callable[[], Awaitable[None]],
    ) -> None:
        """Have the database hold the load. etcd is begun where the load has to be written, and otherwise not.

        Nodes alone are no matter for a snapshot. Raises SandboxError where etcd ends or refuses.
        """
        cached = etcdutl is not None and self._state.load is not None and await self.restore(etcdutl)
        if not cached:
            begin_etcd()
            await etcd_answers()
            await self.fill()

    async def restore(self, etcdutl: Path) -> bool:
        """Make the database out of a snapshot, before etcd starts; False where there is none that is any good."""
        snapshot = await asyncio.to_thread(self._snapshots.find, self._size)
        if snapshot is None:
            return False
        self._say(f"restoring {self._load.total:,} objects from a snapshot of {snapshot.bytes // MIB} MiB")
        if not await asyncio.to_thread(snapshot.is_whole):
            self._give_up(snapshot, "it is not what was written")
            return False
        try:
            await self._etcdutl_restore(etcdutl, snapshot)
            await asyncio.to_thread(self._renew, snapshot.about)
        except (SandboxError, OSError, ValueError) as error:
            self._give_up(snapshot, str(error))
            await asyncio.to_thread(shutil.rmtree, self._folder.etcd, ignore_errors=True)
            private_folder(self._folder.etcd)
            return False
        return True

    async def fill(self) -> None:
        """Write the load into an etcd that runs and holds nothing, and keep a snapshot of it.

        Raises SandboxError where etcd refuses. A snapshot that cannot be kept is said and is no error.
        """
        async with open_etcd(self._folder, self._state.ports) as etcd:
            await self._write(etcd)
            if self._state.load is not None:
                await self._keep(etcd)

    async def _write(self, etcd: EtcdApi) -> None:
        begun = said = self._clock.monotonic()
        written = 0
        entries = self._load.entries()

        async def writer() -> None:
            nonlocal said, written
            while batch := list(islice(entries, BATCH)):
                await etcd.put_all(batch)
                written += len(batch)
                now = self._clock.monotonic()
                if now - said >= SAY_SECONDS:
                    said = now
                    self._say(progress(written, self._load.total, now - begun))

        await all_of(writer() for _ in range(WRITERS))
        seconds = max(self._clock.monotonic() - begun, 0.001)
        self._say(f"{written:,} objects written in {seconds:.1f} s, {written / seconds:,.0f}/s")

    async def _keep(self, etcd: EtcdApi) -> None:
        self._say("keeping a snapshot for the next sandbox of this size")
        about = About(size=self._size, moment=self._moment, tail=self._tail)
        try:
            size = await self._snapshots.save(about, etcd.snapshot())
        except (OSError, SandboxError) as error:
            self._say(f"no snapshot is kept, the next such sandbox takes as long again: {error}")
        else:
            self._say(f"kept a snapshot of {size // MIB} MiB; `k8sops sandbox cache list` shows it")

    async def _etcdutl_restore(self, etcdutl: Path, snapshot: Snapshot) -> None:
        peer = f"https://{LOOPBACK}:{self._state.ports.etcd_peer}"
        process = await asyncio.create_subprocess_exec(
            *(str(etcdutl), "snapshot", "restore", str(snapshot.database)),
            f"--data-dir={self._folder.etcd}",
            *("--name=sandbox", f"--initial-cluster=sandbox={peer}", f"--initial-advertise-peer-urls={peer}"),
            env={"PATH": os.defpath, "HOME": str(self._folder.path)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, complaint = await asyncio.wait_for(process.communicate(), RESTORE_SECONDS)
        except TimeoutError as error:
            raise SandboxError(f"etcdutl took longer than {RESTORE_SECONDS:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())
        if process.returncode != 0:
            lines = complaint.decode("utf-8", "replace").strip().splitlines()
            raise SandboxError(f"etcdutl refused it: {lines[-1] if lines else 'without a word'}")

    def _renew(self, about: About) -> None:
        """Times of now, and uids that no other sandbox has."""
        values = {
            about.moment.encode(): self._moment.encode(),
            about.tail.encode(): self._tail.encode(),
        }
        if substitute(self._folder.etcd / "member" / "snap" / "db", values) == 0:
            raise SandboxError("it holds nothing of what it should")

    def _give_up(self, snapshot: Snapshot, why: str) -> None:
        self._snapshots.drop(snapshot)
        self._say(f"the cached snapshot cannot be used and is made anew: {why}")


def progress(written: int, total: int, seconds: float) -> str:
    """Rate and remaining time, for a person who waits."""
    rate = written / seconds if seconds > 0 else 0.0
    left = (total - written) / rate if rate else 0.0
    return f"{written:,} of {total:,} objects, {rate:,.0f}/s, about {left:.0f} s left"


def substitute(path: Path, values: Mapping[bytes, bytes]) -> int:
    """Replace byte strings in a file by others of their length; returns how many windows of it changed.

    Raises ValueError for values of different length, which would move everything behind them.
    """
    if any(len(old) != len(new) for old, new in values.items()):
        raise ValueError("only values of the same length can be replaced in place")
    overlap = max(map(len, values)) - 1
    changed = 0
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        for begin in range(0, len(view), WINDOW):
            # A value across the border belongs to the window in which it begins.
            window = view[begin : begin + WINDOW + overlap]
            renewed = window
            for old, new in values.items():
                renewed = renewed.replace(old, new)
            if renewed != window:
                view[begin : begin + len(renewed)] = renewed
                changed += 1
    return changed
