"""Time-boxed grants: asked for, voted on like a run, in force until their time is over or somebody takes them back.

Each change is one transaction with its audit record, and with the signed statement where trust is `signed`. Votes are
counted under the row's lock. What policy says of a grant is `GrantRules`'; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry, AuditVote
from k8sops.core.clock import IdSource
from k8sops.core.digests import SHORTEST_DIGEST, is_named
from k8sops.core.errors import AlreadyDecidedError, DeniedError, K8sOpsError, UsageError
from k8sops.core.plan import Decision, JsonObject
from k8sops.core.run import Approval, Vote
from k8sops.engine.books import Books
from k8sops.engine.signing import Saying, Signer, say
from k8sops.policy.grants import GrantSpec
from k8sops.store.database import Database, Tx
from k8sops.store.grant_rows import (
    GrantRow,
    GrantState,
    change_grant,
    grants_past_time,
    insert_grant,
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


class GrantRules(Protocol):
    """What policy answers about grants."""

    def person_of(self, actor: Actor, cluster_uid: str) -> str:
        """The person behind an actor; empty where nobody is mapped."""
        ...

    def decide_grant(self, spec: GrantSpec, actor: Actor, now: datetime) -> Decision:
        """What it takes to get this grant."""
        ...

    def reason_refused(self, decision: Decision, reason: str) -> str:
        """Why the reason is not what policy wants; empty where it is."""
        ...

    def grant_vote_refused(self, grant: Grant, actor: Actor) -> str:
        """Why this actor's vote cannot count; empty where it can."""
        ...

    def grant_quorum(self, grant: Grant) -> tuple[bool, str]:
        """Whether the grant's votes suffice, and how they stand."""
        ...

    def revoke_refused(self, grant: Grant, actor: Actor) -> str:
        """Why this actor may not take the grant back; empty where they may."""
        ...


class GrantDesk:
    """What people do to grants."""

    def __init__(
        self,
        database: Database,
        books: Books,
        rules: GrantRules,
        ids: IdSource,
        signer: Signer | None = None,
    ) -> None:
        self._database = database
        self._books = books
        self._rules = rules
        self._ids = ids
        self._signer = signer

    async def request(self, spec: GrantSpec, actor: Actor, *, reason: str, cluster_name: str) -> Grant:
        """Put a grant on record; in force at once where policy asks for nobody's vote, else it waits.

        One that policy denies is on record as well. Raises UsageError where the reason does not do.
        """

        def work(tx: Tx) -> Grant:
            now = tx.now()
            decision = self._rules.decide_grant(spec, actor, now)
            state: GrantState = {"approve": "awaiting", "deny": "denied"}.get(decision.effect, "active")  # type: ignore[assignment]
            if state != "denied" and (why := self._rules.reason_refused(decision, reason)):
                raise UsageError(f"the grant: {why}", hint="add --reason TEXT")
            grant = Grant(
                id=self._ids.new(),
                spec=spec,
                state=state,
                actor=actor,
                person=self._person(actor, spec, state),
                reason=reason,
                cluster_name=cluster_name,
                decision=decision,
                made_at=now,
                expires_at=_ends(spec, decision, state, now),
            )
            insert_grant(tx, _row(grant))
            signed = "" if state == "denied" else self._say(tx, grant, "grant", actor, reason=reason)
            entries = [
                _entry(grant, "grant.requested", now, actor, grant.person, reason=reason, statement=signed)
            ]
            if state == "active":
                entries.append(_entry(grant, "grant.approved", now, actor, grant.person))
            if state == "denied":
                entries.append(_entry(grant, "grant.denied", now, None, "", reason=decision.why))
            self._books.chain(tx, entries)
            return grant

        return await self._database.write(work, name="grant.requested")

    def _person(self, actor: Actor, spec: GrantSpec, state: GrantState) -> str:
        if self._signer is None or state == "denied":
            return self._rules.person_of(actor, spec.cluster_uid)
        return self._signer.person_for(actor, spec.cluster_uid)

    async def decide(self, wanted: str, vote: Vote, actor: Actor) -> Grant:
        """Record a vote; a denial ends it, the last needed approval puts it in force.

        Raises AlreadyDecidedError, DeniedError where the vote cannot count, UsageError where it is on another digest.
        """

        def work(tx: Tx) -> Grant | K8sOpsError:
            grant = self._current(tx, wanted)
            if grant.state != "awaiting":
                raise AlreadyDecidedError(
                    f"grant {grant.id} is already {grant.state}; it takes no more votes"
                )
            _check_digest(grant, vote.digest)
            if refused := self._rules.grant_vote_refused(grant, actor):
                entry = _entry(grant, "grant.voted", tx.now(), actor, "", reason=refused, outcome="refused")
                self._books.chain(tx, [entry])
                return DeniedError(f"the vote does not count: {refused}")
            return self._counted(tx, grant, vote, actor)

        answer = await self._database.write(work, name="grant.voted")
        if isinstance(answer, K8sOpsError):
            raise answer
        return answer

    def _counted(self, tx: Tx, grant: Grant, vote: Vote, actor: Actor) -> Grant:
        person = (
            self._signer.person_for(actor, grant.spec.cluster_uid)
            if self._signer is not None
            else self._rules.person_of(actor, grant.spec.cluster_uid)
        )
        if any(earlier.person == person for earlier in grant.approvals):
            raise AlreadyDecidedError(f"{person} has voted on grant {grant.id} already")
        now = tx.now()
        approval = Approval(actor=actor, vote=replace(vote, digest=grant.digest), at=now, person=person)
        grant = replace(grant, approvals=(*grant.approvals, approval))
        signed = self._say(tx, grant, "vote", actor, verdict=vote.verdict, reason=vote.reason)
        voted = _entry(
            grant,
            "grant.voted",
            now,
            actor,
            person,
            reason=vote.reason,
            outcome=vote.verdict,
            statement=signed,
        )
        if vote.verdict == "deny":
            return self._change(
                tx, grant, "denied", now, [voted, _entry(grant, "grant.denied", now, actor, person)]
            )
        if not self._rules.grant_quorum(grant)[0]:
            change_grant(tx, _row(grant))
            self._books.chain(tx, [voted])
            return grant
        approved = _entry(grant, "grant.approved", now, actor, person)
        return self._change(
            tx, replace(grant, expires_at=grant.spec.valid_until), "active", now, [voted, approved]
        )

    async def revoke(self, wanted: str, actor: Actor, *, reason: str = "") -> Grant:
        """Take it back: nothing new rests on it, and what has not begun under it is not begun.

        Raises AlreadyDecidedError, DeniedError where the actor may not.
        """

        def work(tx: Tx) -> Grant:
            grant = self._current(tx, wanted)
            if grant.state not in {"awaiting", "active"}:
                raise AlreadyDecidedError(
                    f"grant {grant.id} is already {grant.state}; there is nothing to revoke"
                )
            if refused := self._rules.revoke_refused(grant, actor):
                raise DeniedError(f"grant {grant.id} cannot be revoked: {refused}")
            person = self._rules.person_of(actor, grant.spec.cluster_uid)
            signed = self._say(tx, grant, "cancel", actor, reason=reason)
            now = tx.now()
            entry = _entry(grant, "grant.revoked", now, actor, person, reason=reason, statement=signed)
            return self._change(tx, grant, "revoked", now, [entry])

        return await self._database.write(work, name="grant.revoked")

    def _current(self, tx: Tx, wanted: str) -> Grant:
        """The grant, locked, its time taken into account."""
        grant = grant_of(load_grant(tx, wanted, lock=True))
        return as_of(grant, tx.now())

    def _change(
        self, tx: Tx, grant: Grant, state: GrantState, now: datetime, entries: Sequence[AuditEntry]
    ) -> Grant:
        changed = replace(grant, state=state, expires_at=grant.expires_at if state == "active" else now)
        change_grant(tx, _row(changed))
        self._books.chain(tx, entries)
        return changed

    def _say(
        self, tx: Tx, grant: Grant, kind: str, actor: Actor, *, verdict: str = "", reason: str = ""
    ) -> str:
        saying = Saying(
            kind=kind,  # type: ignore[arg-type]
            subject=grant.id,
            digest=grant.digest,
            cluster_uid=grant.spec.cluster_uid,
            verdict=verdict,
            reason=reason,
            until=grant.spec.valid_until,
        )
        return say(tx, self._signer, saying, actor)


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
            change_grant(tx, _row(grant))
            why = "nobody approved it in time" if row.state == "awaiting" else "its time is over"
            books.chain(tx, [_entry(grant, "grant.expired", tx.now(), None, "", reason=why)])
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


def _row(grant: Grant) -> GrantRow:
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


def _ends(spec: GrantSpec, decision: Decision, state: GrantState, now: datetime) -> datetime:
    if state == "awaiting" and decision.ttl_s is not None:
        return min(spec.valid_until, now + timedelta(seconds=decision.ttl_s))
    return spec.valid_until if state != "denied" else now


def _check_digest(grant: Grant, digest: str) -> None:
    if not is_named(grant.digest, digest):
        raise UsageError(
            f"the vote is on digest {digest[:SHORTEST_DIGEST]}, the grant's is {grant.digest[:SHORTEST_DIGEST]}",
            hint=f"look at it again: `k8sops grants show {grant.id}`",
        )


def _entry(
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
