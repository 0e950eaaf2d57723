"""SQLite: one writing thread, a few readers, WAL with every commit on disk before it is reported.

The driver's own transaction handling is off; BEGIN is ours, so that a write takes its lock at once and a read never
takes one. No pragma and no pool between transactions: a connection stays with its thread.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import URL, Connection, CursorResult, NullPool, RootTransaction, create_engine
from sqlalchemy.sql.base import Executable

from k8sops.core.clock import Clock
from k8sops.core.errors import StoreError, StorePlaceError
from k8sops.store import migrate
from k8sops.store.database import BUSY_TIMEOUT_S, Dialect, Tx
from k8sops.store.errors import Failure, driver_error, one_line, sqlite_failure
from k8sops.store.hot import HotStatement, HotStatements
from k8sops.store.lanes import Mode
from k8sops.store.migrations import STEPS, Steps
from k8sops.store.places import make_private, refuse_remote
from k8sops.store.times import LeaseTime, boot_id, since_boot

PRAGMAS: Final = (
    "PRAGMA synchronous=FULL",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA journal_size_limit=67108864",
)
# SQLite's own waiting sleeps up to 100 ms between tries, and a writer starves in it under load; ours tries every few
# milliseconds. Opening and reading wait SQLite's way: only for a file that is being recovered or let go by its last
# connection (https://www.sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode).
SHORT_WAIT_S: Final = 0.008
WRITING: Final = "BEGIN IMMEDIATE"
STATEMENTS_CACHED: Final = 512
PREPARING: Final = 4
"""How many times longer than for a transaction to wait until the tables can be looked at."""


class SqliteTimes:
    """Wall time from the injected clock, lease time from the machine's boot clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._boot = boot_id()

    def now(self) -> datetime:
        """The injected clock's moment."""
        return self._clock.now()

    def lease_time(self) -> LeaseTime:
        """Seconds since this boot."""
        return LeaseTime(self._boot, since_boot())


class SqliteSession:
    """One connection to the file."""

    def __init__(
        self,
        connection: Connection,
        begin: str,
        times: SqliteTimes,
        busy_timeout_s: float,
        hot: HotStatements,
    ) -> None:
        self._connection = connection
        self.raw: Final = cast("sqlite3.Connection", connection.connection.dbapi_connection)
        self._hot = hot
        self._begin = begin
        self._times = times
        self._busy_timeout_s = busy_timeout_s
        self._root: RootTransaction | None = None

    def begin(self) -> Tx:
        """Open a transaction, waiting for the write lock where it is a writing one."""
        until_free(lambda: self.raw.execute(self._begin), self._busy_timeout_s)
        self._root = self._connection.begin()
        return Tx(self, "sqlite", self._times)

    def plain(self) -> Connection:
        """SQLAlchemy's connection."""
        return self._connection

    def execute(self, statement: Executable, parameters: Any) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement, directly where it is known."""
        hot = self._hot.find(statement, parameters)
        if hot is None:
            return self._connection.execute(statement, parameters)
        try:
            return cast("CursorResult[*tuple[Any, ...]]", self._run(hot, parameters))
        except sqlite3.Error as error:
            raise self._hot.wrapped(error, hot.text) from error

    def send(self, statement: Executable, parameters: Any) -> None:
        """The same: nothing lies between this and the database."""
        self.execute(statement, parameters)

    def _run(self, hot: HotStatement, parameters: Any) -> object:
        if parameters is None or isinstance(parameters, dict):
            cursor = self.raw.execute(hot.text, hot.ordered(parameters))
        elif len(parameters) == 1:
            cursor = self.raw.execute(hot.text, hot.ordered(parameters[0]))
        else:
            cursor = self.raw.executemany(hot.text, [hot.ordered(one) for one in parameters])
        return cursor if hot.metadata is None else hot.rows(cursor.fetchall())

    def commit(self) -> None:
        """Make it last. SQLite itself ends a transaction in some failures; what came after is then not one."""
        if not self.raw.in_transaction:
            raise StoreError("SQLite gave the transaction up after an error that was not passed on")
        if self._root is not None:
            self._root.commit()
            self._root = None

    def rollback(self) -> None:
        """Undo it."""
        root, self._root = self._root, None
        if root is not None:
            root.rollback()
        elif self.raw.in_transaction:
            self.raw.rollback()

    def close(self) -> None:
        """Let the connection go."""
        try:
            self.rollback()
            self._connection.close()
        except Exception:  # noqa: BLE001 - it is given up either way
            self.raw.close()


class SqliteStore:
    """The adapter for one file."""

    dialect: Dialect = "sqlite"
    writers = 1

    def __init__(
        self,
        url: URL,
        *,
        clock: Clock,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        mounts: str | None = None,
        steps: Steps = STEPS,
    ) -> None:
        if not url.database or url.database == ":memory:" or url.query or url.host:
            raise StorePlaceError(
                "the store's URL names no SQLite file", hint="write sqlite:////folder/k8sops.db"
            )
        self.path: Final = Path(url.database).expanduser().absolute()
        self.url_shown = f"sqlite:///{self.path}"
        self._busy_timeout_s = busy_timeout_s
        self._mounts = mounts
        self._steps = steps
        self._times = SqliteTimes(clock)
        self._engine = create_engine(
            "sqlite+pysqlite://", creator=self._connect, poolclass=NullPool, hide_parameters=True
        )
        self._hot = HotStatements(self._engine.dialect)

    def prepare(self, *, migrate: bool) -> None:
        """Make the file where there is none, and bring it up to this program's tables."""
        refuse_remote(self.path, self._mounts)
        make_private(self.path)
        with self.errors():
            self._prepare(change=migrate)

    def revision(self) -> str | None:
        """The revision of the file as it is; None where there is none."""
        if not self.path.exists():
            return None
        with self.errors(), closing(self._connect()) as raw:
            return migrate.sqlite_revision(raw, str(self.path))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except Exception as error:  # drivers and SQLAlchemy share no base; what is not theirs is raised on
            failure = self.failure(error, connecting=True)
            if failure is None:
                raise
            raise failure.error from error

    def _prepare(self, *, change: bool) -> None:
        # Another process may be making the tables, which takes longer than any transaction after it.
        patience = self._busy_timeout_s * PREPARING
        session = self._session(WRITING, patience)
        try:
            raw = session.raw
            found = migrate.sqlite_revision(raw, str(self.path))
            if not migrate.is_behind(found, str(self.path), self._steps):
                until_free(lambda: _wal(raw), patience)
                return
            if not change:
                raise migrate.outdated(found, str(self.path), self._steps)
            until_free(lambda: _wal(raw), patience)
            migrate.upgrade_sqlite(session, raw, self.path, self._steps)
        finally:
            session.close()

    def session(self, mode: Mode) -> SqliteSession:
        """A new connection; reading ones cannot write."""
        if mode == "read":
            session = self._session("BEGIN", self._busy_timeout_s)
            session.raw.execute("PRAGMA query_only=ON")
        else:
            session = self._session(WRITING, self._busy_timeout_s)
            session.raw.execute("PRAGMA foreign_keys=ON")
        return session

    def failure(self, error: BaseException, *, connecting: bool) -> Failure | None:
        """What an error of SQLite's means."""
        del connecting
        found = driver_error(error)
        if not isinstance(found, sqlite3.Error):
            return None
        code = getattr(found, "sqlite_errorcode", None)
        if code is None:
            return Failure(StoreError(f"the store {self.path} refused a statement: {one_line(found)}"))
        return sqlite_failure(code, one_line(found), str(self.path), self._busy_timeout_s)

    def _connect(self) -> sqlite3.Connection:
        raw = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_CACHED,
        )
        for pragma in PRAGMAS:
            raw.execute(pragma)
        return raw

    def _session(self, begin: str, busy_timeout_s: float) -> SqliteSession:
        session = SqliteSession(self._engine.connect(), begin, self._times, busy_timeout_s, self._hot)
        if begin == WRITING:
            session.raw.execute(f"PRAGMA busy_timeout={int(min(SHORT_WAIT_S, busy_timeout_s) * 1000)}")
        return session


def until_free(do: Callable[[], Any], seconds: float) -> None:
    """Do it again while another process holds the lock, for at most `seconds`; then raise SQLite's own error."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            do()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(random.uniform(0, SHORT_WAIT_S / 4))  # noqa: S311 - spreads waiting processes
        else:
            return


def _wal(raw: sqlite3.Connection) -> None:
    (mode,) = raw.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        (mode,) = raw.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise StoreError(
            "SQLite does not offer write-ahead logging for this file", hint="put it on a local disk"
        )
