"""Finding audit records: by the columns beside them, and by words that must stand in their bytes.

What is found this way is a choice for whoever reads it; whether the records hold, only the chain says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, LargeBinary, bindparam, func, literal_column, or_, select

from k8sops.core.audit import AuditFilter
from k8sops.store.database import Tx
from k8sops.store.schema import audit, audit_head
from k8sops.store.times import to_ms

PAGE: Final = 500


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds of its chain, read at one moment."""

    store_id: str
    first: int
    """The oldest record that is still here; 0 where there is none."""
    newest: int
    """The greatest sequence of any row, which is the head's where nothing was put beside it."""
    head: int
    hash: str


class FoundRecord(msgspec.Struct, frozen=True):
    """A record as it is kept."""

    seq: int
    hash: str
    data: bytes


def span_of(tx: Tx) -> Span:
    """First and last record, head, and the store's id."""
    head = tx.execute(select(audit_head).where(audit_head.c.id == 1)).one()
    first, newest = tx.execute(select(func.min(audit.c.seq), func.max(audit.c.seq))).one()
    return Span(
        store_id=head.store_id, first=first or 0, newest=newest or 0, head=int(head.seq), hash=str(head.hash)
    )


def record_page(tx: Tx, after: int, last: int, limit: int) -> list[tuple[int, str, bytes]]:
    """The next records in order: sequence, hash, bytes."""
    statement = (
        select(audit.c.seq, audit.c.hash, audit.c.record)
        .where(audit.c.seq > after, audit.c.seq <= last)
        .order_by(audit.c.seq)
        .limit(limit)
    )
    return [(row.seq, row.hash, bytes(row.record)) for row in tx.execute(statement)]


def hash_at(tx: Tx, seq: int) -> str | None:
    """The hash kept beside a record; None where it is not here."""
    found: str | None = tx.execute(select(audit.c.hash).where(audit.c.seq == seq)).scalar_one_or_none()
    return found


def search(tx: Tx, wanted: AuditFilter) -> Iterator[FoundRecord]:
    """Records that may fit, newest first, page by page; the caller looks into them and stops when it has enough."""
    conditions = _conditions(tx, wanted)
    before = None
    while True:
        statement = select(audit.c.seq, audit.c.hash, audit.c.record).where(*conditions)
        if before is not None:
            statement = statement.where(audit.c.seq < before)
        page = tx.execute(statement.order_by(audit.c.seq.desc()).limit(PAGE)).all()
        for row in page:
            yield FoundRecord(row.seq, row.hash, bytes(row.record))
        if len(page) < PAGE:
            return
        before = page[-1].seq


def _conditions(tx: Tx, wanted: AuditFilter) -> Sequence[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, value in ((audit.c.action, wanted.action), (audit.c.outcome, wanted.outcome)):
        if value:
            found.append(column == value)
    if wanted.code:
        begins = wanted.code.removesuffix("*")
        found.append(
            audit.c.code.startswith(begins, autoescape=True)
            if begins != wanted.code
            else audit.c.code == begins
        )
    if wanted.run:
        run = wanted.run.strip().upper()
        found.append(audit.c.run.between(run, run + "~"))
    if wanted.since is not None:
        found.append(audit.c.at >= to_ms(wanted.since))
    if wanted.until is not None:
        found.append(audit.c.at < to_ms(wanted.until))
    if wanted.person:
        found.append(or_(audit.c.person == wanted.person, _holds(tx, "who", _named(wanted.person))))
    if wanted.object:
        found.append(_holds(tx, "what", _named(wanted.object.rpartition("/")[2])))
    return found


def _named(name: str) -> bytes:
    return b'"name":' + msgspec.json.encode(name)


def _holds(tx: Tx, name: str, needle: bytes) -> ColumnElement[bool]:
    """Whether the record's bytes contain these: a first sieve, before any record is read."""
    value: Any = bindparam(name, needle, LargeBinary)
    if tx.dialect == "postgresql":
        return func.position(value.op("IN")(audit.c.record)) > literal_column("0")
    return func.instr(audit.c.record, value) > literal_column("0")
