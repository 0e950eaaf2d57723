"""Audit records and runs put into a store directly, for commands that look at them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg

from k8sops.audit.checkpoints import sign_checkpoint
from k8sops.audit.record import seal
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry, AuditObject
from k8sops.core.clock import SystemClock
from k8sops.service.checkpointing import checkpoint_key, keep
from k8sops.store.audit_rows import append_audit
from k8sops.store.audit_search import span_of
from k8sops.store.database import Tx, open_database
from tests.support.plans import NOW

T = TypeVar("T")


def in_store(url: str, work: Callable[[Tx], T]) -> T:
    """Run work in a writing transaction, outside any loop."""

    async def go() -> T:
        database = await open_database(url, clock=SystemClock())
        try:
            return await database.write(work, name="test")
        finally:
            await database.aclose()

    return asyncio.run(go())


def record(url: str, entries: Sequence[AuditEntry]) -> None:
    """Chain entries."""
    in_store(url, lambda tx: append_audit(tx, entries, seal))


def an_entry(code: str = "step.outcome", *, who: str = "alice", name: str = "web", **more: Any) -> AuditEntry:
    """Somebody did something to an object in shop."""
    about = AuditObject(kind="deployments.apps", name=name, namespace="shop")
    return AuditEntry(
        code=code, at=NOW, actor=Actor(name=who), objects=(about,), **{"action": "scale", **more}
    )


def tamper(url: str, statement: str) -> None:
    """Change the audit table behind everybody's back, as the file's or the database's owner can."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
            for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                raw.execute(f"DROP TRIGGER {name}")
            raw.execute(statement)
        raw.close()
        return
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
        connection.execute(statement.encode())


def sign_long_ago(url: str) -> None:
    """A checkpoint by the key of this installation at the chain's end, signed a hundred days ago."""
    key = checkpoint_key()

    def work(tx: Tx) -> None:
        span = span_of(tx)
        at = datetime.now(UTC) - timedelta(days=100)
        keep(tx, sign_checkpoint(key, origin=span.store_id, seq=span.head, hash_=span.hash, at=at))

    in_store(url, work)


def delete_plainly(url: str) -> None:
    if url.startswith("sqlite"):
        raw = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            raw.execute("DELETE FROM audit")
        finally:
            raw.close()
        return
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM audit")


def database_of(url: str) -> str:
    """The database's name."""
    return urlsplit(url).path.removeprefix("/")
