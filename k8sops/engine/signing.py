"""The seams of signed trust: who signs what a person does here, and who judges what others have signed.

A desk with a `Signer` puts a signed statement into the transaction of whatever a person does. A carrier with a
`Witness` carries nothing that the statements, the audit trail and its own policy file do not allow; runs, votes and
persons in the store are hearsay to it. With trust `local` there is neither, and nothing here is imported for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec
from msgspec.structs import replace

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.core.errors import DeniedError
from k8sops.core.plan import Plan
from k8sops.core.run import Run, RunId, StepRecord
from k8sops.store.statement_rows import SignedBytes, StatementRow, insert_statement, statements_about

if TYPE_CHECKING:
    from k8sops.policy.statements import Kind
    from k8sops.store.database import Tx

START_LASTS: Final = timedelta(hours=1)
"""How long a run that was confirmed may wait for a carrier."""
RESUME_LASTS: Final = timedelta(days=1)
HELD: Final = "hold"
"""The verdict of a held run's proposal, as `policy.statements` has it; with trust `local` that is not imported."""


class Saying(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says, before it is signed; the signer adds who, when and a nonce."""

    kind: Kind
    subject: str
    """A run's id, a grant's, or `schedule:NAME`."""
    digest: str
    cluster_uid: str
    verdict: str = ""
    execute_as: str = ""
    step: str = ""
    reason: str = ""
    until: datetime | None = None
    """When it stops to hold; the signer's longest where it is later or None."""


class Signer(Protocol):
    """Signs in the name of the person at this door, with their own key."""

    def person_for(self, actor: Actor, cluster_uid: str) -> str:
        """Whose key it is. Raises StatementError where policy does not pin it, or where the actor is another person."""
        ...

    def sign(self, saying: Saying, actor: Actor) -> StatementRow:
        """The signed statement. Raises StatementError, one sentence."""
        ...

    def has_said(self, saying: Saying, rows: tuple[SignedBytes, ...], actor: Actor) -> bool:
        """Whether one of these statements is this actor's own, of this kind, on this subject and digest, in time."""
        ...

    def unproposed(self, run: Run, rows: tuple[SignedBytes, ...]) -> str:
        """Why, by these statements, the run is not what its requester asked for, as a sentence; empty where it is."""
        ...

    def now(self) -> datetime:
        """Time by the clock of this door: a store's own might make statements last."""
        ...


class GrantEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """A grant that the store has under the digest a run names; what it says counts by what was signed for it."""

    id: str
    asked: str
    """The row's text."""
    statements: tuple[SignedBytes, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds that proves something of a run: signed bytes, and the audit trail, which nobody rewrites."""

    statements: tuple[SignedBytes, ...] = ()
    over: str = ""
    """Why, by the audit trail, the run must not go on: it ended, or somebody said no. A whole sentence."""
    ended: str = ""
    """The same, asked-for cancels left out: a run that is to stop may still take back what it did."""
    begun_at: datetime | None = None
    """When a carrier that had checked this very plan began, by the audit trail and by a row only carriers write."""
    facts: str = ""
    """What that carrier found besides the digest, as it wrote it down (`facts_of`)."""
    standing: str = ""
    """The standing approval in the row of the run's schedule; hearsay, as its digest is what was signed."""
    standing_statements: tuple[SignedBytes, ...] = ()
    due: datetime | None = None
    """The instant of its schedule for which the run was made."""
    grants: tuple[GrantEvidence, ...] = ()
    """Grants the run may rest on instead of approvals of its own."""


class Witness(Protocol):
    """Judges evidence by the policy file of this process."""

    def unsigned(self, run: Run, evidence: Evidence) -> str:
        """Why it is not worth planning the run again: nobody whom policy pins asked for it. Else empty."""
        ...

    def refused(self, run: Run, evidence: Evidence, *, fresh: Plan | None, at: datetime | None) -> str:
        """Why the run must not be carried out, as a sentence; empty where it may.

        `fresh` is the plan made again, None where that is not known; `at` the moment to judge by, None: now.
        """
        ...

    def settled(
        self, run: Run, evidence: Evidence, in_doubt: Mapping[str, StepRecord]
    ) -> dict[str, tuple[Literal["done", "retry"], str]]:
        """What persons who may have signed of steps in doubt, since each was last begun: word and person by path."""
        ...


class Started(msgspec.Struct, frozen=True):
    """Hashes of what was signed to start a run; empty where nothing was."""

    proposal: str = ""
    break_glass: str = ""


def say(tx: Tx, signer: Signer | None, saying: Saying, actor: Actor) -> str:
    """Sign and keep a statement in this transaction; returns the sha256 of its bytes, empty without a signer."""
    if signer is None:
        return ""
    row = signer.sign(saying, actor)
    insert_statement(tx, row)
    return hashlib.sha256(row.body).hexdigest()


def about(run: Run, kind: Kind, *, until: datetime | None = None, **fields: str) -> Saying:
    """Something said about a run's plan, as it is to be done."""
    return Saying(
        kind=kind,
        subject=run.id,
        digest=run.plan.digest,
        cluster_uid=run.plan.cluster.uid,
        execute_as=run.plan.execute_as,
        until=until,
        **fields,
    )


def proposal_of(run: Run, *, until: datetime, held: bool = False) -> Saying:
    """The requester's own word for a run; a `held` one is for others to vote on, and starts nothing."""
    return about(run, "propose", until=until, verdict=HELD if held else "", reason=run.reason)


def say_start(
    tx: Tx, signer: Signer | None, run: Run, actor: Actor, *, seen: str, break_glass: str
) -> Started:
    """Sign the proposal that is confirmed now, and, with a reason in `break_glass`, that the glass is broken.

    `seen` is the digest of the plan the person was shown here, which the store's must be: signing is what makes
    carriers act. Without it, the person must have signed for this plan before, if only to have it voted on. Nothing
    is signed because the store says that it was meant. Raises DeniedError, StatementError.
    """
    if signer is None:
        return Started()
    until = signer.now() + START_LASTS
    proposal = proposal_of(run, until=until)
    if seen and seen != run.plan.digest:
        raise DeniedError(
            f"the plan of run {run.id} in the store is not the one you were shown: its digest is "
            f"{run.plan.digest[:12]}, not {seen[:12]}",
            hint="somebody changed the store: tell who looks after it, and propose again",
        )
    rows = statements_about(tx, run.id)
    before = signer.has_said(proposal, rows, actor)
    shown = before or bool(seen) or signer.has_said(proposal_of(run, until=until, held=True), rows, actor)
    if not shown:
        raise DeniedError(
            f"run {run.id} was not confirmed where its plan was shown, so there is nothing to sign",
            hint="propose it again, and confirm what you see",
        )
    proposed = "" if before else say(tx, signer, proposal, actor)
    if not break_glass:
        return Started(proposed)
    broken = about(run, "break_glass", until=until, reason=break_glass)
    return Started(proposed, say(tx, signer, broken, actor))


def forged(tx: Tx, signer: Signer | None, run: Run) -> DeniedError | None:
    """What an approval is answered with here, where the run's proposal is not signed by who is said to have made it.

    A carrier would not act on it, but the vote would lie in the store, in an honest person's hand.
    """
    why = signer.unproposed(run, statements_about(tx, run.id)) if signer is not None else ""
    hint = "somebody may have changed the store: ask the requester, and tell who looks after it"
    return DeniedError(f"the vote is not signed: {why}", hint=hint) if why else None


def with_statement(entry: AuditEntry, statement: str) -> AuditEntry:
    """The entry, naming the statement by which it was asked for."""
    return replace(entry, statement=statement) if statement else entry


def facts_of(plan: Plan) -> str:
    """What rules may ask of a plan and its digest does not cover, as one line of JSON."""
    return msgspec.json.encode(plan.blast_radius, order="sorted").decode()


def facts_hash(run: RunId, digest: str, facts: str) -> str:
    """What the audit trail keeps of them."""
    return hashlib.sha256(f"{run}\n{digest}\n{facts}".encode()).hexdigest()
