"""Reviews: what has to be looked at afterwards, because it went round an approval. They stay open until closed."""

from __future__ import annotations

from typing import Literal

import msgspec
from sqlalchemy import insert, select, update

from k8sops.core.run import RunId
from k8sops.store.database import Tx
from k8sops.store.schema import reviews
from k8sops.store.times import from_ms


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """An open or closed review of one run."""

    run: RunId
    kind: str
    opened_at: str
    closed_by: str = ""
    note: str = ""


def open_review(tx: Tx, run: RunId, kind: Literal["break_glass", "emergency"]) -> None:
    """A person has to look at this run afterwards."""
    tx.execute(insert(reviews).values(run=run, kind=kind, opened_at=tx.now_ms()))


def close_review(tx: Tx, run: RunId, person: str, note: str) -> bool:
    """Whether there was an open review to close."""
    statement = (
        update(reviews)
        .where(reviews.c.run == run, reviews.c.closed_at.is_(None))
        .values(closed_at=tx.now_ms(), closed_by=person, note=note)
    )
    return tx.execute(statement).rowcount == 1


def open_reviews(tx: Tx) -> list[Review]:
    """Reviews nobody has closed, oldest first."""
    statement = select(reviews).where(reviews.c.closed_at.is_(None)).order_by(reviews.c.opened_at)
    return [
        Review(run=row.run, kind=row.kind, opened_at=from_ms(row.opened_at).isoformat())
        for row in tx.execute(statement)
    ]
