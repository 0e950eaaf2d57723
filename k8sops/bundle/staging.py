"""What a bundle's files are kept as until all of them are there: frames in one spool, or plain files under numbers.

Only at the end is it known how each is called and how long it is. A spool is compressed as it comes, so the disk holds
little more than the archive, and memory one frame of each file that is being written.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from k8sops.bundle.archive import Compressor, ending, header, padding
from k8sops.bundle.parts import Part, PartWriter, opened, put_in_place, sync_folder
from k8sops.bundle.workplace import Workplace

SUFFIX: Final = ".tar.zst"


class StagedFile(NamedTuple):
    """A file under the name it gets."""

    path: str
    key: int
    size: int


class Made(NamedTuple):
    """A finished bundle where it lies: an archive in one part or several, or a folder."""

    parts: tuple[Part, ...] = ()
    folder: Path | None = None


class Staging(Protocol):
    """Keeps content by a number of its file; all of it blocks, and may be called by several threads."""

    def append(self, key: int, data: bytes | bytearray) -> None:
        """Add to a file."""
        ...

    def finish(self, index: StagedFile, files: Sequence[StagedFile]) -> Made:
        """Make the bundle of it and put it in place; the index comes first."""
        ...

    def close(self) -> None:
        """Let go of everything, finished or not. Idempotent."""
        ...


class Spool:
    """For an archive: each piece becomes a zstd frame at once; `at_s` is the time that every file bears."""

    def __init__(self, place: Workplace, *, split: int = 0, at_s: int = 0) -> None:
        self._place: Final = place
        self._split: Final = split
        self._at_s: Final = at_s
        self._lock: Final = threading.Lock()
        self._compressors: Final = threading.local()
        self._frames: Final[defaultdict[int, list[tuple[int, int]]]] = defaultdict(list)
        self._file: Final = opened(place.folder / "spool")
        self._end = 0

    def append(self, key: int, data: bytes | bytearray) -> None:
        """Compress and keep."""
        frame = self._compressor().frame(data)
        with self._lock:
            self._file.write(frame)
            self._frames[key].append((self._end, len(frame)))
            self._end += len(frame)

    def finish(self, index: StagedFile, files: Sequence[StagedFile]) -> Made:
        """Join the frames in the order of their files, with tar's headers between them."""
        self._file.flush()
        name = f"{self._place.name}{SUFFIX}"
        out = PartWriter(self._place.folder, name, split=self._split, expected=self._end)
        frame, length, between = self._compressor().frame, 0, b""
        try:
            with (self._place.folder / "spool").open("rb") as spool:
                for path, key, size in (index, *files):
                    between += header(f"{self._place.name}/{path}", size, self._at_s)
                    length += len(between) + size
                    out.write(frame(between))
                    for at, count in self._frames[key]:
                        spool.seek(at)
                        out.write(spool.read(count))
                    between = padding(size)
            out.write(frame(between + ending(length + len(between))))
            parts = put_in_place(out.finish(), self._place.target, name)
        finally:
            out.close()
        return Made(parts=parts)

    def close(self) -> None:
        """Close the spool."""
        self._file.close()

    def _compressor(self) -> Compressor:
        made: Compressor | None = getattr(self._compressors, "made", None)
        if made is None:
            made = self._compressors.made = Compressor()
        return made


class Tree:
    """For a folder: each file is written as it is, and gets its name at the end."""

    def __init__(self, place: Workplace) -> None:
        self._place: Final = place
        self._files: Final = place.folder / "files"
        self._files.mkdir(mode=0o700)

    def append(self, key: int, data: bytes | bytearray) -> None:
        """Write."""
        path = self._files / str(key)
        with path.open("ab") if path.exists() else opened(path) as file:
            file.write(data)

    def finish(self, index: StagedFile, files: Sequence[StagedFile]) -> Made:
        """Move each file to its name, and the whole in place."""
        root = self._place.folder / self._place.name
        for path, key, _ in (index, *files):
            target = root / path
            for folder in reversed((target.parent, *target.parent.parents)):
                if root in (folder, *folder.parents):
                    folder.mkdir(mode=0o700, exist_ok=True)
            staged = self._files / str(key)
            if not staged.exists():
                staged.touch(mode=0o600)
            staged.replace(target)
        final = self._place.target / self._place.name
        root.replace(final)
        sync_folder(self._place.target)
        return Made(folder=final)

    def close(self) -> None:
        """Nothing is held open."""
