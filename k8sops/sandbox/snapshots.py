"""The cache of large loads: each an etcd snapshot, kept whole or not at all, so that the next such sandbox only copies.

A snapshot holds the load and nothing of the sandbox it was made in: it is taken before an API server has ever started
on that database, so there is no identity, certificate, token, lease or address in it. Its folder is named by what it
was made from; a broken one is told by its SHA-256. The least recently used go first once the cache exceeds its limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from k8sops.core.errors import SandboxError
from k8sops.sandbox.locations import private_folder, write_private
from k8sops.sandbox.seed.load_objects import LoadSize
from k8sops.sandbox.seed.stored import sources
from k8sops.sandbox.versions import VERSION_SET

LIMIT_BYTES: Final = 2 << 30
ABOUT: Final = "about.json"
DATABASE: Final = "etcd.db"
DRAFT_PREFIX: Final = ".draft-"
BLOCK: Final = 4 << 20
FORMAT: Final = b"1"
"""Of the cache itself: raised when its files change their meaning."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be known of a snapshot to use it."""

    size: LoadSize
    moment: str
    """The one time all its objects bear, RFC 3339."""
    tail: str
    """How all its uids end."""
    sha256: str = ""
    """Of the file, as it was when it was written."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot of the cache."""

    folder: Path
    about: About
    bytes: int
    used: float
    """When it was made or last used, in seconds since the epoch."""

    @property
    def database(self) -> Path:
        """The file that `etcdutl snapshot restore` takes."""
        return self.folder / DATABASE

    def is_whole(self) -> bool:
        """Whether the file is what was written. Reads all of it."""
        try:
            with self.database.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.about.sha256
        except OSError:
            return False


class SnapshotCache:
    """All snapshots below one folder. Several processes may use it at once."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder: Final = folder
        self._limit: Final = limit_bytes

    def all(self) -> tuple[Snapshot, ...]:
        """Every usable or broken snapshot, the most recently used first."""
        found = (_read(path.parent) for path in self._folder.glob(f"[!.]*/{ABOUT}"))
        return tuple(sorted((one for one in found if one), key=lambda one: one.used, reverse=True))

    def find(self, size: LoadSize) -> Snapshot | None:
        """The snapshot of this very load, made by this very code; it counts as used from now."""
        folder = self._folder / key_of(size)
        snapshot = _read(folder)
        if snapshot is not None:
            with contextlib.suppress(OSError):
                os.utime(folder / ABOUT)
        elif folder.exists():
            # Nothing can be told of it: cut short by a crash of the machine.
            self._remove(folder)
        return snapshot

    async def save(self, about: About, blocks: AsyncIterator[bytes]) -> int:
        """Keep a snapshot and return its size in bytes; another of the same key is replaced.

        Raises OSError or SandboxError where it cannot be written or read whole; then nothing is kept.
        """
        private_folder(self._folder)
        self._sweep()
        with self._draft() as draft:
            digest, written = hashlib.sha256(), 0
            descriptor = os.open(draft / DATABASE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                async for block in _gathered(blocks):
                    await asyncio.to_thread(file.write, block)
                    await asyncio.to_thread(digest.update, block)
                    written += len(block)
            if written <= hashlib.sha256().digest_size:
                raise SandboxError("the sandbox's etcd gave an empty snapshot")
            whole = msgspec.structs.replace(about, sha256=digest.hexdigest())
            write_private(draft / ABOUT, msgspec.json.encode(whole))
            self._publish(draft, self._folder / key_of(about.size))
        self._shrink()
        return written

    def drop(self, snapshot: Snapshot) -> None:
        """Remove one; its absence is no error."""
        self._remove(snapshot.folder)

    def clear(self) -> int:
        """Remove all that nobody is writing; returns how many snapshots there were."""
        self._sweep()
        folders = [path for path in self._folder.glob("[!.]*") if path.is_dir()]
        for folder in folders:
            self._remove(folder)
        return len(folders)

    def _publish(self, draft: Path, folder: Path) -> None:
        for _ in range(3):
            self._remove(folder)
            with contextlib.suppress(OSError):
                # Fails where another process has put one there meanwhile: that one is as good.
                draft.rename(folder)
                return

    def _shrink(self) -> None:
        total = 0
        for snapshot in self.all():
            total += snapshot.bytes
            if total > self._limit:
                self.drop(snapshot)

    def _remove(self, folder: Path) -> None:
        """Out of sight at one stroke first, so that nobody ever finds half of it."""
        gone = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=self._folder)) if folder.exists() else None
        if gone is not None:
            with contextlib.suppress(OSError):
                folder.rename(gone / "old")
            shutil.rmtree(gone, ignore_errors=True)

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        """A folder that is gone, or has become a snapshot, when the block ends; held against `_sweep` meanwhile."""
        draft = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=self._folder))
        descriptor = os.open(draft, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield draft
        finally:
            os.close(descriptor)
            shutil.rmtree(draft, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what killed processes left."""
        for draft in self._folder.glob(f"{DRAFT_PREFIX}*"):
            try:
                descriptor = os.open(draft, os.O_RDONLY)
            except OSError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            else:
                shutil.rmtree(draft, ignore_errors=True)
            finally:
                os.close(descriptor)


def key_of(size: LoadSize) -> str:
    """The name of a load's snapshot: its numbers, and a digest of the versions and of all that makes it."""
    numbers = f"nodes-{size.nodes}_pods-{size.pods}_others-{size.rest}"
    digest = hashlib.sha256(b"\0".join((FORMAT, VERSION_SET.encode(), numbers.encode(), sources())))
    return f"{numbers}_{digest.hexdigest()[:16]}"


def _read(folder: Path) -> Snapshot | None:
    try:
        about = msgspec.json.decode((folder / ABOUT).read_bytes(), type=About)
        return Snapshot(
            folder=folder,
            about=about,
            bytes=(folder / DATABASE).stat().st_size,
            used=(folder / ABOUT).stat().st_mtime,
        )
    except (OSError, msgspec.MsgspecError):
        return None


async def _gathered(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces: etcd sends 32 KiB at a time."""
    held: list[bytes] = []
    size = 0
    async for block in blocks:
        held.append(block)
        size += len(block)
        if size >= BLOCK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)
