"""The way into the store: transactions as functions, on SQLite or PostgreSQL alike.

A work function gets a `Tx`, runs in a thread and may be called again from the start; it makes no call but SQL. What it
raises rolls its transaction back. Library errors come out as errors of `k8sops.core.errors`. SQLAlchemy is imported
when a store is opened, not before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

from k8sops.core.clock import Clock
from k8sops.store.times import LeaseTime, to_ms

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult
    from sqlalchemy.sql.base import Executable

    from k8sops.store.lanes import Lane

T = TypeVar("T")
Dialect = Literal["sqlite", "postgresql"]
Boundary = Callable[[str], None]

BUSY_TIMEOUT_S: Final = 15.0
READERS: Final = 4
WRITERS: Final = 4


class Times(Protocol):
    """The clocks of one transaction."""

    def now(self) -> datetime:
        """Wall time in UTC."""
        ...

    def lease_time(self) -> LeaseTime:
        """The clock of leases."""
        ...


class Executor(Protocol):
    """The connection a transaction is open on."""

    def plain(self) -> Connection:
        """SQLAlchemy's connection."""
        ...

    def execute(self, statement: Executable, parameters: Any) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement."""
        ...

    def send(self, statement: Executable, parameters: Any) -> None:
        """Run a statement of whose result nothing is wanted, at the latest before the commit."""
        ...


class Tx:
    """One open transaction, used only inside the work function it was made for."""

    __slots__ = ("_executor", "_times", "dialect")

    def __init__(self, executor: Executor, dialect: Dialect, times: Times) -> None:
        self._executor = executor
        self.dialect: Final[Dialect] = dialect
        self._times = times

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection, in this transaction; for what `execute` does not offer."""
        return self._executor.plain()

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement of SQLAlchemy Core; statements kept as constants of their module run several times faster.

        Of the result, only `rowcount` and reading rows may be counted on. PostgreSQL gives a transaction up when one
        of its statements fails: provide for conflicts in the statement (ON CONFLICT) instead of catching them.
        """
        return self._executor.execute(statement, parameters)

    def send(self, statement: Executable, parameters: Any) -> None:
        """Run a statement of whose result nothing is wanted: PostgreSQL gets it together with what comes next.

        In order with all others; what is wrong with it is raised there, or by the commit.
        """
        self._executor.send(statement, parameters)

    def now(self) -> datetime:
        """Wall time: the server's clock on PostgreSQL, the injected clock on SQLite."""
        return self._times.now()

    def now_ms(self) -> int:
        """Wall time as tables keep it."""
        return to_ms(self._times.now())

    def lease_time(self) -> LeaseTime:
        """The clock of leases, which no process can set and the injected clock does not move."""
        return self._times.lease_time()


class Database:
    """An open store. Safe to use from many tasks of one event loop."""

    def __init__(self, *, url_shown: str, dialect: Dialect, reads: Lane, writes: Lane) -> None:
        self.url_shown: Final = url_shown
        """The URL without its password."""
        self.dialect: Final[Dialect] = dialect
        self._reads = reads
        self._writes = writes

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work` on one committed state of the store; writing in it is refused.

        Never waits for a write. Raises StoreUnreachableError, StoreBusyError, StoreCorruptError.
        """
        return await self._reads.run(work, "")

    async def write(self, work: Callable[[Tx], T], *, name: str) -> T:
        """Run `work` in a transaction of its own and commit it; `name` names the commit as a crash point.

        `work` is repeated from the start on a deadlock, or where the connection broke before the commit. Cancelling
        the caller leaves the change made wholly or not at all, and returns once that is settled. Raises
        StoreOutcomeError where the connection broke during the commit itself, StoreUnreachableError,
        StoreBusyError, StoreFullError, StorePermissionError, StoreCorruptError, StoreConstraintError.
        """
        return await self._writes.run(work, name)

    async def aclose(self) -> None:
        """Finish what is running and close every connection; closing again does nothing."""
        for lane in (self._writes, self._reads):
            await asyncio.to_thread(lane.close)


async def open_database(
    url: str,
    *,
    clock: Clock,
    boundary: Boundary | None = None,
    migrate: bool = True,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
) -> Database:
    """Open the store at `url`: `sqlite:////path/file.db`, or `postgresql://…` as libpq understands it.

    A SQLite file is made where there is none and brought up to this program's tables, unless `migrate` is false;
    PostgreSQL is never changed. `boundary` is called with `before:NAME` just before each commit and `after:NAME` just
    after it. A lock is waited for at most `busy_timeout_s` seconds.

    Raises StorePlaceError, SchemaOutdatedError, StoreNewerError, and what `Database.read` raises.
    """
    return await asyncio.to_thread(_open, url, clock, boundary, migrate, busy_timeout_s)


def _open(
    url: str, clock: Clock, boundary: Boundary | None, migrate: bool, busy_timeout_s: float
) -> Database:
    from k8sops.store.lanes import Lane  # noqa: PLC0415 - SQLAlchemy comes with it
    from k8sops.store.opening import adapter_for  # noqa: PLC0415 - the same

    adapter = adapter_for(url, clock=clock, busy_timeout_s=busy_timeout_s)
    adapter.prepare(migrate=migrate)
    return Database(
        url_shown=adapter.url_shown,
        dialect=adapter.dialect,
        reads=Lane(adapter, "read", threads=READERS, boundary=None),
        writes=Lane(adapter, "write", threads=adapter.writers, boundary=boundary),
    )
