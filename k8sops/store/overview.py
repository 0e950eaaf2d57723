"""What a store is and holds, in numbers: for `store show`, without reading any run."""

from __future__ import annotations

import msgspec
from sqlalchemy import func, select, text

from k8sops.store.audit_rows import audit_head_of
from k8sops.store.checkpoint_rows import last_checkpoint, store_id_of
from k8sops.store.database import Tx
from k8sops.store.migrations import VERSION_TABLE
from k8sops.store.schema import reviews, runs


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """A store at one moment."""

    store_id: str
    revision: str
    bytes: int
    """Of the whole database, indexes included."""
    runs: dict[str, int]
    """By state."""
    audit_head: int
    audit_hash: str
    last_checkpoint: int
    open_reviews: int


def overview_of(tx: Tx) -> Overview:
    """Everything, in one transaction."""
    by_state = {
        row[0]: int(row[1]) for row in tx.execute(select(runs.c.state, func.count()).group_by(runs.c.state))
    }
    head, hash_ = audit_head_of(tx)
    still_open = select(func.count()).select_from(reviews).where(reviews.c.closed_at.is_(None))
    return Overview(
        store_id=store_id_of(tx),
        revision=_revision(tx),
        bytes=_size(tx),
        runs=dict(sorted(by_state.items())),
        audit_head=head,
        audit_hash=hash_,
        last_checkpoint=last_checkpoint(tx),
        open_reviews=int(tx.execute(still_open).scalar_one()),
    )


def _revision(tx: Tx) -> str:
    return str(tx.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one())  # noqa: S608 - a constant


def _size(tx: Tx) -> int:
    if tx.dialect == "postgresql":
        return int(tx.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    pages = tx.execute(text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"))
    return int(pages.scalar_one())
