"""The store as the carrier of one run uses it: a store that is away is waited for, a run that is another's is left.

No action and no end of a run fails because the database was restarted. Whoever holds the lease when the store answers
again goes on; who does not hears it as `Fenced`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from k8sops.core.clock import Clock
from k8sops.core.errors import FencedOutError, K8sOpsError, StoreOutcomeError
from k8sops.core.journal import Fenced
from k8sops.engine.lease_guard import LeaseGuard
from k8sops.store.database import Database, Tx

RETRY_S: Final = 0.25

T = TypeVar("T")


class LeasedStore:
    """Reads and writes under one lease."""

    def __init__(self, database: Database, guard: LeaseGuard, clock: Clock) -> None:
        self._database = database
        self._guard = guard
        self._clock = clock

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Read, however long the store is away. Raises Fenced."""
        return await self._patiently(lambda: self._database.read(work))

    async def write(
        self, work: Callable[[Tx], object], name: str, landed: Callable[[Tx], bool] | None = None
    ) -> None:
        """Write once, however long the store is away. Raises Fenced.

        Where the connection broke during the commit, `landed` looks whether the change is there; without it, the
        change is one that may be made twice.
        """

        async def attempt() -> None:
            try:
                await self._database.write(work, name=name)
            except StoreOutcomeError:
                if landed is None or not await self.read(landed):
                    raise

        await self._patiently(attempt)

    async def _patiently(self, once: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await once()
            except FencedOutError as error:
                raise Fenced(error.message) from error
            except K8sOpsError as error:
                if not error.transient:
                    raise
            self._guard.check()
            await self._clock.sleep(RETRY_S)


async def unbroken(work: Coroutine[Any, Any, None]) -> None:
    """Finish it, however often the task is cancelled meanwhile; the caller goes on with the cancel."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()
