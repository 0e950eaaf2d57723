"""A storage in a folder: local disk, NFS, a mounted stick.

obstore's own local storage was not taken: it renames without an fsync, so a power cut can leave a name over bytes that
are not there. Here the bytes are on disk before they take their name by a hard link, which the file system gives to one
writer only, and the folder is on disk before `put` returns. Files are 0600, folders 0700.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from k8sops.backup.errors import broken
from k8sops.backup.storage import folder_files as files
from k8sops.backup.storage.errors import (
    NameTakenError,
    NotThereError,
    ReadOnlyStorageError,
    RetainedError,
    StorageError,
)
from k8sops.backup.storage.port import Entry, check_name, is_name
from k8sops.core.errors import CredentialsError, K8sOpsError, UsageError

T = TypeVar("T")


class FolderStorage:
    """A `Storage` below a folder, which is made with the first file."""

    def __init__(self, root: Path) -> None:
        self._root: Final = root
        # Folders that this process has seen on disk: they need no further fsync of the ones above.
        self._kept: Final[set[str]] = set()

    @property
    def location(self) -> str:
        """The folder as a URL."""
        return f"file://{self._root}"

    async def put(self, name: str, data: bytes) -> None:
        """Keep the bytes. Raises NameTakenError, StorageError where the disk is full."""
        await self._run(name, self._put, check_name(name), data)

    async def read(self, name: str, *, at_most: int) -> bytes:
        """A file's bytes. Raises NotThereError, RepositoryBrokenError."""
        data, size = await self._run(name, self._read, check_name(name), 0, at_most + 1)
        if size > at_most or len(data) > at_most:
            raise broken(name, f"is larger than the {at_most:,} bytes that such a file may have")
        return data

    async def read_range(self, name: str, offset: int, length: int) -> bytes:
        """So many bytes of a file. Raises NotThereError, RepositoryBrokenError."""
        data, _ = await self._run(name, self._read, check_name(name), offset, length)
        if len(data) != length:
            raise broken(name, f"ends before byte {offset + length:,}")
        return data

    async def stat(self, name: str) -> Entry | None:
        """A file's size and time, or None."""
        try:
            return await self._run(name, self._stat, check_name(name))
        except NotThereError:
            return None

    async def entries(self, folder: str = "", *, after: str = "") -> AsyncIterator[Entry]:
        """The files below a folder, one folder at a time."""
        waiting = [check_name(folder) if folder else ""]
        while waiting:
            inner = waiting.pop()
            try:
                found = await self._run(inner or "the folder", self._scan, inner, waiting)
            except NotThereError:
                continue
            for entry in found:
                if entry.name > after:
                    yield entry

    async def delete(self, name: str) -> None:
        """Remove a file. Raises RetainedError."""
        try:
            await self._run(name, self._delete, check_name(name))
        except NotThereError:
            return
        except (CredentialsError, ReadOnlyStorageError) as error:
            raise RetainedError(f"{error.message}: it stays") from error

    async def unwritable(self) -> str:
        """Asks the folder, or where it is to be made the nearest one above it, without putting anything."""
        return await self._run("the folder", self._unwritable)

    async def sweep_drafts(self, *, older_than: timedelta) -> int:
        """Remove temporary names that are older than this by the clock that stamps the files."""
        try:
            return await self._run("a temporary name", self._sweep, older_than)
        except NotThereError:
            return 0

    async def _run(self, name: str, work: Callable[..., T], *args: object) -> T:
        def told() -> T:
            with self._in_words(name):
                return work(*args)

        return await asyncio.to_thread(told)

    def _put(self, name: str, data: bytes) -> None:
        try:
            self._put_once(name, data)
        except FileNotFoundError:
            # A folder that was there has been removed since: it is made again, once.
            self._kept.clear()
            try:
                self._put_once(name, data)
            except FileNotFoundError as error:
                raise StorageError(
                    f"{self.location} is not there and cannot be made",
                    hint="take a folder on a disk: a place such as /proc keeps no files",
                ) from error

    def _put_once(self, name: str, data: bytes) -> None:
        folder, _, leaf = name.rpartition("/")
        if not self._kept:
            files.make_root(self._root)
        with files.root_folder(self._root) as top:
            if folder and folder not in self._kept:
                files.make_folders(top, folder)
            self._kept.update(("", folder))
            draft = files.write_draft(top, data)
            try:
                with files.folder_of(top, folder) as inner:
                    try:
                        files.link(top, draft, inner, leaf)
                    except FileExistsError:
                        self._compare(inner, name, data)
                    os.fsync(inner)
            finally:
                files.remove_draft(top, draft)

    def _compare(self, folder: int, name: str, data: bytes) -> None:
        kept, _ = files.read_part(folder, name.rpartition("/")[2], 0, len(data) + 1)
        if kept != data:
            raise NameTakenError(f"{self.location}: {name} exists already, and is never overwritten")

    def _read(self, name: str, offset: int, length: int) -> tuple[bytes, int]:
        folder, _, leaf = name.rpartition("/")
        with files.root_folder(self._root) as top, files.folder_of(top, folder) as inner:
            return files.read_part(inner, leaf, offset, length)

    def _stat(self, name: str) -> Entry | None:
        folder, _, leaf = name.rpartition("/")
        with files.root_folder(self._root) as top, files.folder_of(top, folder) as inner:
            return files.look(inner, leaf, name)

    def _scan(self, folder: str, waiting: list[str]) -> list[Entry]:
        with files.root_folder(self._root) as top, files.folder_of(top, folder) as inner:
            folders, found = files.scan(inner)
        below = f"{folder}/" if folder else ""
        waiting.extend(below + name for name in sorted(folders, reverse=True) if is_name(below + name))
        return [
            files.entry_of(folder, name, status) for name, status in sorted(found) if is_name(below + name)
        ]

    def _delete(self, name: str) -> None:
        folder, _, leaf = name.rpartition("/")
        with files.root_folder(self._root) as top, files.folder_of(top, folder) as inner:
            os.unlink(leaf, dir_fd=inner)
            os.fsync(inner)

    def _unwritable(self) -> str:
        there = next(path for path in (self._root, *self._root.parents) if path.exists())
        if os.access(there, os.W_OK | os.X_OK):
            return ""
        if os.statvfs(there).f_flag & os.ST_RDONLY:
            return f"{self.location} is mounted read-only: take another location, or mount it for writing"
        return (
            f"user {os.getuid()} may not write to {there}, so not to {self.location}: take another location, or let "
            "that user write there"
        )

    def _sweep(self, older_than: timedelta) -> int:
        swept = 0
        with files.root_folder(self._root) as top:
            own = files.write_draft(top, b"")
            try:
                now = os.stat(own, dir_fd=top).st_mtime
                for name, status in files.scan(top)[1]:
                    if name.startswith(files.DRAFT) and now - status.st_mtime > older_than.total_seconds():
                        files.remove_draft(top, name)
                        swept += 1
            finally:
                files.remove_draft(top, own)
        return swept

    @contextmanager
    def _in_words(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._worded(name, error) from error

    def _worded(self, name: str, error: OSError) -> K8sOpsError:
        at, reason = self.location, error.strerror or "no reason given"
        told: K8sOpsError = StorageError(f"{at}: {name} failed: {reason}")
        match error.errno:
            case errno.ENOENT:
                told = NotThereError(f"{at}: there is no {name}")
            case errno.ENOTDIR if not self._root.is_dir():
                told = UsageError(f"{at} is not a folder")
            case errno.ENOTDIR | errno.ELOOP | errno.EISDIR:
                told = broken(name, f"in {at} is no regular file below real folders")
            case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
                told = StorageError(
                    f"{at} is full: {name} was not written", hint="free room, then run it again"
                )
            case errno.EROFS:
                told = ReadOnlyStorageError(f"{at} is mounted read-only: {name} was left alone")
            case errno.EOPNOTSUPP | errno.ENOSYS | errno.EXDEV:
                told = UsageError(
                    f"{at} is on a file system without hard links, so nothing can be put only if absent",
                    hint="take a folder on another file system, or an object store",
                )
            case errno.EACCES | errno.EPERM:
                told = CredentialsError(f"{at}: {name}: {reason.lower()} (as user {os.getuid()})")
        return told
