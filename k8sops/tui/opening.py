"""What begins before there is a screen: the connection, while Textual and the screens are still being loaded.

Loads none of them itself. A context manager is entered and left by one task, so the connection has one of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from k8sops.core.ops import Ops
    from k8sops.core.screen import ScreenMemory
    from k8sops.core.tables import TableQuery

LEAVING_DEADLINE_S: Final = 5.0


class EarlyOpening:
    """Opens at once, for the first who comes; close it whether or not somebody came."""

    def __init__(self, open_ops: Callable[[], AbstractAsyncContextManager[Ops]]) -> None:
        self._open_ops: Final = open_ops
        self._is_taken = False
        self._left: Final = asyncio.Event()
        self._opened: Final[asyncio.Future[Ops]] = asyncio.get_running_loop().create_future()
        self._task: Final = asyncio.create_task(self._hold(), name="connection ahead of the screen")

    def open(self) -> AbstractAsyncContextManager[Ops]:
        """The service: what was opened ahead, and for whoever comes again a new one."""
        is_first, self._is_taken = not self._is_taken, True
        return self._taken() if is_first else self._open_ops()

    async def aclose(self) -> None:
        """Leave what is still open, and give up after five seconds. Idempotent."""
        if self._is_open and not self._left.is_set():
            self._left.set()
            await asyncio.wait({self._task}, timeout=LEAVING_DEADLINE_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._opened.done() and not self._opened.cancelled():
            # Nobody may have come to hear of it: what ended the program is told instead.
            self._opened.exception()

    @asynccontextmanager
    async def _taken(self) -> AsyncGenerator[Ops, None]:
        """Raises what opening raised, and at its end what closing does."""
        try:
            yield await asyncio.shield(self._opened)
        finally:
            self._left.set()
            if self._is_open:
                await asyncio.shield(self._task)

    @property
    def _is_open(self) -> bool:
        return self._opened.done() and not self._opened.cancelled() and self._opened.exception() is None

    async def _hold(self) -> None:
        try:
            async with self._open_ops() as ops:
                self._opened.set_result(ops)
                await self._left.wait()
        except Exception as error:  # worker boundary: the screen tells it, once there is one
            if self._opened.done():
                raise
            self._opened.set_exception(error)


class FirstTable:
    """The table that the screen will ask for first, and word of when it is in sight."""

    def __init__(self, start: TableQuery, memory: ScreenMemory, *, all_namespaces: bool) -> None:
        self._start: Final = start
        self._memory: Final = memory
        self._is_settled: Final = bool(start.namespace) or all_namespaces
        self._is_shown = False
        self._then: list[Callable[[], None]] = []

    def shown(self) -> None:
        """The table is in sight. Idempotent."""
        self._is_shown = True
        waiting, self._then = self._then, []
        for then in waiting:
            then()

    def when_shown(self, then: Callable[[], None]) -> None:
        """Have something done once the table is in sight; at once where it is."""
        if self._is_shown:
            then()
        else:
            self._then.append(then)

    async def __call__(self, context: str, default_namespace: str) -> TableQuery:
        """The table, of a context and its default namespace."""
        if self._is_settled:
            return self._start
        held = (await self._memory.recall()).get("namespaces")
        remembered = held.get(context) if isinstance(held, dict) else None
        namespace = default_namespace if remembered is None else str(remembered)
        return msgspec.structs.replace(self._start, namespace=namespace)
