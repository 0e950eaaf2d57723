"""PostgreSQL through psycopg 3: a few threads with a connection each, and as few round trips as there can be.

BEGIN goes with a transaction's first statement and brings the server's clock back with it. Within a transaction time is
that moment plus what has passed here since, which is never ahead of the server. A stopped process must not hold the
others up: the server ends a transaction that idles, a wait for a lock, and a statement that takes too long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final, cast

import psycopg
from psycopg.pq.abc import PGresult
from sqlalchemy import URL, Connection, CursorResult, NullPool, RootTransaction, create_engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.base import Executable

from k8sops.core.errors import StoreError
from k8sops.store.database import WRITERS, Dialect, Tx
from k8sops.store.errors import Failure, connect_failure, driver_error, one_line, postgres_failure
from k8sops.store.hot import HotStatement, HotStatements
from k8sops.store.lanes import Mode
from k8sops.store.migrate import is_behind, outdated, postgres_revision
from k8sops.store.prepared import PreparedStatements
from k8sops.store.times import LeaseTime, since_boot

BEGIN: Final[dict[Mode, bytes]] = {
    "write": b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    # One state for all statements of a read, as SQLite gives it.
    "read": b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}
CLOCK: Final = b"SELECT extract(epoch FROM clock_timestamp())::float8"
STATEMENT_TIMEOUT_S: Final = 15.0
IDLE_TIMEOUT_S: Final = 3.0
"""How long a stopped process may hold its locks: less than a lease, so that takeover is not held up."""
CONNECT: Final[dict[str, Any]] = {
    "application_name": "k8sops",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,
}
SECRET_KEYS: Final = ("password", "sslpassword", "oauth_client_secret")


class PostgresTimes:
    """The server's clock, read once when the transaction began."""

    __slots__ = ("_ask", "_begun", "_epoch")

    def __init__(self, ask: Callable[[], None]) -> None:
        """`ask` has the server heard, where nothing has been sent to it yet."""
        self._ask = ask
        self._epoch: float | None = None
        self._begun = 0.0

    def heard(self, result: PGresult) -> None:
        """What the server said."""
        self._epoch = float(cast("bytes", result.get_value(0, 0)))
        self._begun = since_boot()

    def _seconds(self) -> float:
        if self._epoch is None:
            self._ask()
        assert self._epoch is not None  # noqa: S101 - asking raises, or is answered
        return self._epoch + (since_boot() - self._begun)

    def now(self) -> datetime:
        """The server's moment."""
        return datetime.fromtimestamp(self._seconds(), UTC)

    def lease_time(self) -> LeaseTime:
        """The server's seconds since 1970."""
        return LeaseTime("", self._seconds())


class PostgresSession:
    """One connection to the server."""

    def __init__(self, connection: Connection, mode: Mode, hot: HotStatements) -> None:
        self._connection = connection
        self._raw: Final = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        self._begin: Final = BEGIN[mode]
        self._hot = hot
        self._prepared: Final = PreparedStatements(self._raw)
        self._root: RootTransaction | None = None

    def begin(self) -> Tx:
        """A transaction, opened by its first statement."""
        times = PostgresTimes(self._prepared.flush)
        self._prepared.begin(self._begin, CLOCK, times.heard)
        return Tx(self, "postgresql", times)

    def plain(self) -> Connection:
        """SQLAlchemy's connection."""
        self._prepared.flush()
        if self._root is None:
            self._root = self._connection.begin()
        return self._connection

    def execute(self, statement: Executable, parameters: Any) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement, directly where it is known."""
        hot = self._hot.find(statement, parameters)
        if hot is not None:
            try:
                found = self._run(hot, parameters)
            except psycopg.Error as error:
                raise self._hot.wrapped(error, hot.text) from error
            if found is not None:
                return cast("CursorResult[*tuple[Any, ...]]", found)
        return self.plain().execute(statement, parameters)

    def send(self, statement: Executable, parameters: Any) -> None:
        """Keep it for the next round trip, where it is known."""
        for one in parameters if isinstance(parameters, list) else [parameters]:
            hot = self._hot.find(statement, one)
            if hot is None or not self._later(hot, one):
                self.plain().execute(statement, one)

    def _later(self, hot: HotStatement, given: dict[str, Any] | None) -> bool:
        try:
            return self._prepared.later(hot, given)
        except psycopg.Error as error:
            raise self._hot.wrapped(error, hot.text) from error

    def commit(self) -> None:
        """Make it last. PostgreSQL answers the COMMIT of a failed transaction by undoing it, without an error."""
        if self._prepared.commit() != b"COMMIT":
            raise StoreError("a statement failed in the transaction and its error was not passed on")
        self._end()

    def rollback(self) -> None:
        """Undo it."""
        self._prepared.forget()
        self._raw.rollback()
        self._end()

    def close(self) -> None:
        """Let the connection go, without a word to a server that may be away."""
        self._root = None
        for part in (self._connection.invalidate, self._connection.close):
            with suppress(Exception):
                part()

    def _run(self, hot: HotStatement, parameters: Any) -> object | None:
        """What a known statement gave; None where it is to be run by SQLAlchemy all the same."""
        if parameters is None or isinstance(parameters, dict):
            return self._prepared.run(hot, parameters)
        if len(parameters) == 1:
            return self._prepared.run(hot, parameters[0])
        self._prepared.flush()
        cursor = self._raw.cursor()
        cursor.executemany(hot.text.encode(), [hot.named(one) for one in parameters])
        return cursor if hot.metadata is None else hot.rows(cursor.fetchall())

    def _end(self) -> None:
        root, self._root = self._root, None
        if root is not None:
            root.close()


class PostgresStore:
    """The adapter for one database of a server."""

    dialect: Dialect = "postgresql"
    writers = WRITERS

    def __init__(self, url: URL, *, busy_timeout_s: float) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        self._passwords = tuple(
            str(value) for value in (url.password, *(url.query.get(key) for key in SECRET_KEYS)) if value
        )
        self.url_shown = shown(url)
        self._busy_timeout_s = busy_timeout_s
        given = {key: value for key, value in CONNECT.items() if key not in url.query}
        self._engine = create_engine(
            self._url, poolclass=NullPool, hide_parameters=True, use_native_hstore=False, connect_args=given
        )
        # Placeholders by number, as the server itself reads them.
        numbered = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        self._hot = HotStatements(self._engine.dialect, numbered)
        event.listen(self._engine, "connect", self._settle)

    def prepare(self, *, migrate: bool) -> None:
        """See that the tables are this program's; they are changed by `store migrate` only."""
        del migrate
        with self.errors(), self._engine.connect() as connection:
            found = postgres_revision(connection)
            if is_behind(found, self.url_shown):
                raise outdated(found, self.url_shown)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the server's errors, and the connection's, into ours."""
        try:
            yield
        except Exception as error:  # drivers and SQLAlchemy share no base; what is not theirs is raised on
            failure = self.failure(error, connecting=True)
            if failure is None:
                raise
            raise failure.error from error

    def session(self, mode: Mode) -> PostgresSession:
        """A new connection."""
        return PostgresSession(self._engine.connect(), mode, self._hot)

    def failure(self, error: BaseException, *, connecting: bool) -> Failure | None:
        """What an error of the server's, or of the connection, means."""
        found = driver_error(error)
        if not isinstance(found, psycopg.Error):
            return None
        text = one_line(found.diag.message_primary or found, without=self._passwords)
        if connecting and not found.sqlstate and isinstance(found, psycopg.OperationalError):
            return connect_failure(text, self.url_shown)
        lost = not found.sqlstate and isinstance(found, psycopg.OperationalError)
        return postgres_failure(found.sqlstate or "", text, self.url_shown, lost=lost)

    def _settle(self, raw: Any, _record: object) -> None:
        connection: psycopg.Connection[Any] = getattr(raw, "driver_connection", raw)
        connection.autocommit = True
        # What psycopg has prepared itself it throws away at a rollback, and what this program has with it.
        connection.prepare_threshold = None
        connection.execute(
            f"SET statement_timeout = {_ms(STATEMENT_TIMEOUT_S)};"
            f"SET lock_timeout = {_ms(self._busy_timeout_s)};"
            f"SET idle_in_transaction_session_timeout = {_ms(IDLE_TIMEOUT_S)}".encode()
        )


def shown(url: URL) -> str:
    """The URL without anything secret."""
    safe = url.set(drivername="postgresql").difference_update_query(SECRET_KEYS)
    return safe.render_as_string(hide_password=True)


def _ms(seconds: float) -> int:
    return math.ceil(seconds * 1000)
