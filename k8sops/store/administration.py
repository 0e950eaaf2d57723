"""What `store migrate` and `store backup` do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import text

from k8sops.core.clock import Clock
from k8sops.core.errors import UsageError
from k8sops.store import migrate
from k8sops.store.backup import copy_sqlite, pg_dump_command
from k8sops.store.migrations import STEPS
from k8sops.store.opening import adapter_for, parse_url
from k8sops.store.postgresql import PostgresSession, PostgresStore
from k8sops.store.roles import RoleNames, role_statements
from k8sops.store.sqlite import SqliteStore

LOCK_TIMEOUT_S: Final = 30.0


class Migrated(msgspec.Struct, frozen=True):
    """What `store migrate` found and made of it."""

    before: str
    """The revision found; empty where there were no tables."""
    after: str


def migrate_store(url: str, *, clock: Clock, roles: RoleNames | None = None) -> Migrated:
    """Bring a store's tables up to this program, and give the roles their rights (PostgreSQL). Blocking.

    One transaction: all of it, or none. Raises StoreNewerError, StorePermissionError where the user may not create
    roles or tables, and what opening a store raises.
    """
    adapter = adapter_for(url, clock=clock, busy_timeout_s=LOCK_TIMEOUT_S)
    if isinstance(adapter, PostgresStore):
        return _migrate_postgres(adapter, roles or RoleNames())
    assert isinstance(adapter, SqliteStore)  # noqa: S101 - there is no third
    before = adapter.revision()
    adapter.prepare(migrate=True)
    return Migrated(before=before or "", after=STEPS.head)


def migration_sql(url: str, *, start: str | None = None, roles: RoleNames | None = None) -> str:
    """The SQL `store migrate` would run after revision `start`, for an administrator to run. Connects to nothing.

    Raises UsageError for SQLite, which migrates itself.
    """
    if parse_url(url).drivername.startswith("sqlite"):
        raise UsageError("a SQLite store migrates itself when it is opened", hint="leave --sql away")
    grants = ";\n\n".join(role_statements(roles or RoleNames()))
    return f"BEGIN;\n\n{migrate.upgrade_sql('postgresql', start)}\n{grants};\n\nCOMMIT;\n"


def backup_store(url: str, target: Path, *, clock: Clock) -> None:
    """Copy a SQLite store to a new file, 0600, while it is in use. Blocking.

    Raises UsageError where `target` exists, and for PostgreSQL, naming the command that does it there.
    """
    parts = parse_url(url)
    if not parts.drivername.startswith("sqlite"):
        raise UsageError(
            "a PostgreSQL store is backed up by its own tools", hint=f"run: {pg_dump_command(parts, target)}"
        )
    adapter = SqliteStore(parts, clock=clock)
    with adapter.errors():
        copy_sqlite(adapter.path, target.expanduser().absolute())


def _migrate_postgres(adapter: PostgresStore, roles: RoleNames) -> Migrated:
    statements = role_statements(roles)
    migrate.load()
    with adapter.errors():
        session = adapter.session("write")
        try:
            return _migrate(session, adapter, statements)
        finally:
            session.close()


def _migrate(session: PostgresSession, adapter: PostgresStore, roles: list[str]) -> Migrated:
    connection = session.begin().connection
    # Two that run at once wait for each other here; nothing else does.
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    connection.execute(text(f"SELECT pg_advisory_xact_lock({migrate.POSTGRES_LOCK})"))
    before = migrate.postgres_revision(connection)
    if migrate.is_behind(before, adapter.url_shown):
        migrate.upgrade(connection)
    for statement in roles:
        connection.execute(text(statement))
    session.commit()
    return Migrated(before=before or "", after=STEPS.head)
