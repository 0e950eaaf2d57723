"""Files below a folder by descriptors: no symbolic link is followed, so no name leaves the folder, whatever lies in it.

Plain blocking calls, to be run in a thread. `OSError` is let through: `folder.FolderStorage` says it in words.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from k8sops.backup.storage.port import Entry

DRAFT: Final = ".tmp-"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe that somebody put there would wait for its writer.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def root_folder(root: Path) -> Iterator[int]:
    """The folder itself; a symbolic link is followed here only, since it is the owner's to place."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def folder_of(top: int, folder: str) -> Iterator[int]:
    """A folder below `top`, segment by segment."""
    descriptor = os.dup(top)
    try:
        for segment in filter(None, folder.split("/")):
            inner = os.open(segment, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def make_folders(top: int, folder: str) -> None:
    """Make the folders of a path, 0700, and have each on disk in the one above it, whoever made it."""
    segments = folder.split("/")
    for depth, segment in enumerate(segments):
        with folder_of(top, "/".join(segments[:depth])) as above:
            with suppress(FileExistsError):
                os.mkdir(segment, mode=0o700, dir_fd=above)
            os.fsync(above)


def make_root(root: Path) -> None:
    """Make the folder itself, 0700, with those above it where they are missing."""
    missing = [path for path in (root, *root.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        with root_folder(path.parent) as above:
            os.fsync(above)


def write_draft(top: int, data: bytes) -> str:
    """Write the bytes to disk under a fresh temporary name, 0600; that name."""
    draft = f"{DRAFT}{secrets.token_hex(16)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o600, dir_fd=top)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
    except BaseException:
        # Also where the process is told to end: nobody else knows this name.
        remove_draft(top, draft)
        raise
    return draft


def link(top: int, draft: str, folder: int, name: str) -> None:
    """Give a draft its name, if that is free; FileExistsError tells that it is not."""
    try:
        os.link(draft, name, src_dir_fd=top, dst_dir_fd=folder, follow_symlinks=False)
    except PermissionError as error:
        if error.errno == errno.EPERM:
            # link(2): the file system does not support hard links (FAT says it so).
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP)) from error
        raise


def remove_draft(top: int, draft: str) -> None:
    """Remove a temporary name, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=top)


def read_part(folder: int, name: str, offset: int, length: int) -> tuple[bytes, int]:
    """At most so many bytes of a regular file, and its size."""
    descriptor = os.open(name, _FILE, dir_fd=folder)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        parts: list[bytes] = []
        while length > 0 and (part := os.pread(file.fileno(), length, offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
    return b"".join(parts), found.st_size


def look(folder: int, name: str, full: str) -> Entry | None:
    """A regular file's size and time, or None for anything else."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return _entry(full, found) if stat.S_ISREG(found.st_mode) else None


def scan(folder: int) -> tuple[list[str], list[tuple[str, os.stat_result]]]:
    """The folders and the regular files in a folder."""
    folders: list[str] = []
    files: list[tuple[str, os.stat_result]] = []
    with os.scandir(folder) as found:
        for item in found:
            if item.is_dir(follow_symlinks=False):
                folders.append(item.name)
            elif item.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    files.append((item.name, item.stat(follow_symlinks=False)))
    return folders, files


def entry_of(folder: str, name: str, found: os.stat_result) -> Entry:
    """A scanned file as an entry."""
    return _entry(f"{folder}/{name}" if folder else name, found)


def _entry(name: str, found: os.stat_result) -> Entry:
    return Entry(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
