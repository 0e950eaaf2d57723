"""Emergencies: a local store with a chain of its own takes the records while the shared one is away (DESIGN §8)."""

from __future__ import annotations

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry, AuditFilter
from k8sops.engine.books import Books
from k8sops.service.config import Config
from k8sops.store.audit_search import search
from k8sops.store.database import Database, Tx

OPENED = "emergency.opened"


async def note_emergency(
    database: Database, books: Books, config: Config, actor: Actor, *, reason: str, policy: str
) -> None:
    """Begin the local chain by saying why there is one; once for each such store."""

    def work(tx: Tx) -> None:
        if any(True for _ in search(tx, AuditFilter(code=OPENED, limit=1))):
            return
        entry = AuditEntry(
            code=OPENED,
            at=tx.now(),
            actor=actor,
            reason=reason,
            policy_version=policy,
            outcome="opened",
            data={"instead_of": shared_store(config)},
        )
        books.chain(tx, [entry])

    await database.write(work, name=OPENED)


def shared_store(config: Config) -> str:
    """The store that is away, without its password."""
    from sqlalchemy.engine import make_url

    from k8sops.store.postgresql import shown

    return shown(make_url(config.database_url)) if config.database_url else ""
