"""Time-boxed grants as they stand: what is on record of them, read, and noted when their time is over.

A grant whose time has run out is not in force, whether or not anybody has noted it yet. What people do to grants is
`granting`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry, AuditVote
from k8sops.core.plan import Decision, JsonObject
from k8sops.core.run import Approval
from k8sops.engine.books import Books
from k8sops.policy.grants import GrantSpec
from k8sops.store.database import Database, Tx
from k8sops.store.grant_rows import (
    GrantRow,
    GrantState,
    change_grant,
    grants_past_time,
    list_grants,
    load_grant,
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a grant's row, as text."""

    spec: GrantSpec
    reason: str
    cluster_name: str
    decision: Decision


ASKED: Final = msgspec.json.Decoder(Asked)


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as it stands."""

    id: str
    spec: GrantSpec
    state: GrantState
    actor: Actor
    person: str
    reason: str
    cluster_name: str
    decision: Decision
    """What policy asked for when it was requested."""
    made_at: datetime
    expires_at: datetime
    """When the present state ends by itself."""
    approvals: tuple[Approval, ...] = ()

    @property
    def digest(self) -> str:
        """What votes are on."""
        return self.spec.digest


async def grants_matching(database: Database, states: Sequence[GrantState] = ()) -> list[Grant]:
    """Grants, newest first, as they stand now."""

    def work(tx: Tx) -> list[Grant]:
        now = tx.now()
        found = [as_of(grant_of(row), now) for row in list_grants(tx, states)]
        return [grant for grant in found if not states or grant.state in states]

    return await database.read(work)


async def get_grant(database: Database, wanted: str) -> Grant:
    """One, by id or unique prefix. Raises NoSuchGrantError."""
    return await database.read(lambda tx: as_of(grant_of(load_grant(tx, wanted)), tx.now()))


async def sweep_grants(database: Database, books: Books) -> int:
    """Put on record that the time of grants has run out; returns how many. Looks before it takes the write lock."""
    if not await database.read(grants_past_time):
        return 0

    def work(tx: Tx) -> int:
        late = grants_past_time(tx)
        for wanted in late:
            row = load_grant(tx, wanted, lock=True)
            if row.state not in {"awaiting", "active"}:
                continue
            grant = replace(grant_of(row), state="expired")
            change_grant(tx, row_of(grant))
            why = "nobody approved it in time" if row.state == "awaiting" else "its time is over"
            books.chain(tx, [entry_of(grant, "grant.expired", tx.now(), None, "", reason=why)])
        return len(late)

    return await database.write(work, name="grant.expired")


def grant_of(row: GrantRow) -> Grant:
    """A row, read."""
    asked = ASKED.decode(row.spec)
    return Grant(
        id=row.id,
        spec=asked.spec,
        state=row.state,
        actor=row.actor,
        person=row.person,
        reason=asked.reason,
        cluster_name=asked.cluster_name,
        decision=asked.decision,
        made_at=row.made_at,
        expires_at=row.expires_at,
        approvals=row.approvals,
    )


def as_of(grant: Grant, now: datetime) -> Grant:
    """The grant at this moment: one whose time has run out is no longer in force, whether or not anybody noted it."""
    if grant.state in {"awaiting", "active"} and now >= grant.expires_at:
        return replace(grant, state="expired")
    return grant


def row_of(grant: Grant) -> GrantRow:
    """The grant as it is kept."""
    asked = Asked(
        spec=grant.spec, reason=grant.reason, cluster_name=grant.cluster_name, decision=grant.decision
    )
    return GrantRow(
        id=grant.id,
        digest=grant.digest,
        spec=msgspec.json.encode(asked).decode(),
        state=grant.state,
        person=grant.person,
        actor=grant.actor,
        made_at=grant.made_at,
        expires_at=grant.expires_at,
        approvals=grant.approvals,
    )


def entry_of(
    grant: Grant,
    code: str,
    at: datetime,
    actor: Actor | None,
    person: str,
    *,
    reason: str = "",
    outcome: str = "",
    statement: str = "",
) -> AuditEntry:
    """An entry about it; `actor` is None where time or policy did it."""
    return AuditEntry(
        code=code,
        at=at,
        actor=actor,
        person=person,
        digest=grant.digest,
        statement=statement,
        cluster_uid=grant.spec.cluster_uid,
        cluster_name=grant.cluster_name,
        reason=reason,
        policy_version=grant.decision.policy,
        verdict=grant.decision.effect,
        votes=tuple(_vote(approval) for approval in grant.approvals) if code == "grant.approved" else (),
        outcome=outcome or code.partition(".")[2],
        data={"grant": grant.id, "spec": _told(grant.spec)},
    )


def _vote(approval: Approval) -> AuditVote:
    return AuditVote(
        digest=approval.vote.digest,
        person=approval.person,
        surface=approval.actor.surface,
        verdict=approval.vote.verdict,
    )


def _told(spec: GrantSpec) -> JsonObject:
    told: JsonObject = msgspec.to_builtins(spec)
    return told
