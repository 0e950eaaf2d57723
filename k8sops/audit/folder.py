"""A folder that keeps checkpoints and sealed segments: files are made once, durably, and never replaced.

The bytes are on disk, under a name of their own, before they take their final name by a hard link, which the file
system gives to one writer only. Whoever may write to the folder may still delete: for more, use a bucket with a lock.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from k8sops.audit.checkpoints import CHECKPOINT_LIMIT, SignedCheckpoint, parse_checkpoint
from k8sops.core.errors import AuditError

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}")


class Written(msgspec.Struct, frozen=True):
    """A file as it was written."""

    name: str
    bytes: int
    sha256: str


class FolderSink:
    """A `CheckpointSink` in a folder, which is made 0700 where it is missing; its files are 0600."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder

    def put(self, name: str, data: bytes) -> None:
        """Keep the bytes under a new name; the same bytes again are no error. Raises AuditError."""
        try:
            self.write(name, [data])
        except _TakenError:
            if self._same(name, data):
                return
            raise

    def write(self, name: str, pieces: Iterable[bytes]) -> Written:
        """Write a file piece by piece; it appears under its name whole or not at all. Raises AuditError."""
        if _NAME.fullmatch(name) is None:
            raise AuditError(f"{name[:60]!r} is no name for a file of the audit trail")
        path = self.folder / name
        draft = self.folder / f".{secrets.token_hex(8)}.draft"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                written = _write_draft(draft, name, pieces)
                os.link(draft, path)
            finally:
                draft.unlink(missing_ok=True)
            _sync(self.folder)
        except FileExistsError:
            raise _TakenError(
                f"{path} exists already, and is never overwritten",
                hint="compare the two: a name that is taken with other bytes means two histories",
            ) from None
        except OSError as error:
            raise AuditError(f"{path} cannot be written: {error.strerror or error}") from error
        return written

    def checkpoints(self) -> Iterator[SignedCheckpoint]:
        """Every checkpoint in the folder, by name. Raises AuditError for one that is none."""
        for path in sorted(self.folder.glob("checkpoint-*.json")):
            with path.open("rb") as file:
                yield parse_checkpoint(file.read(CHECKPOINT_LIMIT + 2))

    def _same(self, name: str, data: bytes) -> bool:
        try:
            return (self.folder / name).read_bytes() == data
        except OSError:
            return False


class _TakenError(AuditError):
    """The name is taken."""


def _write_draft(draft: Path, name: str, pieces: Iterable[bytes]) -> Written:
    size, hasher = 0, sha256()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
            hasher.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return Written(name, size, hasher.hexdigest())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
