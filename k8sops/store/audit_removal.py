"""Taking rotated records out of the store: the one way past the guard that keeps the audit table insert-only.

Only the tables' owner can lift the guard. It is lifted, the records are deleted and the guard is put back within the
caller's transaction, so that nobody ever finds the table without it.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, text

from k8sops.core.errors import StoreError
from k8sops.store.database import Tx
from k8sops.store.schema import audit

_GUARD: Final = "audit_no_delete"


def remove_records(tx: Tx, last: int) -> int:
    """Delete the records up to `last`; returns how many. Raises StorePermissionError for anybody but the owner."""
    if tx.dialect == "postgresql":
        tx.execute(text("SET LOCAL statement_timeout = 0"))
        tx.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_guard"))
        removed = tx.execute(delete(audit).where(audit.c.seq <= last)).rowcount
        tx.execute(text("ALTER TABLE audit ENABLE TRIGGER audit_guard"))
        return removed
    kept = tx.execute(
        text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name"), {"name": _GUARD}
    ).scalar_one_or_none()
    if not kept:
        raise StoreError(
            "the audit table has lost its guard", hint="`k8sops audit verify` says whether it holds"
        )
    tx.execute(text(f"DROP TRIGGER {_GUARD}"))
    removed = tx.execute(delete(audit).where(audit.c.seq <= last)).rowcount
    tx.execute(text(str(kept)))
    return removed
