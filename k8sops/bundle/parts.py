"""An archive on its way to disk: one file, or numbered parts that `cat` joins, each with its SHA-256.

Written under a working folder and put in place by renames once all of it is on disk; the list of digests comes last, so
that what has it is whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

PRIVATE: Final = 0o600
DIGESTS: Final = ".sha256"


class Part(NamedTuple):
    """A finished file."""

    path: Path
    bytes: int
    sha256: str


class PartWriter:
    """Writes an archive into `folder`; `split` is the most bytes of one part, 0 for one file. Blocks."""

    def __init__(self, folder: Path, name: str, *, split: int = 0, expected: int = 0) -> None:
        self.parts: Final[list[Part]] = []
        self._folder: Final = folder
        self._name: Final = name
        self._split: Final = split
        self._digits: Final = max(3, len(str(expected // split + 2)) if split else 0)
        self._file: IO[bytes] | None = None
        self._path = folder / name
        self._room = 0
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append."""
        rest = memoryview(data)
        while rest:
            if self._file is None:
                self._begin()
            taken = rest[: self._room] if self._split else rest
            assert self._file is not None  # noqa: S101 - just begun
            self._file.write(taken)
            self._hash.update(taken)
            self._size += len(taken)
            self._room -= len(taken)
            rest = rest[len(taken) :]
            if self._split and not self._room:
                self._end()

    def finish(self) -> Sequence[Part]:
        """All of it is on disk."""
        self._end()
        return self.parts

    def close(self) -> None:
        """Let go of the file, whatever became of it."""
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        number = f".{len(self.parts) + 1:0{self._digits}d}" if self._split else ""
        self._path = self._folder / f"{self._name}{number}"
        self._file = opened(self._path)
        self._room, self._size, self._hash = self._split, 0, hashlib.sha256()

    def _end(self) -> None:
        if self._file is None:
            return
        synced(self._file)
        self._file = None
        self.parts.append(Part(self._path, self._size, self._hash.hexdigest()))


def put_in_place(parts: Sequence[Part], folder: Path, name: str) -> tuple[Part, ...]:
    """Move finished parts to where they stay, and the list of their digests beside them, last. Blocks."""
    moved = []
    for part in parts:
        target = folder / part.path.name
        part.path.replace(target)
        moved.append(part._replace(path=target))
    lines = "".join(f"{part.sha256}  {part.path.name}\n" for part in moved)
    draft = parts[0].path.with_name(f"{name}{DIGESTS}")
    with opened(draft) as file:
        file.write(lines.encode())
        synced(file)
    draft.replace(folder / draft.name)
    sync_folder(folder)
    return tuple(moved)


def opened(path: Path) -> IO[bytes]:
    """A new file that its owner alone may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE), "wb")


def synced(file: IO[bytes]) -> None:
    """On disk, and closed."""
    file.flush()
    os.fsync(file.fileno())
    file.close()


def sync_folder(folder: Path) -> None:
    """So that a rename outlives a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
