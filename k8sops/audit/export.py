"""Exports that can be verified: JSON Lines that hold each record's exact bytes, between a head and a checkpoint.

    {"first":1,"k8sops_audit":1,"last":2,"origin":"…","previous":"…"}       with "start", a checkpoint, if not from 1
    {"hash":"…","record":{…}}                                               one for each record
    {"checkpoint":{…},"signature":"…"}

Every line is in one exact form and ends with a line feed, so that a file differs from what was written in no byte
without being found out. Sealed segments, which old records are rotated into, are exports too. Constant memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from k8sops.audit.canonical import WHOLE, canonical
from k8sops.audit.checkpoints import CheckpointKey, CheckpointLine, SignedCheckpoint, parse_checkpoint
from k8sops.audit.findings import Bad, Finding, Kind, Row
from k8sops.audit.record import HASH, RECORD_LIMIT, STORE_ID, genesis
from k8sops.audit.verify import Expect, Verifier
from k8sops.core.errors import AuditBrokenError, AuditError

EXPORT_FORMAT: Final = 1
EXTENSION: Final = ".audit.jsonl"

_BEFORE: Final = b'{"hash":"'
_BETWEEN: Final = b'","record":'
_HASH_AT: Final = len(_BEFORE)
_HASH_END: Final = _HASH_AT + 64
_RECORD_AT: Final = _HASH_END + len(_BETWEEN)
_LINE_LIMIT: Final = RECORD_LIMIT + _RECORD_AT + 2

SignAt = Callable[[int, str], SignedCheckpoint]
"""Signs a checkpoint for a sequence and its hash."""


class Lines(Protocol):
    """A file to read an export from, opened in binary mode."""

    def readline(self, limit: int, /) -> bytes:
        """The next line with its end, or so much of it; empty at the end of the file."""
        ...

    def read(self, limit: int, /) -> bytes:
        """The next bytes."""
        ...


class Head(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An export's first line, fields in the order of the alphabet. An empty store's is from 1 to 0."""

    first: int
    k8sops_audit: int = 0
    last: int
    origin: str
    previous: str
    """The hash the first record follows: of record `first` - 1, or the store's genesis."""
    start: CheckpointLine | None = None
    """A checkpoint at `first` - 1, where the export does not begin with record 1."""


# Made here, before any thread, for the reason that `store.runs` gives.
_HEAD: Final = msgspec.json.Decoder(Head)


def export_lines(
    rows: Iterable[Row],
    *,
    origin: str,
    first: int,
    last: int,
    previous: str,
    sign: SignAt,
    start: SignedCheckpoint | None = None,
) -> Iterator[bytes]:
    """The lines of an export of records `first` to `last`; `previous` is the hash before them.

    Without `start`, an export that does not begin with record 1 has one signed. Raises AuditBrokenError, before the
    closing checkpoint is signed, where the records do not form that chain: nobody vouches for a broken one.
    """
    if first == 1 and previous != genesis(origin):
        raise AuditBrokenError("the hash before record 1 does not begin this store's chain")
    if first > 1 and start is None:
        start = sign(first - 1, previous)
    if start and first > 1 and (start.checkpoint.seq, start.checkpoint.hash) != (first - 1, previous):
        raise AuditBrokenError(f"the checkpoint to start from is not for what stands before record {first}")
    line = CheckpointLine(start.checkpoint, start.signature) if start and first > 1 else None
    yield _head_line(
        Head(first=first, k8sops_audit=EXPORT_FORMAT, last=last, origin=origin, previous=previous, start=line)
    )
    chain = Verifier(origin, start=(first - 1, previous))
    for row in rows:
        if not chain.run((row,)):
            break
        yield b"".join((_BEFORE, row[1].encode(), _BETWEEN, row[2], b"}\n"))
    if chain.bad is not None or chain.last != last:
        raise AuditBrokenError(
            f"the export was stopped: {chain.bad.text if chain.bad else f'the records end at {chain.last}'}",
            hint="`k8sops audit verify` says more; what was written so far ends without a checkpoint",
        )
    yield sign(last, chain.head).line + b"\n"


def _head_line(head: Head) -> bytes:
    return canonical(head) + b"\n"


def read_head(line: bytes) -> Head:
    """The head from an export's first line. Raises AuditError unless it is in its exact form."""
    try:
        head = _HEAD.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise AuditError(f"the first line is not that of an audit export: {error}") from error
    if head.k8sops_audit > EXPORT_FORMAT:
        raise AuditError(f"the export has format {head.k8sops_audit}, which a newer version of k8sops wrote")
    if (
        _head_line(head) != line
        or head.k8sops_audit != EXPORT_FORMAT
        or STORE_ID.fullmatch(head.origin) is None
        or HASH.fullmatch(head.previous) is None
        or not 1 <= head.first <= head.last + 1 <= WHOLE
        or (head.first == 1) != (head.start is None)
    ):
        raise AuditError("the first line is not that of an audit export")
    start = start_of(head)
    if start and (start.checkpoint.seq, start.checkpoint.hash) != (head.first - 1, head.previous):
        raise AuditError("the export starts from another record than its first checkpoint is for")
    return head


def start_of(head: Head) -> SignedCheckpoint | None:
    """The checkpoint the export starts from. Raises AuditError for one that is none."""
    return parse_checkpoint(canonical(head.start)) if head.start is not None else None


class ExportReader:
    """An export's lines, read one at a time. `bad` says what stopped it; `end` is there once all lines were read."""

    def __init__(self, file: Lines) -> None:
        self._file: Final = file
        self.bad: Bad | None = None
        self.end: SignedCheckpoint | None = None
        self.head: Head | None = None
        try:
            self.head = read_head(file.readline(_LINE_LIMIT))
        except AuditError as error:
            self.bad = Bad(0, "edit", error.message)

    def rows(self) -> Iterator[Row]:
        """The records, in the order they stand."""
        if self.head is None:
            return
        count = 0
        readline = self._file.readline
        while line := readline(_LINE_LIMIT):
            if line[:_HASH_AT] != _BEFORE or line[_HASH_END:_RECORD_AT] != _BETWEEN or line[-2:] != b"}\n":
                self._read_end(line, self.head.first + count)
                return
            yield 0, line[_HASH_AT:_HASH_END].decode("latin-1"), line[_RECORD_AT:-2]
            count += 1
        last = self.head.first + count - 1
        self.bad = Bad(last + 1, "truncation", f"the export ends after record {last}, without its checkpoint")

    def _read_end(self, line: bytes, seq: int) -> None:
        try:
            self.end = parse_checkpoint(line)
        except AuditError:
            self.bad = Bad(seq, "edit", f"the line of record {seq} is not a line of an export")
            return
        if not line.endswith(b"\n") or self._file.read(1):
            self.bad = Bad(seq, "insert", "the export does not end with its checkpoint's line")


def verify_export(
    *exports: Lines | ExportReader,
    trusted: Mapping[str, CheckpointKey] | None = None,
    checkpoints: Iterable[SignedCheckpoint] = (),
    expect: Expect | None = None,
    then: tuple[str, Iterable[Row]] | None = None,
) -> Finding:
    """Check exports that follow one another, oldest first, and `then` a store's remaining rows with its id."""
    known = list(checkpoints)
    verifier: Verifier | None = None
    for export in exports:
        reader = export if isinstance(export, ExportReader) else ExportReader(export)
        if reader.head is None:
            return verifier.fail(reader.bad) if verifier else _unreadable(reader.bad)
        verifier = verifier or _verifier_for(reader.head, known, trusted, expect)
        if not _take(verifier, reader, reader.head):
            return verifier.finish()
    if then is not None:
        verifier = verifier or Verifier(then[0], checkpoints=known, trusted=trusted, expect=expect)
        if then[0] != verifier.origin:
            return verifier.fail(
                Bad(verifier.last + 1, "origin", "the store is another one than the exports are of")
            )
        verifier.run(then[1])
    if verifier is None:
        raise AuditError("there is nothing to verify")
    return verifier.finish()


def _unreadable(bad: Bad | None) -> Finding:
    return Finding(
        origin="",
        records=0,
        first=0,
        last=0,
        head="",
        anchor="nothing",
        checkpoints=0,
        signed_up_to=0,
        bad=bad,
    )


def _verifier_for(
    head: Head,
    checkpoints: Sequence[SignedCheckpoint],
    trusted: Mapping[str, CheckpointKey] | None,
    expect: Expect | None,
) -> Verifier:
    start = start_of(head)
    return Verifier(
        head.origin,
        checkpoints=[*checkpoints, start] if start else checkpoints,
        trusted=trusted,
        expect=expect,
        start=(head.first - 1, head.previous if start else genesis(head.origin)),
    )


def _take(verifier: Verifier, reader: ExportReader, head: Head) -> bool:
    """Take one export in; whether everything is good so far."""
    verifier.give_up(_joint(verifier, head))
    if verifier.run(reader.rows()):
        verifier.give_up(reader.bad or _close(verifier.last, head.last, reader.end))
    if verifier.bad is None and reader.end is not None:
        verifier.add(reader.end)
    return verifier.bad is None


def _joint(verifier: Verifier, head: Head) -> Bad | None:
    """Whether an export goes on where the one before it ended."""
    if head.origin != verifier.origin:
        return Bad(head.first, "origin", "the export is of another store than the one before it")
    if head.first != verifier.last + 1:
        missing = head.first > verifier.last
        return Bad(
            verifier.last + 1,
            "delete" if missing else "insert",
            f"the export before ends at record {verifier.last}, and this one begins at {head.first}",
        )
    if head.previous != verifier.head:
        kind: Kind = "origin" if head.first == 1 else "fork"
        return Bad(
            head.first, kind, f"the export's record {head.first} follows another one than stands before it"
        )
    return None


def _close(last: int, said: int, end: SignedCheckpoint | None) -> Bad | None:
    """Whether the records end where the export's first and last line say."""
    if last != said:
        return Bad(
            min(last, said) + 1,
            "delete" if last < said else "insert",
            f"the export's first line says that it goes to record {said}, and it goes to {last}",
        )
    if end is None or end.checkpoint.seq != last:
        return Bad(
            last + 1, "truncation", f"the records end at {last}, and the closing checkpoint is for another"
        )
    return None
