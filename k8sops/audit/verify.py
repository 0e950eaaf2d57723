"""Whether a chain of records holds: streaming, offline, from a store's rows or from exports.

Each record's bytes must hash to what is kept beside them, be in the one canonical form, and follow the record before;
checkpoints by trusted keys, and an expected `SEQ:HASH`, say what the chain was at earlier moments. Without either,
a chain that somebody wrote anew from some record on looks whole, and the finding says so. Memory does not grow with
the number of records. The first bad record is named, with what was done to it (see `findings`).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import count
from typing import Final

import msgspec

from k8sops.audit.checkpoints import CheckpointKey, SignedCheckpoint
from k8sops.audit.findings import Anchor, Bad, Finding, Position, Row, diagnose
from k8sops.audit.record import HASH, RECORD_DOMAIN, genesis, read_record
from k8sops.core.errors import AuditError, UsageError

__all__ = ["Expect", "Row", "Verifier", "parse_expect", "verify"]

_RECENT: Final = 1024


class Expect(msgspec.Struct, frozen=True):
    """What somebody noted of the chain earlier, outside of it."""

    seq: int
    hash: str


def parse_expect(text: str) -> Expect:
    """`SEQ:HASH` as `audit verify` prints it. Raises UsageError."""
    seq, _, hash_ = text.strip().partition(":")
    if not seq.isascii() or not seq.isdecimal() or len(seq) > 16 or HASH.fullmatch(hash_) is None:
        raise UsageError(
            f"{text[:90]!r} is not SEQ:HASH",
            hint="`k8sops audit verify` prints it, as 4211:6f1c… (64 hex digits)",
        )
    return Expect(int(seq), hash_)


class Verifier:
    """Verification in pieces: `run` over rows as often as they come, `finish` for the finding.

    `origin` is the store's id. `trusted` maps key ids to keys; empty means that no signature is looked at. `start` is
    a place known to be good, as an earlier finding gave it; else the first row must be record 1, or a checkpoint must
    stand right before it.
    """

    def __init__(
        self,
        origin: str,
        *,
        checkpoints: Iterable[SignedCheckpoint] = (),
        trusted: Mapping[str, CheckpointKey] | None = None,
        expect: Expect | None = None,
        start: tuple[int, str] | None = None,
    ) -> None:
        self.origin: Final = origin
        self.trusted: Final = dict(trusted or {})
        self.bad: Bad | None = None
        self._position: Position | None = None
        self._anchor: Anchor = "nothing"
        self._records = self._first = self._signed = self._good = 0
        self._marks: list[tuple[int, int, SignedCheckpoint | Expect]] = []
        self._order = count()
        self._next_mark = -1
        for checkpoint in checkpoints:
            self.add(checkpoint)
        if expect is not None:
            self._mark(expect.seq, expect)
        if start is not None:
            self._first = start[0] + 1
            self._begin_at(start[0], start[1], self._anchor_of(*start))

    def add(self, checkpoint: SignedCheckpoint) -> None:
        """One more checkpoint. Of a record that was passed already it says nothing any more: add it in time."""
        self._mark(checkpoint.checkpoint.seq, checkpoint)

    def run(self, rows: Iterable[Row]) -> bool:
        """Take rows in; False as soon as one is bad, and nothing more is taken then."""
        iterator = iter(rows)
        step = self._step
        for row in iterator if self.bad is None else ():
            if not step(*row):
                self._look_closer(row, iterator)
                break
        return self.bad is None

    def _look_closer(self, row: Row, following: Iterator[Row]) -> None:
        if self.bad is None and self._position is not None:
            self.bad = diagnose(row, following, self._position, self._hashes_at)

    def give_up(self, bad: Bad | None) -> None:
        """Say what is bad, found by whoever reads the rows; the first word stands."""
        if self.bad is None:
            self.bad = bad

    def fail(self, bad: Bad | None) -> Finding:
        """The finding, with something bad that whoever reads the rows found."""
        self.give_up(bad)
        return self.finish()

    def finish(self) -> Finding:
        """The finding: everything there was has been taken in."""
        if self.bad is None:
            self.bad = self._unmet()
        return Finding(
            origin=self.origin,
            records=self._records,
            first=self._first,
            last=self.last,
            head=self.head,
            anchor=self._anchor,
            checkpoints=self._good,
            signed_up_to=self._signed,
            bad=self.bad,
        )

    @property
    def last(self) -> int:
        """The last record that was good, or the place before the first; 0 where nothing was taken in."""
        return self._position.seq if self._position else 0

    @property
    def head(self) -> str:
        """Its hash."""
        return self._position.hash if self._position else genesis(self.origin)

    def _anchor_of(self, seq: int, hash_: str) -> Anchor:
        if seq == 0:
            return "genesis" if hash_ == genesis(self.origin) else "nothing"
        return "checkpoint" if self._checkpoint_at(seq) else "start"

    def _step(self, seq: int, stored: str, data: bytes) -> bool:
        """Take one row in; runs for every record, so what could be calls is written out."""
        position = self._position or self._begin(seq)
        if position is None or sha256(RECORD_DOMAIN + data).hexdigest() != stored:
            return False
        try:
            record = read_record(data)
        except AuditError:
            return False
        # A row without a sequence of its own, as in an export, has the record's.
        seq = seq or record.seq
        if record.seq != seq or seq != position.seq + 1 or record.previous != position.hash:
            return False
        position.seq = seq
        position.hash = stored
        position.recent.append(stored)
        self._records += 1
        return seq != self._next_mark or self._meet(seq, stored)

    def _begin(self, seq: int) -> Position | None:
        """Where the chain stands before the first row; None, and `bad`, where nothing vouches for that."""
        self._first = seq
        if seq <= 1:
            self._begin_at(0, genesis(self.origin), "genesis")
            return self._position if self.bad is None else None
        before = self._checkpoint_at(seq - 1)
        if before is None:
            self.bad = Bad(
                seq=1,
                kind="delete",
                text=f"records 1 to {seq - 1} are not here, and no checkpoint at {seq - 1} says where the rest begins",
            )
            return None
        self._begin_at(seq - 1, before.checkpoint.hash, "checkpoint")
        return self._position if self.bad is None else None

    def _begin_at(self, seq: int, hash_: str, anchor: Anchor) -> None:
        self._anchor = anchor
        self._position = Position(seq=seq, hash=hash_, recent=deque([hash_], maxlen=_RECENT))
        while self._marks and self._marks[0][0] < seq:
            mark = heapq.heappop(self._marks)[2]
            if isinstance(mark, Expect):
                self.bad = Bad(
                    seq=mark.seq, kind="delete", text=f"record {mark.seq}, which is expected, is not here"
                )
                return
        self._next_mark = self._marks[0][0] if self._marks else -1
        if self._next_mark == seq:
            self._meet(seq, hash_)

    def _checkpoint_at(self, seq: int) -> SignedCheckpoint | None:
        found = [mark for at, _, mark in self._marks if at == seq and isinstance(mark, SignedCheckpoint)]
        trusted = [mark for mark in found if mark.standing(self.trusted) == "trusted"]
        return next(iter(trusted or found), None)

    def _mark(self, seq: int, mark: SignedCheckpoint | Expect) -> None:
        heapq.heappush(self._marks, (seq, next(self._order), mark))
        self._next_mark = self._marks[0][0]
        if self._position is not None and self._position.seq == seq and self.bad is None:
            self._meet(seq, self._position.hash)

    def _meet(self, seq: int, hash_: str) -> bool:
        """Hold what was said about this record against it."""
        while self._marks and self._marks[0][0] == seq:
            mark = heapq.heappop(self._marks)[2]
            bad = self._against(mark, seq, hash_)
            if bad is not None:
                self.bad = bad
                return False
        self._next_mark = self._marks[0][0] if self._marks else -1
        return True

    def _against(self, mark: SignedCheckpoint | Expect, seq: int, hash_: str) -> Bad | None:
        if isinstance(mark, Expect):
            if mark.hash == hash_:
                return None
            return Bad(
                seq=seq,
                kind="rewritten",
                text=f"record {seq} is another one than was expected: {_since(self._signed)}",
            )
        bad = self._signature(mark)
        if bad is not None:
            return bad
        if mark.checkpoint.hash != hash_:
            return Bad(
                seq=seq,
                kind="rewritten",
                text=f"record {seq} is another one than the checkpoint of {mark.checkpoint.at} was signed over: "
                f"{_since(self._signed)}",
            )
        self._good += 1
        if self.trusted:
            self._signed = max(self._signed, seq)
        return None

    def _signature(self, mark: SignedCheckpoint) -> Bad | None:
        found = mark.checkpoint
        if found.origin != self.origin:
            return Bad(
                seq=found.seq, kind="origin", text=f"the checkpoint at record {found.seq} is of another store"
            )
        standing = mark.standing(self.trusted) if self.trusted else "trusted"
        if standing == "forged":
            return Bad(
                seq=found.seq,
                kind="signature",
                text=f"the checkpoint at record {found.seq} does not bear the signature of key {found.key}",
            )
        if standing == "unknown":
            return Bad(
                seq=found.seq,
                kind="unknown_key",
                text=f"the checkpoint at record {found.seq} is signed by key {found.key}, which is not trusted",
            )
        return None

    def _unmet(self) -> Bad | None:
        """What was said about records that are not here."""
        if self._position is None:
            self._begin_at(0, genesis(self.origin), "genesis")
            if self.bad is not None:
                return self.bad
        last = self.last
        while self._marks:
            seq, _, mark = heapq.heappop(self._marks)
            bad = self._signature(mark) if isinstance(mark, SignedCheckpoint) else None
            if bad is not None:
                return bad
            if seq > last:
                said = "is expected" if isinstance(mark, Expect) else f"was signed on {mark.checkpoint.at}"
                return Bad(
                    seq=last + 1,
                    kind="truncation",
                    text=f"the records end at {last}, but record {seq} {said}: those from {last + 1} on were cut off",
                )
        return None

    def _hashes_at(self, seq: int) -> frozenset[str]:
        """The hashes that checkpoints and expectation give for this record."""
        return frozenset(
            mark.hash if isinstance(mark, Expect) else mark.checkpoint.hash
            for at, _, mark in self._marks
            if at == seq
        )


def _since(signed: int) -> str:
    return (
        f"it, or one after {signed}, was written anew" if signed else "it, or one before it, was written anew"
    )


def verify(
    rows: Iterable[Row],
    origin: str,
    *,
    checkpoints: Iterable[SignedCheckpoint] = (),
    trusted: Mapping[str, CheckpointKey] | None = None,
    expect: Expect | None = None,
    start: tuple[int, str] | None = None,
) -> Finding:
    """Check a store's rows, in order; see `Verifier` for what the arguments mean."""
    verifier = Verifier(origin, checkpoints=checkpoints, trusted=trusted, expect=expect, start=start)
    verifier.run(rows)
    return verifier.finish()
