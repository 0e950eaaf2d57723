"""Bringing a store's tables up to this program: SQLite by itself, after a copy; PostgreSQL on request.

Each runs in one transaction, under a lock that other processes wait for, so that a store is at one revision or the
next and never between. Alembic is imported when there is something to do.
"""

from __future__ import annotations

import importlib
import io
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, text

from k8sops.core.errors import SchemaOutdatedError, StoreCorruptError, StoreNewerError, StorePlaceError
from k8sops.store.backup import copy_sqlite
from k8sops.store.migrations import STEPS, VERSION_TABLE, Steps

if TYPE_CHECKING:
    from k8sops.store.lanes import Session

POSTGRES_LOCK: Final = 7164003201
"""The advisory lock two `store migrate` contend for; any number that nobody else uses."""

_ALONE: Final = threading.Lock()
"""Alembic's steps find their connection in the process's globals: of two at once one would get all the tables."""


def is_behind(found: str | None, shown: str, steps: Steps = STEPS) -> bool:
    """Whether a store at this revision needs steps. Raises StoreNewerError for one this program does not know."""
    if found is not None and found not in steps.revisions:
        raise StoreNewerError(
            f"the store {shown} is at revision {found}, newer than this k8sops (which knows up to {steps.head})",
            hint="run a newer k8sops; nothing was changed",
        )
    return found != steps.head


def outdated(found: str | None, shown: str, steps: Steps = STEPS) -> SchemaOutdatedError:
    """The error for a store that must be migrated first."""
    state = (
        f"is at revision {found}, older than this k8sops needs ({steps.head})"
        if found
        else "has no tables yet"
    )
    return SchemaOutdatedError(
        f"the store {shown} {state}", hint="back it up, then run once: k8sops store migrate"
    )


def sqlite_revision(raw: sqlite3.Connection, shown: str) -> str | None:
    """The revision of a SQLite file, None for an empty one. Raises StorePlaceError for another program's file."""
    names = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if VERSION_TABLE in names:
        row = raw.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608 - a constant
        return str(row[0]) if row else None
    if names:
        raise StorePlaceError(
            f"{shown} is another program's database", hint="name another file in K8SOPS_DATABASE_URL"
        )
    return None


def postgres_revision(connection: Connection) -> str | None:
    """The revision of a PostgreSQL database, None for one without our tables."""
    if connection.scalar(text(f"SELECT to_regclass('{VERSION_TABLE}')::text")) is None:
        return None
    found = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - a constant
    return None if found is None else str(found)


def upgrade_sqlite(session: Session, raw: sqlite3.Connection, path: Path, steps: Steps = STEPS) -> None:
    """Take all missing steps in one transaction, a copy of the file made first. Raises library errors."""
    load()
    tx = session.begin()
    try:
        found = sqlite_revision(raw, str(path))
        if not is_behind(found, str(path), steps):
            session.rollback()
            return
        if found is not None:
            copy_sqlite(path, path.with_name(f"{path.name}.before-{steps.head}"), replace=True)
        upgrade(tx.connection, steps)
        broken = raw.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise StoreCorruptError(
                f"the store {path} has {len(broken)} rows that point nowhere, in {broken[0][0]}",
                hint="put a copy back; nothing was changed",
            )
        session.commit()
    except BaseException:
        session.rollback()
        raise


def load() -> None:
    """Import Alembic now, so that no lock is held meanwhile."""
    for module in ("alembic.config", "alembic.runtime.environment", "alembic.script"):
        importlib.import_module(module)


def upgrade(connection: Connection, steps: Steps = STEPS) -> None:
    """Take all missing steps on a connection with an open transaction."""
    _run(steps, {"connection": connection}, as_sql=False, start=None)


def upgrade_sql(dialect: str, start: str | None = None) -> str:
    """The SQL of all steps after revision `start`, or of all, for somebody else to run."""
    written = io.StringIO()
    _run(
        STEPS,
        {"dialect_name": dialect, "output_buffer": written, "literal_binds": True},
        as_sql=True,
        start=start,
    )
    return written.getvalue()


def _run(steps: Steps, options: dict[str, Any], *, as_sql: bool, start: str | None) -> None:
    from alembic.config import Config  # noqa: PLC0415 - costs more than opening a store
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415 - the same
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(steps.folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    files = ScriptDirectory.from_config(config)

    def missing(revision: Any, _context: Any) -> Any:
        return files._upgrade_revs("head", revision)

    with (
        _ALONE,
        EnvironmentContext(
            config, files, fn=missing, as_sql=as_sql, starting_rev=start, destination_rev="head"
        ) as environment,
    ):
        environment.configure(version_table=VERSION_TABLE, transactional_ddl=not as_sql, **options)
        environment.run_migrations()
