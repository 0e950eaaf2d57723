"""Signed statements and enrolments as rows: bytes in, the same bytes out.

Nothing here is believed by whoever reads it: columns find rows, and what counts is what the body says under a signature
that the reader checks. A door may insert here and change nothing (`roles`), so a no that was said stays said.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from k8sops.store.database import Tx
from k8sops.store.schema import audit, enrolments, firings, schedules, statements
from k8sops.store.times import from_ms

MOST_READ: Final = 201
"""One more than any reader accepts about one subject: enough to see that there are too many."""
MOST_RECORDS: Final = 501
MOST_INTENTS: Final = 20_000
TELLING: Final = (
    "run.started",
    "run.voted",
    "run.cancel_requested",
    "run.cancelled",
    "run.denied",
    "run.expired",
    "run.failed",
    "run.succeeded",
    "run.void",
)
"""Codes of the records that say that a run began, that somebody said no, or that it is over."""

_INSERT: Final = insert(statements)
_ABOUT: Final = (
    select(statements.c.body, statements.c.signature, statements.c.key_id)
    .where(statements.c.run == bindparam("subject"))
    .order_by(statements.c.at, statements.c.nonce)
    .limit(MOST_READ)
)
_AUDITED: Final = (
    select(audit.c.record)
    .where(audit.c.run == bindparam("run_id"), audit.c.code.in_(TELLING))
    .order_by(audit.c.seq)
    .limit(MOST_RECORDS)
)
_INTENTS: Final = (
    select(audit.c.record)
    .where(audit.c.run == bindparam("run_id"), audit.c.code == "step.intent")
    .order_by(audit.c.seq)
    .limit(MOST_INTENTS)
)
_STANDING: Final = select(schedules.c.standing).where(schedules.c.name == bindparam("schedule"))


class StatementRow(msgspec.Struct, frozen=True, kw_only=True):
    """One statement; `nonce`, `subject`, `kind` and `person` repeat what the body says, to find it by."""

    nonce: str
    subject: str
    kind: str
    person: str
    body: bytes
    signature: bytes
    key_id: str


class SignedBytes(msgspec.Struct, frozen=True):
    """What was stored: bytes, their signature, and the id of the key that is said to have made it."""

    body: bytes
    signature: bytes
    key_id: str


class EnrolmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key somebody showed to a cluster, with what the API server stamped on it (JSON). Evidence, not a pin."""

    key_id: str
    public_key: str
    person: str
    cluster_uid: str
    username: str
    groups: str
    evidence: str


def insert_statement(tx: Tx, row: StatementRow) -> None:
    """Keep a statement."""
    tx.execute(
        _INSERT,
        {
            "nonce": row.nonce,
            "run": row.subject,
            "kind": row.kind,
            "person": row.person,
            "body": row.body,
            "signature": row.signature,
            "key_id": row.key_id,
            "at": tx.now_ms(),
        },
    )


def statements_about(tx: Tx, subject: str) -> tuple[SignedBytes, ...]:
    """What is kept about a run, a grant or `schedule:NAME`, oldest first; at most `MOST_READ`."""
    rows = tx.execute(_ABOUT, {"subject": subject})
    return tuple(SignedBytes(bytes(row.body), bytes(row.signature), row.key_id) for row in rows)


def audit_of_run(tx: Tx, run: str) -> tuple[bytes, ...]:
    """The records that tell whether a run began, was refused or is over, in the chain's order; at most `MOST_RECORDS`.

    The columns are as honest as whoever wrote the row, and nobody may change a row: what is missing was never there.
    """
    return tuple(bytes(row.record) for row in tx.execute(_AUDITED, {"run_id": run}))


def intents_of_run(tx: Tx, run: str) -> tuple[bytes, ...]:
    """The records of a run's steps being begun, in the chain's order; at most `MOST_INTENTS`."""
    return tuple(bytes(row.record) for row in tx.execute(_INTENTS, {"run_id": run}))


def standing_of_schedule(tx: Tx, name: str) -> str:
    """The standing approval in a schedule's row, as its service wrote it; empty where there is none."""
    return str(tx.execute(_STANDING, {"schedule": name}).scalar_one_or_none() or "")


def due_of_firing(tx: Tx, schedule: str, run: str) -> datetime | None:
    """The due instant for which this run of a schedule was made; a firing's row is one for each instant."""
    found = select(firings.c.due).where(firings.c.schedule == schedule, firings.c.run == run)
    due = tx.execute(found.order_by(firings.c.due).limit(1)).scalar_one_or_none()
    return None if due is None else from_ms(due)


def insert_enrolment(tx: Tx, row: EnrolmentRow) -> bool:
    """Keep an enrolment; False where this key was enrolled before, which stays as it is."""
    values: dict[str, Any] = msgspec.structs.asdict(row) | {"at": tx.now_ms()}
    dialect = postgresql if tx.dialect == "postgresql" else sqlite
    statement = dialect.insert(enrolments).values(values).on_conflict_do_nothing()
    return tx.execute(statement).rowcount == 1


def enrolment_of(tx: Tx, key_id: str) -> EnrolmentRow | None:
    """What was kept of a key's enrolment."""
    row = tx.execute(select(enrolments).where(enrolments.c.key_id == key_id)).one_or_none()
    if row is None:
        return None
    return EnrolmentRow(**{name: getattr(row, name) for name in EnrolmentRow.__struct_fields__})
