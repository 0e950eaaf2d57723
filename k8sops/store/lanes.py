"""Threads that run transactions, each with a connection of its own, and what is done when one fails.

A connection is opened at first use and kept; one that broke is dropped, and a transaction that had not reached its
commit is repeated on a fresh one. So a restarted server costs its callers nothing but the time it was away. The threads
are plain ones: an executor's futures cost as much as a small transaction.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, Literal, Protocol, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from k8sops.core.errors import StoreError, StoreOutcomeError
from k8sops.store.database import Boundary, Dialect, Tx
from k8sops.store.errors import Failure

T = TypeVar("T")
Mode = Literal["read", "write"]

ATTEMPTS: Final = 6


class Session(Protocol):
    """One connection, used by one thread at a time."""

    def begin(self) -> Tx:
        """Open a transaction."""
        ...

    def commit(self) -> None:
        """Make it last; raises StoreError where the database has already given the transaction up."""
        ...

    def rollback(self) -> None:
        """Undo it; nothing happens where none is open."""
        ...

    def close(self) -> None:
        """Let the connection go; never raises."""
        ...


class Adapter(Protocol):
    """What differs between the databases."""

    @property
    def url_shown(self) -> str:
        """The URL without its password."""
        ...

    @property
    def dialect(self) -> Dialect:
        """The database's name."""
        ...

    @property
    def writers(self) -> int:
        """How many writing transactions may be open at once."""
        ...

    def prepare(self, *, migrate: bool) -> None:
        """See that the store is there and of this program's tables."""
        ...

    def session(self, mode: Mode) -> Session:
        """A new connection; raises library errors."""
        ...

    def failure(self, error: BaseException, *, connecting: bool) -> Failure | None:
        """What a library's error means; None for one that is not the database's."""
        ...


class _FailedError(Exception):
    def __init__(self, failure: Failure) -> None:
        self.failure = failure


class _Job:
    """A transaction asked for by a task. `claim` is taken once: by the thread that runs it, or to call it off."""

    __slots__ = ("claim", "loop", "name", "over", "settled", "waiter", "work")

    def __init__(self, work: Callable[[Tx], Any], name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.name = name
        self.loop = loop
        self.waiter: asyncio.Future[Any] = loop.create_future()
        self.settled: asyncio.Future[None] | None = None
        self.claim = threading.Lock()
        self.over = False

    def finish(self, result: Any, error: BaseException | None) -> None:
        """Tell the task; runs in its event loop."""
        self.over = True
        if self.settled is not None and not self.settled.done():
            self.settled.set_result(None)
        if self.waiter.done():
            return
        if error is None:
            self.waiter.set_result(result)
        else:
            self.waiter.set_exception(error)


class Lane:
    """The threads of one kind of transaction."""

    def __init__(self, adapter: Adapter, mode: Mode, *, threads: int, boundary: Boundary | None) -> None:
        self._adapter = adapter
        self._mode: Mode = mode
        self._boundary = boundary
        self._limit = threads
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open = 0
        self._closed = False

    async def run(self, work: Callable[[Tx], T], name: str) -> T:
        """Run a transaction in one of the threads. A cancelled caller leaves once its transaction is settled."""
        job = _Job(work, name, asyncio.get_running_loop())
        self._put(job)
        try:
            result: T = await job.waiter
        except asyncio.CancelledError:
            if not job.over and not job.claim.acquire(blocking=False):
                job.settled = job.loop.create_future()
                await job.settled
            raise
        return result

    def close(self) -> None:
        """Finish what has been asked for, then close the connections."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _put(self, job: _Job) -> None:
        with self._lock:
            if self._closed:
                raise StoreError(f"the store {self._adapter.url_shown} is closed")
            self._open += 1
            if self._open > len(self._threads) and len(self._threads) < self._limit:
                thread = threading.Thread(target=self._serve, name=f"store-{self._mode}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._jobs.put(job)

    def _serve(self) -> None:
        runner = _Runner(self._adapter, self._mode, self._boundary)
        while (job := self._jobs.get()) is not None:
            result, error = None, None
            if job.claim.acquire(blocking=False):
                try:
                    result = runner.run(job.work, job.name)
                except BaseException as raised:  # noqa: BLE001 - it is the waiting task's, whatever it is
                    error = raised
            with self._lock:
                self._open -= 1
            with suppress(RuntimeError):  # the event loop may be gone by now
                job.loop.call_soon_threadsafe(job.finish, result, error)
            del job, result, error
        runner.close()


class _Runner:
    """One thread's transactions on one connection."""

    def __init__(self, adapter: Adapter, mode: Mode, boundary: Boundary | None) -> None:
        self._adapter = adapter
        self._mode: Mode = mode
        self._boundary = boundary
        self._session: Session | None = None

    def run(self, work: Callable[[Tx], T], name: str) -> T:
        """A transaction, repeated where that may help. Raises what `work` raises, and errors of `core.errors`."""
        try:
            return self._attempt(work, name)
        except _FailedError as failed:
            if not failed.failure.again:
                raise failed.failure.error from failed.__cause__
        again = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, _FailedError) and error.failure.again),
            stop=stop_after_attempt(ATTEMPTS - 1),
            wait=wait_random_exponential(multiplier=0.02, max=0.5),
            reraise=True,
        )
        try:
            result: T = again(self._attempt, work, name)
        except _FailedError as failed:
            raise failed.failure.error from failed.__cause__
        return result

    def close(self) -> None:
        """Let the connection go."""
        if self._session is not None:
            self._session.close()

    def _attempt(self, work: Callable[[Tx], T], name: str) -> T:
        committing = False
        try:
            if self._session is None:
                self._session = self._adapter.session(self._mode)
            tx = self._session.begin()
            result = work(tx)
            if self._boundary is not None:
                self._boundary(f"before:{name}")
            committing = True
            self._session.commit()
        except BaseException as error:
            failure = self._adapter.failure(error, connecting=self._session is None)
            self._give_up(lost=failure is not None and failure.lost)
            if failure is None:
                raise
            unknown = committing and failure.lost and self._mode == "write"
            raise _FailedError(_unknown(failure) if unknown else failure) from error
        if self._boundary is not None:
            self._boundary(f"after:{name}")
        return result

    def _give_up(self, *, lost: bool) -> None:
        session = self._session
        if session is None:
            return
        if not lost:
            try:
                session.rollback()
            except Exception:  # noqa: BLE001 - a connection that cannot even roll back is replaced
                lost = True
        if lost:
            session.close()
            self._session = None


def _unknown(failure: Failure) -> Failure:
    error = StoreOutcomeError(
        f"{failure.error.message}, while a change was being committed",
        hint="the change was made wholly or not at all; look before asking for it again",
    )
    return Failure(error, lost=True)
