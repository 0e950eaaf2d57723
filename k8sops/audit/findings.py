"""What verification found, and what kind of harm a bad record came to.

The first record that does not fit is where harm shows; what was done is read from it and from what follows: the
records after it are looked at, one by one and without keeping them, only once something is bad.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Literal

import msgspec

from k8sops.audit.canonical import canonical
from k8sops.audit.record import Record, read_record, record_hash
from k8sops.core.errors import AuditError

Anchor = Literal["genesis", "checkpoint", "start", "nothing"]
Kind = Literal[
    "edit",  # the bytes are not those that were sealed
    "delete",  # records are missing
    "insert",  # a record stands where none belongs
    "reorder",  # records are all there, in another order
    "fork",  # two records follow the same one
    "truncation",  # the end is missing
    "rewritten",  # the chain is whole, but was another one when it was signed or noted
    "signature",  # a checkpoint is not what its key signed
    "unknown_key",  # a checkpoint is signed by a key nobody trusts
    "origin",  # the records or a checkpoint are another store's
]

Row = tuple[int, str, bytes]
"""A record as kept: sequence, hash, exact bytes. Sequence 0 where none is kept beside the record, as in an export."""

_AHEAD: Final = 100_000
"""How many records past a bad one are looked at to say what was done."""


class Bad(msgspec.Struct, frozen=True):
    """The first bad record; 0 is what stands before record 1, such as an export's first line."""

    seq: int
    kind: Kind
    text: str


class Position(msgspec.Struct):
    """How far a chain was good, and the hashes of the latest records up to there."""

    seq: int
    hash: str
    recent: deque[str]

    def hash_at(self, seq: int) -> str | None:
        """The hash of an earlier record, where it is recent enough to be known."""
        index = len(self.recent) - 1 - (self.seq - seq)
        return self.recent[index] if 0 <= index < len(self.recent) else None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a verification. `head` is the hash of record `last`; `SEQ:HASH` of both is worth noting down."""

    origin: str
    records: int
    first: int
    last: int
    head: str
    anchor: Anchor
    """What says that the first record is where the chain begins, or goes on."""
    checkpoints: int
    """How many checkpoints hold."""
    signed_up_to: int
    """The last record that a trusted key vouches for; 0 for none."""
    bad: Bad | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with what was looked at."""
        return self.bad is None

    @property
    def expect(self) -> str:
        """`SEQ:HASH`, to be kept elsewhere and held against the chain later."""
        return f"{self.last}:{self.head}"

    @property
    def sentence(self) -> str:
        """One sentence for a person."""
        if self.bad is not None:
            return (
                f"The audit trail does not hold ({self.bad.kind} at record {self.bad.seq}): {self.bad.text}."
            )
        if not self.records:
            return "The audit trail holds no records, and nothing says that it should."
        what = f"Records {self.first} to {self.last} hold ({self.records:,})"
        if not self.signed_up_to:
            return f"{what}; no trusted key has signed them, so they may have been written anew as a whole."
        if self.signed_up_to < self.last:
            return f"{what}, signed up to record {self.signed_up_to}; {self.last - self.signed_up_to:,} came after."
        return f"{what}, all of them signed."


def diagnose(
    row: Row, following: Iterator[Row], position: Position, vouched: Callable[[int], frozenset[str]]
) -> Bad:
    """What was done to a row that does not follow `position`. `vouched` gives the hashes said of a record elsewhere."""
    seq, stored, data = row
    expected = position.seq + 1
    following = _ahead(following)
    try:
        record = read_record(data)
    except AuditError as error:
        return _edited(expected, stored, data, str(error))
    seq = seq or record.seq
    if record_hash(data) != stored:
        return _other_hash((seq, stored, data), following, expected, vouched)
    if record.seq != seq:
        return Bad(expected, "reorder", f"record {record.seq} is kept in the place of record {seq}")
    if seq == expected:
        return _broken_link(record, stored, following, position, vouched)
    return _seen_before(record, stored, position) if seq < expected else _gap(record, following, position)


def _other_hash(
    row: Row, following: Iterator[Row], expected: int, vouched: Callable[[int], frozenset[str]]
) -> Bad:
    seq, _, data = row
    computed = record_hash(data)
    if computed in vouched(seq) or _links_to(following, seq + 1, computed):
        return Bad(seq, "edit", f"record {seq} is whole, but the hash kept beside it was changed")
    return Bad(
        expected,
        "edit",
        f"record {expected} was changed after it was written: its bytes are not those hashed",
    )


def _edited(expected: int, stored: str, data: bytes, why: str) -> Bad:
    try:
        same = record_hash(canonical(msgspec.json.decode(data))) == stored
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        same = False
    if same:
        return Bad(
            expected, "edit", f"record {expected} says the same in other bytes than those that were hashed"
        )
    return Bad(expected, "edit", f"record {expected} was changed after it was written: {why}")


def _seen_before(record: Record, stored: str, position: Position) -> Bad:
    known = position.hash_at(record.seq)
    if known == stored:
        return Bad(
            record.seq, "insert", f"record {record.seq} stands a second time, after record {position.seq}"
        )
    if known is not None and record.previous == position.hash_at(record.seq - 1):
        return Bad(record.seq, "fork", f"two different records {record.seq} follow record {record.seq - 1}")
    return Bad(record.seq, "insert", f"another record {record.seq} stands after record {position.seq}")


def _gap(record: Record, following: Iterator[Row], position: Position) -> Bad:
    """The row is further on than the next record: that one is missing, comes later, or the row does not belong."""
    expected, late, again = position.seq + 1, False, False
    for seq, _, data in following:
        if seq == expected:
            late = late or (found := _opened(data)) is None or found.previous == position.hash
        elif seq == record.seq:
            again = True
        if late and again:
            break
    if not late:
        missing = (
            f"record {expected} is"
            if record.seq == expected + 1
            else f"records {expected} to {record.seq - 1} are"
        )
        return Bad(expected, "delete", f"{missing} missing before record {record.seq}")
    if again:
        return Bad(
            expected, "insert", f"a record {record.seq} stands between records {position.seq} and {expected}"
        )
    return Bad(expected, "reorder", f"record {expected} stands after record {record.seq}")


def _broken_link(
    record: Record,
    stored: str,
    following: Iterator[Row],
    position: Position,
    vouched: Callable[[int], frozenset[str]],
) -> Bad:
    """The row has the right sequence and is whole, but follows another record than the one that stands before it."""
    seq = record.seq
    after = next(following, None)
    opened = _opened(after[2]) if after else None
    if after and opened and after[0] == seq and opened.previous == position.hash:
        return Bad(
            seq, "fork", f"two different records {seq} claim to be the one after record {position.seq}"
        )
    continues = stored in vouched(seq) or (opened is not None and opened.previous == stored)
    if seq == 1:
        return Bad(
            1,
            "origin",
            "record 1 does not begin this store's chain: the records are another store's, or it was changed",
        )
    if continues or (after is None and not vouched(seq)):
        return Bad(
            seq - 1,
            "edit",
            f"record {seq - 1} was replaced by another: record {seq} follows the one that stood there",
        )
    return Bad(seq, "edit", f"record {seq} was replaced by another, which does not follow record {seq - 1}")


def _opened(data: bytes) -> Record | None:
    try:
        return read_record(data)
    except AuditError:
        return None


def _links_to(following: Iterator[Row], seq: int, hash_: str) -> bool:
    after = next(following, None)
    if after is None or after[0] != seq:
        return False
    opened = _opened(after[2])
    return opened is not None and opened.previous == hash_


def _ahead(following: Iterator[Row]) -> Iterator[Row]:
    """The rows that follow, each with a sequence: its own, else its record's."""
    for _, (seq, stored, data) in zip(range(_AHEAD), following, strict=False):
        record = None if seq else _opened(data)
        yield (record.seq if record else seq), stored, data
