"""What a carrier asks before its first mutation: did persons whom *my* policy pins sign for exactly this?

The carrier brings what it knows by itself: the digest it recomputed from the plan, the decision its own policy file
gives, its own pins and clock. From the store come only signed bytes. Run state, the votes table, the plan's own
`decision`, person columns and `execute_as` are hearsay and do not appear here. A store can still leave statements
out, so a missing approval refuses and a missing denial cannot be noticed (docs/identity.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from k8sops.core.actor import Actor, Surface
from k8sops.core.errors import StatementError
from k8sops.core.persons import Person
from k8sops.core.plan import Decision
from k8sops.core.run import Approval, Vote
from k8sops.policy.quorum import count
from k8sops.policy.reasons import reason_refused
from k8sops.policy.statements import (
    HELD,
    SKEW,
    About,
    Kind,
    Signed,
    Statement,
    TrustedKeys,
    Verified,
    authentic,
    check,
)

MOST_STATEMENTS: Final = 200
"""Signatures are checked one by one; a store that holds more for one run is not taken seriously."""

Asked = Literal["propose", "grant", "standing"]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as the signatures prove it: what the carrier puts to its own policy."""

    requester: Person
    surface: Surface
    reason: str
    made_at: datetime
    emergency: bool = False
    """Whether the requester broke the glass and this decision would rest on it."""


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """The run, grant or standing approval is signed for. What is said of it below is proved."""

    proposal: Verified
    decision: Decision
    approvals: tuple[Verified, ...] = ()
    break_glass: Verified | None = None
    """The requester's own word, where the approvals are missing and it is what allows the run."""
    ignored: tuple[str, ...] = ()

    @property
    def requester(self) -> str:
        """The person who asked."""
        return self.proposal.person


class NotAllowed(msgspec.Struct, frozen=True, kw_only=True):
    """It is not; `why` is one sentence. `final` where more approvals would not change it."""

    why: str
    final: bool
    ignored: tuple[str, ...] = ()


def quorum_of_statements(
    rows: Sequence[Signed],
    *,
    about: About,
    execute_as: str,
    trusted: TrustedKeys,
    now: datetime,
    person_named: Callable[[str], Person],
    decide: Callable[[Ask], Decision],
    authors: Collection[str] = (),
    seen: Container[str] = frozenset(),
    asked: Asked = "propose",
) -> Allowed | NotAllowed:
    """Whether these statements allow what `about` names, as the carrier's own policy decides.

    `person_named` gives a person of the carrier's policy, an empty one for a name it does not have; `decide` asks
    that policy about the requester the signatures prove. `authors` may not approve: who changed the policy or the
    playbook it depends on, who owns the schedule. `now` is the moment to judge by: at a takeover, the one at which
    the audit chain says the run was started. `seen` are nonces whose run has ended. Never raises.
    """
    if len(rows) > MOST_STATEMENTS:
        return NotAllowed(why=f"the store holds {len(rows)} statements about {about.run}", final=True)
    said = _Said(about, trusted, now, seen, execute_as, person_named)
    said.read(rows, asked)
    if said.no:
        return NotAllowed(why=said.no, final=True, ignored=said.ignored)
    proposal = said.proposal(asked)
    if isinstance(proposal, str):
        return NotAllowed(why=proposal, final=True, ignored=said.ignored)
    opened = said.opened(asked)
    answer = _answer(proposal, opened, None, said, decide, authors)
    glass = next((each for each in said.of("break_glass") if each.person == proposal.person), None)
    if isinstance(answer, NotAllowed) and glass is not None:
        return _answer(proposal, opened, glass, said, decide, authors)
    return answer


def statements_that_hold(
    rows: Sequence[Signed],
    *,
    kind: Kind,
    about: About,
    trusted: TrustedKeys,
    now: datetime,
    person_named: Callable[[str], Person],
    step: str = "",
    seen: Container[str] = frozenset(),
) -> tuple[Verified, ...]:
    """The statements of one kind about exactly this, by persons the policy knows, oldest first.

    For what is no vote: a resume (of this `step` and no other) or the closing of a review; whether these persons may
    is the caller's question to policy.
    """
    said = _Said(about, trusted, now, seen, None, person_named)
    said.read(rows[:MOST_STATEMENTS], "propose")
    return tuple(each for each in said.of(kind) if each.statement.step == step)


class _Said:
    """The authentic statements about one subject, sorted into what they are."""

    def __init__(
        self,
        about: About,
        trusted: TrustedKeys,
        now: datetime,
        seen: Container[str],
        execute_as: str | None,
        person_named: Callable[[str], Person],
    ) -> None:
        self.about: Final = about
        self.person_named: Final = person_named
        self.no = ""
        self._trusted = trusted
        self._now = now
        self._seen = seen
        self._execute_as = execute_as
        self._good: list[Verified] = []
        self._ignored: list[str] = []

    @property
    def ignored(self) -> tuple[str, ...]:
        """One sentence for each statement that does not count, in a stable order."""
        return tuple(dict.fromkeys(self._ignored))

    def read(self, rows: Iterable[Signed], asked: Asked) -> None:
        """Check every statement; a no of anybody known counts whenever and on whichever digest it was said."""
        for row in dict.fromkeys(rows):
            try:
                self._read(row, asked)
            except StatementError as error:
                self._ignored.append(error.message)

    def _read(self, row: Signed, asked: Asked) -> None:
        found = authentic(row, self._trusted)
        if not self.person_named(found.person).mapped:
            raise StatementError(f"{found.person} is nobody the policy knows")
        statement = found.statement
        same = (statement.run, statement.cluster_uid) == (self.about.run, self.about.cluster_uid)
        if same and (statement.kind == "cancel" or statement.verdict == "deny"):
            verb = "cancelled" if statement.kind == "cancel" else "denied"
            self.no = self.no or f"{self.about.run} was {verb} by {found.person}"
            return
        check(statement, now=self._now, about=self.about, seen=self._seen)
        self._check_identity(statement, asked)
        self._good.append(found)

    def _check_identity(self, statement: Statement, asked: Asked) -> None:
        wanted = self._execute_as
        # Only what is asked for must name an identity; elsewhere none is said by leaving it out.
        if (
            wanted is None
            or statement.execute_as == wanted
            or not (statement.kind == asked or statement.execute_as)
        ):
            return
        raise StatementError(
            f"the {statement.kind.replace('_', '-')} of {statement.person} is for execution as"
            f" {statement.execute_as or 'nobody named'}, the plan's is {wanted or 'nobody named'}"
        )

    def of(self, kind: Kind) -> list[Verified]:
        """The statements of a kind that hold, oldest first."""
        found = (each for each in self._good if each.statement.kind == kind)
        return sorted(found, key=lambda each: (each.statement.made_at, each.statement.nonce))

    def proposal(self, asked: Asked) -> Verified | str:
        """The first proposal that may be carried out, or why there is none."""
        proposals = self.of(asked)
        if not proposals:
            return f"nobody the policy pins has signed for {self.about.run} as it is stored"
        people = sorted({each.person for each in proposals})
        if len(people) > 1:
            return f"{self.about.run} is claimed by {' and by '.join(people)}"
        free = [each for each in proposals if each.statement.verdict != HELD]
        if not free:
            return f"{self.about.run} is held: {people[0]} has asked for it and has not signed its start"
        return free[0]

    def opened(self, asked: Asked) -> datetime:
        """When votes could begin: at the first proposal, a held one too. There has to be one."""
        return self.of(asked)[0].statement.made_at


def _answer(
    proposal: Verified,
    opened: datetime,
    glass: Verified | None,
    said: _Said,
    decide: Callable[[Ask], Decision],
    authors: Collection[str],
) -> Allowed | NotAllowed:
    requester = said.person_named(proposal.person)
    reason = (glass or proposal).statement.reason
    decision = decide(
        Ask(
            requester=requester,
            surface=(glass or proposal).surface,
            reason=reason,
            made_at=proposal.statement.made_at,
            emergency=glass is not None,
        )
    )
    if decision.effect not in {"allow", "confirm", "approve"}:
        return NotAllowed(why=f"policy denies it: {decision.why}", final=True, ignored=said.ignored)
    if why := reason_refused(decision, reason):
        return NotAllowed(why=why, final=True, ignored=said.ignored)
    if decision.effect in {"allow", "confirm"}:
        # Signing the digest is the confirmation, and more than a typed yes.
        return Allowed(proposal=proposal, decision=decision, break_glass=glass, ignored=said.ignored)
    timely, late = _in_time(said.of("vote"), opened, decision)
    quorum = count(
        decision,
        [_approval(vote) for vote in timely],
        digest=said.about.digest,
        requester=requester,
        person_of=lambda actor: said.person_named(actor.name),
        authors=authors,
    )
    ignored = (*said.ignored, *late, *(f"{vote.who}: {vote.why}" for vote in quorum.refused))
    if not quorum.reached:
        return NotAllowed(why=f"{said.about.run}: {quorum.why}", final=False, ignored=ignored)
    counted = {vote.person: vote for vote in reversed(timely) if vote.person in quorum.counted}
    return Allowed(
        proposal=proposal,
        decision=decision,
        approvals=tuple(counted[name] for name in quorum.counted),
        break_glass=glass,
        ignored=ignored,
    )


def _in_time(
    votes: Sequence[Verified], opened: datetime, decision: Decision
) -> tuple[list[Verified], list[str]]:
    """The votes cast after the proposal and while approvals were awaited, and a sentence for each other one."""
    closed = opened + timedelta(seconds=decision.ttl_s) if decision.ttl_s is not None else None
    timely, ignored = [], []
    for vote in votes:
        if vote.statement.made_at < opened - SKEW:
            ignored.append(f"{vote.person} voted before it was proposed")
        elif closed is not None and vote.statement.made_at > closed:
            ignored.append(f"{vote.person} voted after approvals were due")
        else:
            timely.append(vote)
    return timely, ignored


def _approval(vote: Verified) -> Approval:
    """A vote as `quorum` counts it; the name is the one that the signature proves."""
    statement = vote.statement
    return Approval(
        actor=Actor(name=vote.person, surface=vote.surface, auth="statement"),
        vote=Vote(verdict="approve", digest=statement.digest, reason=statement.reason),
        at=statement.made_at,
        person=vote.person,
    )
