"""A table begun before anybody asks for it, because what a screen opens on is known before there is a screen.

The API server then works while the screen is still being loaded. Who asks for the same table is handed this one, once;
nobody ever gets a table older than this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from k8sops.core.tables import LiveRows, TableQuery


class FirstTable(Protocol):
    """What a screen opens on."""

    async def __call__(self, context: str, default_namespace: str) -> TableQuery:
        """The table that will be asked for first, of a context and its default namespace."""
        ...

    def when_shown(self, then: Callable[[], None]) -> None:
        """Have something done once the table is in sight; at once where it is."""
        ...


class TableAhead:
    """Being opened from now on; either taken or closed."""

    def __init__(self, query: TableQuery, opening: Coroutine[Any, Any, LiveRows]) -> None:
        self.query: Final = query
        self._task: Final = asyncio.create_task(opening, name=f"{query.kind} ahead")

    async def taken(self) -> LiveRows:
        """The table, which is the caller's to close from now on. Raises what opening it raises."""
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Stop opening it, and close it where it is open. Idempotent."""
        self._task.cancel()
        (found,) = await asyncio.gather(self._task, return_exceptions=True)
        if not isinstance(found, BaseException):
            await found.aclose()
