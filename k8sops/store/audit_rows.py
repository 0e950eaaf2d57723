"""The audit table: one chain over one head row, which every transaction that audits takes last.

The head row is what keeps three processes from forking the chain: it is locked before the sequence is given and
until the transaction commits. What a record is, and how it is sealed, is `k8sops.audit`'s; here are bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import bindparam, insert, select, update

from k8sops.core.audit import AuditEntry
from k8sops.store.database import Tx
from k8sops.store.schema import audit, audit_head
from k8sops.store.times import to_ms

PAGE: Final = 2000

_LOCK_HEAD: Final = (
    update(audit_head)
    .where(audit_head.c.id == 1)
    .values(seq=audit_head.c.seq + bindparam("more"))
    .returning(audit_head.c.seq, audit_head.c.hash)
)
_MOVE_HEAD: Final = update(audit_head).where(audit_head.c.id == 1).values(hash=bindparam("now_hash"))
_MOVE_FROM: Final = (
    update(audit_head)
    .where(
        audit_head.c.id == 1,
        audit_head.c.seq == bindparam("old_seq"),
        audit_head.c.hash == bindparam("old_hash"),
    )
    .values(seq=bindparam("new_seq"), hash=bindparam("new_hash"))
)
_INSERT: Final = insert(audit)
_PAGE: Final = (
    select(audit.c.seq, audit.c.hash, audit.c.record)
    .where(audit.c.seq > bindparam("after"), audit.c.seq <= bindparam("last"))
    .order_by(audit.c.seq)
    .limit(PAGE)
)


class SealedRecord(Protocol):
    """A record's exact bytes and its hash, hex."""

    @property
    def data(self) -> bytes:
        """What is stored and hashed."""
        ...

    @property
    def hash(self) -> str:
        """What the next record points to."""
        ...


Seal = Callable[[AuditEntry, int, str], SealedRecord]
"""Entry, sequence and previous hash to the sealed record."""


class HeadSeen:
    """What this process last made of the head: where nobody else appends meanwhile, it need not be read each time."""

    __slots__ = ("alone", "place")

    def __init__(self) -> None:
        self.place: tuple[int, str] = (-1, "")
        self.alone = False
        """Whether the head was found as it had been left. A guess: what is written depends on the head itself."""


def append_audit(tx: Tx, entries: Sequence[AuditEntry], seal: Seal, seen: HeadSeen | None = None) -> None:
    """Chain the entries. The last thing a transaction does, so that the head row is held as briefly as can be."""
    if not entries:
        return
    seen = seen or HeadSeen()
    place = seen.place
    if seen.alone:
        rows = _sealed(entries, seal, *place)
        if _appended(tx, place, rows):
            seen.place = (rows[-1]["seq"], rows[-1]["hash"])
            return
    head = tx.execute(_LOCK_HEAD, {"more": len(entries)}).one()
    found = (head.seq - len(entries), head.hash)
    rows = _sealed(entries, seal, *found)
    tx.send(_INSERT, rows)
    tx.send(_MOVE_HEAD, {"now_hash": rows[-1]["hash"]})
    seen.alone = found == place
    seen.place = (rows[-1]["seq"], rows[-1]["hash"])


def _appended(tx: Tx, place: tuple[int, str], rows: list[dict[str, Any]]) -> bool:
    """Whether the head was still at `place`, hence the rows could be put after it."""
    moved = {
        "old_seq": place[0],
        "old_hash": place[1],
        "new_seq": rows[-1]["seq"],
        "new_hash": rows[-1]["hash"],
    }
    if tx.execute(_MOVE_FROM, moved).rowcount != 1:
        return False
    tx.send(_INSERT, rows)
    return True


def _sealed(entries: Sequence[AuditEntry], seal: Seal, seq: int, previous: str) -> list[dict[str, Any]]:
    rows = []
    for number, entry in enumerate(entries, start=seq + 1):
        sealed = seal(entry, number, previous)
        previous = sealed.hash
        rows.append(
            {
                "seq": number,
                "hash": sealed.hash,
                "record": sealed.data,
                "at": to_ms(entry.at),
                "code": entry.code,
                "run": entry.run,
                "person": entry.person,
                "action": entry.action,
                "outcome": entry.outcome,
            }
        )
    return rows


def audit_head_of(tx: Tx) -> tuple[int, str]:
    """Sequence and hash of the newest record."""
    row = tx.execute(select(audit_head.c.seq, audit_head.c.hash).where(audit_head.c.id == 1)).one()
    return int(row.seq), str(row.hash)


def audit_records(tx: Tx, after: int = 0, last: int | None = None) -> Iterator[tuple[int, str, bytes]]:
    """Records in order, page by page: sequence, hash, bytes."""
    end = audit_head_of(tx)[0] if last is None else last
    while page := tx.execute(_PAGE, {"after": after, "last": end}).all():
        for row in page:
            yield row.seq, row.hash, bytes(row.record)
        after = page[-1].seq
