"""Rows of `grants`: what was asked for, as text that only its service reads, the votes on it, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Row, insert, select, update

from k8sops.core.actor import Actor
from k8sops.core.errors import NoSuchGrantError
from k8sops.core.run import Approval
from k8sops.store.database import Tx
from k8sops.store.schema import grants
from k8sops.store.times import from_ms, to_ms

GrantState = Literal["awaiting", "active", "denied", "revoked", "expired"]

PREFIX_LENGTH: Final = 6
_HINT: Final = "`k8sops grants list --all` shows them"
# Made here, before any thread, for the reason that `store.runs` gives.
_ACTOR: Final = msgspec.json.Decoder(Actor)
_APPROVALS: Final = msgspec.json.Decoder(tuple[Approval, ...])


class GrantRow(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as it is kept. `expires_at` ends the present state: the votes' time, or the grant's own."""

    id: str
    digest: str
    spec: str
    state: GrantState
    person: str
    actor: Actor
    made_at: datetime
    expires_at: datetime
    approvals: tuple[Approval, ...] = ()


def insert_grant(tx: Tx, row: GrantRow) -> None:
    """A new grant."""
    tx.execute(
        insert(grants).values(
            id=row.id,
            digest=row.digest,
            spec=row.spec,
            state=row.state,
            person=row.person,
            actor=msgspec.json.encode(row.actor).decode(),
            made_at=to_ms(row.made_at),
            expires_at=to_ms(row.expires_at),
            approvals=msgspec.json.encode(row.approvals).decode(),
        )
    )


def load_grant(tx: Tx, wanted: str, *, lock: bool = False) -> GrantRow:
    """A grant by its id or a unique beginning of it; locked where asked. Raises NoSuchGrantError."""
    wanted = wanted.strip().upper()
    if len(wanted) < PREFIX_LENGTH or not wanted.isalnum():
        raise NoSuchGrantError(
            f"{wanted!r} is no grant's id: give at least {PREFIX_LENGTH} letters and digits of one",
            hint=_HINT,
        )
    statement = select(grants).where(grants.c.id.between(wanted, wanted + "~")).limit(2)
    if lock and tx.dialect == "postgresql":
        statement = statement.with_for_update()
    rows = tx.execute(statement).all()
    if len(rows) > 1:
        raise NoSuchGrantError(f"{wanted!r} begins several grants", hint="give more characters of the id")
    if not rows:
        raise NoSuchGrantError(f"there is no grant {wanted!r}", hint=_HINT)
    return _row(rows[0])


def list_grants(tx: Tx, states: Sequence[GrantState] = (), limit: int = 500) -> list[GrantRow]:
    """Grants, newest first."""
    statement = select(grants).order_by(grants.c.id.desc()).limit(limit)
    if states:
        statement = statement.where(grants.c.state.in_(list(states)))
    return [_row(row) for row in tx.execute(statement)]


def grants_in_force(tx: Tx, digest: str = "") -> list[GrantRow]:
    """Those that are active now, oldest first; with `digest`, only of this one."""
    statement = select(grants).where(grants.c.state == "active", grants.c.expires_at > tx.now_ms())
    if digest:
        statement = statement.where(grants.c.digest == digest)
    return [_row(row) for row in tx.execute(statement.order_by(grants.c.id))]


def grants_of_digest(tx: Tx, digest: str) -> list[GrantRow]:
    """Every grant of this digest, whatever its state, oldest first."""
    return [
        _row(row) for row in tx.execute(select(grants).where(grants.c.digest == digest).order_by(grants.c.id))
    ]


def grants_past_time(tx: Tx) -> list[str]:
    """Ids of those that wait or are active and whose time has run out."""
    late = select(grants.c.id).where(
        grants.c.state.in_(["awaiting", "active"]), grants.c.expires_at <= tx.now_ms()
    )
    return [str(found) for found in tx.execute(late).scalars()]


def change_grant(tx: Tx, row: GrantRow) -> None:
    """Write state, votes and end of a grant whose row the transaction holds."""
    tx.execute(
        update(grants)
        .where(grants.c.id == row.id)
        .values(
            state=row.state,
            expires_at=to_ms(row.expires_at),
            approvals=msgspec.json.encode(row.approvals).decode(),
        )
    )


def _row(row: Row[Any]) -> GrantRow:
    return GrantRow(
        id=row.id,
        digest=row.digest,
        spec=row.spec,
        state=row.state,
        person=row.person,
        actor=_ACTOR.decode(row.actor),
        made_at=from_ms(row.made_at),
        expires_at=from_ms(row.expires_at),
        approvals=_APPROVALS.decode(row.approvals),
    )
