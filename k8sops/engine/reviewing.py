"""Closing a review: somebody else has looked at what went round an approval, and says what they found."""

from __future__ import annotations

from typing import Final, Protocol

from k8sops.core.actor import Actor
from k8sops.core.errors import AlreadyDecidedError, DeniedError, UsageError
from k8sops.core.run import Run
from k8sops.engine.books import Books, run_entry
from k8sops.engine.desk import locked
from k8sops.engine.refusals import Answer, answered, refused
from k8sops.engine.signing import Signer, about, say, with_statement
from k8sops.store.database import Database, Tx
from k8sops.store.reviews import close_review
from k8sops.store.statement_rows import SignedBytes, statements_about

NOTE_LIMIT: Final = 1000


class ReviewRules(Protocol):
    """What policy answers about reviews."""

    def person_of(self, actor: Actor, cluster_uid: str) -> str:
        """The person behind an actor; empty where nobody is mapped."""
        ...

    def review_refused(self, run: Run, actor: Actor) -> str:
        """Why this actor may not close the run's review; empty where they may."""
        ...

    def unanswered(self, run: Run, statements: tuple[SignedBytes, ...]) -> str:
        """Why nobody answers for the run by what is signed, as a sentence; empty where somebody does."""
        ...


async def review(
    database: Database,
    books: Books,
    rules: ReviewRules,
    wanted: str,
    note: str,
    actor: Actor,
    *,
    signer: Signer | None = None,
) -> Run:
    """Close the run's open review with a note; that nobody answers for the run is on record with it.

    Raises AlreadyDecidedError where none is open, DeniedError where the actor may not, UsageError without a note.
    """
    if not note.strip() or len(note) > NOTE_LIMIT:
        raise UsageError(
            f"closing a review takes a note of at most {NOTE_LIMIT} characters",
            hint="say what you found with --note",
        )
    note = books.text(note)

    def work(tx: Tx) -> Answer:
        run, _ = locked(tx, wanted)
        if why := rules.review_refused(run, actor):
            return refused(
                tx, books, run, DeniedError(f"the review of run {run.id} stays open: {why}"), actor
            )
        person = rules.person_of(actor, run.plan.cluster.uid)
        if not close_review(tx, run.id, person, note):
            raise AlreadyDecidedError(f"run {run.id} has no open review")
        signed = say(tx, signer, about(run, "review", verdict="closed", reason=note), actor)
        why = rules.unanswered(run, statements_about(tx, run.id))
        entry = run_entry(
            run,
            "review.closed",
            tx.now(),
            actor=actor,
            person=person,
            reason=note,
            outcome="closed",
            data={"unsigned": why} if why else None,
        )
        books.chain(tx, [with_statement(entry, signed)])
        return run

    return await answered(database, work, name="review.closed")
