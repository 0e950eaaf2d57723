"""Records leaving the store: exports for others to keep, and rotation of old records into sealed segments.

An export is put on record first, so that it holds its own record, and ends with a checkpoint that is kept in the store
as well. Rotation writes a segment, verifies it where it lies, and only then takes its records out of the store.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from k8sops.audit.checkpoints import CheckpointKey, SignedCheckpoint, checkpoint_of_row, sign_checkpoint
from k8sops.audit.cloudevents import cloudevent_lines
from k8sops.audit.export import EXTENSION, export_lines
from k8sops.audit.folder import FolderSink
from k8sops.audit.ocsf import ocsf_lines
from k8sops.audit.record import genesis
from k8sops.audit.rotation import Segment, droppable, open_segment, rotation_point, seal_segment, segment_name
from k8sops.audit.verify import Row
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.core.errors import AuditBrokenError, StorePermissionError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.service.audit_check import rows_after, trusted_keys_of
from k8sops.service.audit_trail import AuditTrail, os_actor
from k8sops.service.checkpoint_places import CheckpointPlaces
from k8sops.service.checkpointing import checkpoint_key, introduce, keep
from k8sops.store.audit_removal import remove_records
from k8sops.store.audit_search import Span, hash_at, span_of
from k8sops.store.checkpoint_rows import all_checkpoints, checkpoints_at, locked_head
from k8sops.store.database import Tx

Format = Literal["jsonl", "cloudevents", "ocsf"]
FORMATS: Final[tuple[Format, ...]] = ("jsonl", "cloudevents", "ocsf")


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What left the store."""

    first: int
    last: int
    hash: str
    key: str

    @property
    def expect(self) -> str:
        """`SEQ:HASH` of the last record, to be noted elsewhere."""
        return f"{self.last}:{self.hash}"


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """What rotation did."""

    segment: Segment | None
    """None where no record is old enough and signed for."""
    removed: int = 0
    dropped: tuple[Segment, ...] = ()

    @property
    def document(self) -> JsonObject:
        """As JSON."""
        return {
            "segment": self.segment.data if self.segment else None,
            "removed": self.removed,
            "dropped": [segment.data for segment in self.dropped],
        }


class _Start(msgspec.Struct, frozen=True):
    """Where an export begins: the hash before its first record, and a checkpoint for it where the store has one."""

    span: Span
    previous: str
    checkpoint: SignedCheckpoint | None


async def export(
    trail: AuditTrail,
    out: Callable[[bytes], object],
    *,
    format_: Format = "jsonl",
    after: int = 0,
    actor: Actor | None = None,
) -> Exported:
    """Write the records after `after` to `out`, line by line, ending (jsonl) with a signed checkpoint.

    It is recorded of `actor`, or of the user of this machine where none is given.

    Raises AuditBrokenError where the chain does not hold, UsageError where `after` is no record here.
    """
    database, books, key = (
        await trail.database(),
        await trail.books(),
        await asyncio.to_thread(checkpoint_key),
    )
    who = actor or os_actor()

    def begin(tx: Tx) -> _Start:
        introduce(tx, books, key.key_id, who)
        seq, _ = locked_head(tx)
        start = _start(tx, after)
        data = {"first": max(after + 1, start.span.first), "last": seq + 1, "format": format_}
        books.chain(
            tx,
            [AuditEntry(code="audit.exported", at=tx.now(), actor=who, outcome="exported", data=data)],
        )
        return msgspec.structs.replace(start, span=span_of(tx))

    start = await database.write(begin, name="audit.exported")
    span = start.span
    after = max(after, span.first - 1)
    signed: list[SignedCheckpoint] = []

    def sign(seq: int, hash_: str) -> SignedCheckpoint:
        at = trail.clock.now()
        signed.append(sign_checkpoint(key, origin=span.store_id, seq=seq, hash_=hash_, at=at))
        return signed[-1]

    def write() -> None:
        rows = rows_after(database, loop, after, span.head)
        for line in _lines(rows, format_, start, after, sign):
            out(line)

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(write)
    closing = signed[-1] if signed and format_ == "jsonl" else sign(span.head, span.hash)
    await database.write(lambda tx: keep(tx, closing), name="audit.checkpoint")
    await CheckpointPlaces(trail.config).put(closing)
    return Exported(first=after + 1, last=span.head, hash=span.hash, key=key.key_id)


def _lines(
    rows: Iterator[Row],
    format_: Format,
    start: _Start,
    after: int,
    sign: Callable[[int, str], SignedCheckpoint],
) -> Iterator[bytes]:
    span = start.span
    if format_ == "cloudevents":
        return cloudevent_lines(rows, span.store_id)
    if format_ == "ocsf":
        return ocsf_lines(rows, span.store_id)
    return export_lines(
        rows,
        origin=span.store_id,
        first=after + 1,
        last=span.head,
        previous=start.previous,
        sign=sign,
        start=start.checkpoint,
    )


def _start(tx: Tx, after: int) -> _Start:
    """What stands before record `after` + 1. Raises UsageError, AuditBrokenError."""
    span = span_of(tx)
    if after > span.head:
        raise UsageError(f"the store has no record {after}; its last is {span.head}")
    # Where the beginning was rotated away, the checkpoint at its end says what the rest follows.
    after = max(after, span.first - 1)
    if after == 0:
        return _Start(span, genesis(span.store_id), None)
    if (found := hash_at(tx, after)) is not None:
        return _Start(span, found, None)
    kept = [checkpoint_of_row(row.body, row.signature) for row in checkpoints_at(tx, after)]
    if not kept:
        raise AuditBrokenError(
            f"record {after} is not here, and no checkpoint says what it was",
            hint="`k8sops audit verify` says more",
        )
    return _Start(span, kept[0].checkpoint.hash, kept[0])


class NewFile:
    """A file that was not there, 0600; it keeps its name only where everything was written."""

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser()
        self._file: BinaryIO | None = None

    def __enter__(self) -> BinaryIO:
        """Make it. Raises UsageError where it exists or cannot be made."""
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.fdopen(os.open(self._path, flags, 0o600), "wb")
        except FileExistsError:
            raise UsageError(f"{self._path} is there already", hint="name a file that is not") from None
        except OSError as error:
            raise UsageError(f"{self._path} cannot be made: {error.strerror}") from error
        return self._file

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """See that it is on disk; take it away where something failed."""
        assert self._file is not None  # noqa: S101 - entered before it is left
        try:
            with self._file:
                if kind is None:
                    self._file.flush()
                    os.fsync(self._file.fileno())
        finally:
            if kind is not None:
                with suppress(FileNotFoundError):
                    self._path.unlink()


async def rotate(
    trail: AuditTrail, folder: Path, *, before: datetime, drop_before: datetime | None
) -> Rotated:
    """Move the records signed for before a moment into a segment in `folder`, and drop segments past retention.

    Trusted are the policy's checkpoint keys and this installation's own. Raises StorePermissionError for anybody but
    the tables' owner, AuditBrokenError where the chain or a segment does not hold; nothing is removed then.
    """
    sink = FolderSink(folder)
    own = (await asyncio.to_thread(checkpoint_key)).public
    trusted = trusted_keys_of(trail, ()) | {own.key_id: own}
    segment = await _seal(trail, sink, trusted, before)
    removed = await _remove(trail, segment) if segment is not None else 0
    dropped = await _drop(trail, sink, trusted, drop_before) if drop_before is not None else ()
    return Rotated(segment=segment, removed=removed, dropped=dropped)


async def _seal(
    trail: AuditTrail, sink: FolderSink, trusted: Mapping[str, CheckpointKey], before: datetime
) -> Segment | None:
    database, key = await trail.database(), await asyncio.to_thread(checkpoint_key)

    def look(tx: Tx) -> tuple[_Start, list[SignedCheckpoint]]:
        rows = all_checkpoints(tx)
        return _start(tx, 0), [checkpoint_of_row(row.body, row.signature) for row in rows]

    start, checkpoints = await database.read(look)
    span = start.span
    point = rotation_point((one for one in checkpoints if one.checkpoint.seq >= span.first), trusted, before)
    if point is None or not span.first:
        return None
    loop = asyncio.get_running_loop()
    last, hash_ = point.checkpoint.seq, point.checkpoint.hash

    def sign(seq: int, of: str) -> SignedCheckpoint:
        return sign_checkpoint(key, origin=span.store_id, seq=seq, hash_=of, at=trail.clock.now())

    def seal() -> Segment:
        path = sink.folder / segment_name(span.store_id, span.first, last)
        # An earlier attempt may have written it, and not have been allowed to take the records out.
        if not path.exists():
            rows = rows_after(database, loop, span.first - 1, last)
            seal_segment(
                sink,
                rows,
                origin=span.store_id,
                first=span.first,
                last=last,
                previous=start.previous,
                sign=sign,
            )
        made = open_segment(path, trusted)
        if (made.previous, made.hash) != (start.previous, hash_):
            raise AuditBrokenError(f"{path} holds another history than the store")
        return made

    return await asyncio.to_thread(seal)


async def _remove(trail: AuditTrail, segment: Segment) -> int:
    books = await trail.books()

    def work(tx: Tx) -> int:
        entry = AuditEntry(
            code="audit.rotated", at=tx.now(), actor=os_actor(), outcome="rotated", data=segment.data
        )
        removed = remove_records(tx, segment.last)
        books.chain(tx, [entry])
        return removed

    try:
        return await (await trail.database()).write(work, name="audit.rotated")
    except StorePermissionError as error:
        raise StorePermissionError(
            f"only the owner of the audit table takes records out of it: {error.message}",
            hint="run it with the URL of the role that migrates the store; the segment is written and complete",
        ) from error


async def _drop(
    trail: AuditTrail, sink: FolderSink, trusted: Mapping[str, CheckpointKey], before: datetime
) -> tuple[Segment, ...]:
    """Remove whole segments, oldest first, each put on record before it goes."""
    database, books = await trail.database(), await trail.books()
    span = await database.read(span_of)

    def look() -> tuple[Segment, ...]:
        paths = sorted(sink.folder.glob(f"segment-{span.store_id}-*{EXTENSION}"))
        return droppable([open_segment(path, trusted) for path in paths], before)

    gone = await asyncio.to_thread(look)
    for segment in gone:

        def work(tx: Tx, segment: Segment = segment) -> None:
            entry = AuditEntry(
                code="audit.dropped", at=tx.now(), actor=os_actor(), outcome="dropped", data=segment.data
            )
            books.chain(tx, [entry])

        await database.write(work, name="audit.dropped")
        await asyncio.to_thread((sink.folder / segment.file.name).unlink, missing_ok=True)
    return gone
