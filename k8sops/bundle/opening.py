"""Reading a bundle back: its index and its files, from an archive, the parts of one, or a folder.

A bundle may come from anywhere: nothing of it is unpacked to disk, and nothing is read beyond what its kind of file may
be long. All of it blocks.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

import zstandard

from k8sops.bundle.index import INDEX, Index, read_index
from k8sops.bundle.staging import SUFFIX
from k8sops.core.errors import UsageError

LONGEST_INDEX: Final = 256 << 20
LONGEST_FILE: Final = 512 << 20
_PART: Final = re.compile(r"\.(\d{3,})\Z")


class OpenBundle:
    """A bundle whose index has been read."""

    def __init__(self, path: Path, index: Index) -> None:
        self.path: Final = path
        self.index: Final = index

    def files(self) -> Iterator[tuple[str, bytes]]:
        """All files but the index, in their order. Raises UsageError where the bundle is damaged."""
        for path, file in _members(self.path):
            if path != INDEX:
                yield path, _read(file, LONGEST_FILE, path)

    def read(self, path: str) -> bytes:
        """One file. Raises UsageError where the bundle has none of that name, or is damaged."""
        for found, file in _members(self.path):
            if found == path:
                return _read(file, LONGEST_FILE, path)
        raise UsageError(f"there is no {path} in {self.path}", hint=f"its {INDEX} says what is in it")


def open_bundle(path: Path) -> OpenBundle:
    """The bundle at a path: a folder, an archive, or any part of one. Raises UsageError."""
    for found, file in _members(path):
        if found == INDEX:
            return OpenBundle(path, read_index(_read(file, LONGEST_INDEX, INDEX)))
        break
    raise UsageError(
        f"{path} is no bundle: it does not begin with {INDEX}", hint="`k8sops logs collect` makes one"
    )


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Each file and its path in the bundle, the index first."""
    try:
        yield from _of_folder(path) if path.is_dir() else _of_archive(path)
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise UsageError(f"{path} is no bundle, or it is damaged: {error}") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _of_folder(root: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if not (root / INDEX).is_file():
        return
    found = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    names = sorted(path.relative_to(root).as_posix() for path in found)
    for name in (INDEX, *(name for name in names if name != INDEX)):
        with (root / name).open("rb") as file:
            yield name, file


def _of_archive(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with (
        _joined(path) as raw,
        zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as plain,
        tarfile.open(fileobj=plain, mode="r|") as archive,
    ):
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None:
                yield member.name.partition("/")[2], file


@contextmanager
def _joined(path: Path) -> Iterator[IO[bytes]]:
    """The archive, or its parts one after the other."""
    with ExitStack() as stack:
        opened = [stack.enter_context(part.open("rb")) for part in _parts(path)]
        yield io.BufferedReader(_Chain(opened), 256 << 10)


def _parts(path: Path) -> list[Path]:
    is_part = _PART.search(path.name)
    if path.exists() and is_part is None:
        return [path]
    whole = path.name[: is_part.start()] if is_part else path.name
    numbered = {
        int(match[1]): found
        for found in path.parent.glob("*")
        if found.name.startswith(whole) and (match := _PART.fullmatch(found.name[len(whole) :]))
    }
    if not numbered or not whole.endswith(SUFFIX):
        raise UsageError(f"there is no bundle {path}")
    lacking = next((number for number in range(1, max(numbered) + 1) if number not in numbered), 0)
    if lacking:
        raise UsageError(
            f"part {lacking} of {path.parent / whole} is missing", hint="all parts in one folder"
        )
    return [numbered[number] for number in sorted(numbered)]


class _Chain(io.RawIOBase):
    """Several files read as one."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        super().__init__()
        self._files: Final = list(files)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._files:
            data = self._files[0].read(len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            self._files.pop(0)
        return 0


def _read(file: IO[bytes], most: int, path: str) -> bytes:
    data = file.read(most + 1)
    if len(data) > most:
        raise UsageError(f"{path} is longer than {most >> 20} MiB and is not read", hint="unpack it with tar")
    return data
