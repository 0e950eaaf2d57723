"""Time-boxed grants: asked for, voted on like a run, in force until their time is over or somebody takes them back.

Each change is one transaction with its audit record, and with the signed statement where trust is `signed`. Votes are
counted under the row's lock. What policy says of a grant is `GrantRules`'; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from msgspec.structs import replace

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.core.clock import IdSource
from k8sops.core.digests import SHORTEST_DIGEST, is_named
from k8sops.core.errors import AlreadyDecidedError, DeniedError, K8sOpsError, ReasonWantedError, UsageError
from k8sops.core.plan import Decision
from k8sops.core.run import Approval, Vote
from k8sops.engine.books import Books
from k8sops.engine.grants import Grant, as_of, entry_of, grant_of, row_of
from k8sops.engine.signing import Saying, Signer, say
from k8sops.policy.grants import GrantSpec
from k8sops.store.database import Database, Tx
from k8sops.store.grant_rows import GrantState, change_grant, insert_grant, load_grant

__all__ = ["Grant", "GrantDesk", "GrantRules"]


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

        One that policy denies is on record as well. Raises ReasonWantedError where the reason does not do.
        """
        said = self._books.text(reason)

        def work(tx: Tx) -> Grant:
            now = tx.now()
            decision = self._rules.decide_grant(spec, actor, now)
            state: GrantState = {"approve": "awaiting", "deny": "denied"}.get(decision.effect, "active")  # type: ignore[assignment]
            if state != "denied" and (why := self._rules.reason_refused(decision, reason)):
                raise ReasonWantedError(f"the grant: {why}", hint="add --reason TEXT")
            grant = Grant(
                id=self._ids.new(),
                spec=spec,
                state=state,
                actor=actor,
                person=self._person(actor, spec, state),
                reason=said,
                cluster_name=cluster_name,
                decision=decision,
                made_at=now,
                expires_at=_ends(spec, decision, state, now),
            )
            insert_grant(tx, row_of(grant))
            signed = "" if state == "denied" else self._say(tx, grant, "grant", actor, reason=said)
            entries = [
                entry_of(grant, "grant.requested", now, actor, grant.person, reason=said, statement=signed)
            ]
            if state == "active":
                entries.append(entry_of(grant, "grant.approved", now, actor, grant.person))
            if state == "denied":
                entries.append(entry_of(grant, "grant.denied", now, None, "", reason=decision.why))
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
        vote = replace(vote, reason=self._books.text(vote.reason))

        def work(tx: Tx) -> Grant | K8sOpsError:
            grant = self._current(tx, wanted)
            if grant.state != "awaiting":
                raise AlreadyDecidedError(
                    f"grant {grant.id} is already {grant.state}; it takes no more votes"
                )
            _check_digest(grant, vote.digest)
            if refused := self._rules.grant_vote_refused(grant, actor):
                entry = entry_of(grant, "grant.voted", tx.now(), actor, "", reason=refused, outcome="refused")
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
        voted = entry_of(
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
                tx, grant, "denied", now, [voted, entry_of(grant, "grant.denied", now, actor, person)]
            )
        if not self._rules.grant_quorum(grant)[0]:
            change_grant(tx, row_of(grant))
            self._books.chain(tx, [voted])
            return grant
        approved = entry_of(grant, "grant.approved", now, actor, person)
        return self._change(
            tx, replace(grant, expires_at=grant.spec.valid_until), "active", now, [voted, approved]
        )

    async def revoke(self, wanted: str, actor: Actor, *, reason: str = "") -> Grant:
        """Take it back: nothing new rests on it, and what has not begun under it is not begun.

        Raises AlreadyDecidedError, DeniedError where the actor may not.
        """
        reason = self._books.text(reason)

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
            entry = entry_of(grant, "grant.revoked", now, actor, person, reason=reason, statement=signed)
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
        change_grant(tx, row_of(changed))
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
