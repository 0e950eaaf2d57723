"""Votes: each person's last one counts, and none is ever changed; what they amount to is policy's to say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import Row, insert, select

from k8sops.core.actor import Actor
from k8sops.core.errors import StoreCorruptError
from k8sops.core.run import Approval, RunId, Vote
from k8sops.store.database import Tx
from k8sops.store.schema import votes
from k8sops.store.times import from_ms, to_ms

# Made here, before any thread, for the reason that `store.runs` gives.
_ACTOR: Final = msgspec.json.Decoder(Actor)


def insert_vote(tx: Tx, run: RunId, approval: Approval, nonce: str) -> None:
    """Record a vote. The run's row is locked, so that the caller has seen every earlier one."""
    tx.execute(
        insert(votes).values(
            run=run,
            nonce=nonce,
            person=approval.person,
            verdict=approval.vote.verdict,
            digest=approval.vote.digest,
            reason=approval.vote.reason,
            actor=msgspec.json.encode(approval.actor).decode(),
            at=to_ms(approval.at),
        )
    )


def votes_of(tx: Tx, run: RunId) -> tuple[Approval, ...]:
    """The last vote of each person on a run, oldest first. Raises StoreCorruptError."""
    rows = tx.execute(select(votes).where(votes.c.run == run).order_by(votes.c.at, votes.c.nonce))
    try:
        return last_of_each(map(_approval, rows))
    except msgspec.MsgspecError as error:
        raise StoreCorruptError(f"the votes on run {run} cannot be read ({type(error).__name__})") from error


def last_of_each(given: Iterable[Approval]) -> tuple[Approval, ...]:
    """The votes that count of these, which are in the order in which they were given."""
    last: dict[str, Approval] = {}
    for approval in given:
        last.pop(approval.who, None)
        last[approval.who] = approval
    return tuple(last.values())


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        actor=_ACTOR.decode(row.actor),
        vote=Vote(verdict=row.verdict, digest=row.digest, reason=row.reason),
        at=from_ms(row.at),
        person=row.person,
    )
