"""Rotation: old records leave the store as sealed segments, and retention drops whole segments, oldest first.

A segment is an export (see `export`): it starts from a checkpoint and ends with one, and what follows points to its
last hash. So what is kept can be proven from the checkpoint it starts from, whatever was dropped before it; the store
keeps the checkpoint at the record before its first. These functions say what may go; whoever holds the store moves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import msgspec

from k8sops.audit.checkpoints import CheckpointKey, SignedCheckpoint
from k8sops.audit.export import EXTENSION, ExportReader, SignAt, export_lines, verify_export
from k8sops.audit.findings import Row
from k8sops.audit.folder import FolderSink, Written
from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import AuditBrokenError, AuditError
from k8sops.core.plan import JsonObject


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed segment: the span of records it holds, and what is around it."""

    origin: str
    first: int
    last: int
    previous: str
    """The hash before its first record."""
    hash: str
    """The hash of its last record, which the next segment's first points to."""
    at: datetime
    """When its closing checkpoint was signed."""
    file: Written

    @property
    def data(self) -> JsonObject:
        """What the `audit.rotated` record says of it."""
        return {
            "segment": self.file.name,
            "first": self.first,
            "last": self.last,
            "hash": self.hash,
            "bytes": self.file.bytes,
            "sha256": self.file.sha256,
        }


def rotation_point(
    checkpoints: Iterable[SignedCheckpoint], trusted: Mapping[str, CheckpointKey], before: datetime
) -> SignedCheckpoint | None:
    """The last trusted checkpoint signed before a moment: up to its record, all are older, and may be rotated."""
    found = [
        checkpoint
        for checkpoint in checkpoints
        if checkpoint.checkpoint.seq > 0
        and parse_rfc3339(checkpoint.checkpoint.at) < before
        and checkpoint.standing(trusted) == "trusted"
    ]
    return max(found, key=lambda checkpoint: checkpoint.checkpoint.seq, default=None)


def segment_name(origin: str, first: int, last: int) -> str:
    """The file's name: sorts by store, then first record."""
    return f"segment-{origin}-{first:016d}-{last:016d}{EXTENSION}"


def seal_segment(
    folder: FolderSink,
    rows: Iterable[Row],
    *,
    origin: str,
    first: int,
    last: int,
    previous: str,
    sign: SignAt,
) -> Segment:
    """Write records `first` to `last` as a segment, durably, and never over another. Blocks.

    Raises AuditBrokenError where the records are not that chain; then there is no file. Only once this has returned,
    and the segment has been verified where it lies, may the store let go of the records.
    """
    closing: list[SignedCheckpoint] = []

    def noted(seq: int, hash_: str) -> SignedCheckpoint:
        closing.append(sign(seq, hash_))
        return closing[-1]

    lines = export_lines(rows, origin=origin, first=first, last=last, previous=previous, sign=noted)
    written = folder.write(segment_name(origin, first, last), lines)
    end = closing[-1].checkpoint
    return Segment(
        origin=origin,
        first=first,
        last=last,
        previous=previous,
        hash=end.hash,
        at=parse_rfc3339(end.at),
        file=written,
    )


def open_segment(path: Path, trusted: Mapping[str, CheckpointKey]) -> Segment:
    """Read a segment back and verify it whole. Blocks. Raises AuditBrokenError where it does not hold."""
    try:
        with path.open("rb") as opened:
            file = _Hashing(opened)
            reader = ExportReader(file)
            finding = verify_export(reader, trusted=trusted)
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror or error}") from error
    if (
        reader.head is None
        or reader.end is None
        or finding.bad is not None
        or finding.signed_up_to < finding.last
    ):
        raise AuditBrokenError(f"{path}: {finding.sentence}")
    return Segment(
        origin=finding.origin,
        first=reader.head.first,
        last=reader.head.last,
        previous=reader.head.previous,
        hash=finding.head,
        at=parse_rfc3339(reader.end.checkpoint.at),
        file=Written(path.name, file.size, file.hasher.hexdigest()),
    )


class _Hashing:
    """Lines of a file, hashed as they are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.hasher, self.size = file, sha256(), 0

    def readline(self, limit: int) -> bytes:
        return self._seen(self._file.readline(limit))

    def read(self, limit: int) -> bytes:
        return self._seen(self._file.read(limit))

    def _seen(self, data: bytes) -> bytes:
        self.hasher.update(data)
        self.size += len(data)
        return data


def droppable(segments: Sequence[Segment], before: datetime) -> tuple[Segment, ...]:
    """The segments that retention may remove: whole ones, from the oldest on, closed before a moment.

    Raises AuditBrokenError where the segments do not follow one another: then something is missing already, and nothing
    more should go.
    """
    ordered = sorted(segments, key=lambda segment: segment.first)
    for one, two in pairwise(ordered):
        if (one.origin, one.last + 1, one.hash) != (two.origin, two.first, two.previous):
            raise AuditBrokenError(f"segment {two.file.name} does not follow {one.file.name}")
    gone = []
    for segment in ordered:
        if segment.at >= before:
            break
        gone.append(segment)
    return tuple(gone)
