"""The parts of a table over several contexts, each shown as it comes, and what is said of those that do not.

A context that is missing is none that is stale: the rows of the others are as true as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.tables import Column, FeedState, LiveRows, Row
from k8sops.service.live.joined_rows import JoinedRows


class LateRows:
    """Live rows that are being opened: loading and empty until then, and for good where they cannot be."""

    def __init__(self, opening: Coroutine[Any, Any, LiveRows], name: str) -> None:
        self._opened: LiveRows | None = None
        self.refusal: K8sOpsError | None = None
        """Why it could not be opened."""
        self.task: Final = asyncio.create_task(self._open(opening), name=name)

    @property
    def is_open(self) -> bool:
        """Whether it has rows of its own."""
        return self._opened is not None

    @property
    def is_coming(self) -> bool:
        """Whether it is still being opened."""
        return self._opened is None and self.refusal is None

    @property
    def columns(self) -> Sequence[Column]:
        """Those of what was opened."""
        return self._opened.columns if self._opened is not None else ()

    @property
    def rows(self) -> Sequence[Row]:
        """Those of what was opened."""
        return self._opened.rows if self._opened is not None else ()

    @property
    def version(self) -> int:
        """Grows by opening, too."""
        return self._opened.version + 1 if self._opened is not None else 0

    @property
    def state(self) -> FeedState:
        """One that is missing holds back none of the others."""
        if self._opened is not None:
            return self._opened.state
        return FeedState.LOADING if self.is_coming else FeedState.LIVE

    @property
    def trouble(self) -> str:
        """Why it is missing, or what its rows say."""
        if self.refusal is not None:
            return self.refusal.message
        return self._opened.trouble if self._opened is not None else ""

    @property
    def stale_since(self) -> datetime | None:
        """Of the rows."""
        return self._opened.stale_since if self._opened is not None else None

    @property
    def note(self) -> str:
        """Of the rows."""
        return self._opened.note if self._opened is not None else ""

    @property
    def error(self) -> K8sOpsError | None:
        """Why it could not be opened, or what ended it."""
        return self._opened.error if self._opened is not None else self.refusal

    async def changes(self) -> AsyncGenerator[None, None]:
        """Its opening is the first."""
        await asyncio.wait({self.task})
        yield
        if self._opened is not None:
            async with aclosing(self._opened.changes()) as changes:
                async for _ in changes:
                    yield

    async def aclose(self) -> None:
        """Stop opening, or close. Idempotent."""
        self.task.cancel()
        await asyncio.wait({self.task})
        if self._opened is not None:
            await self._opened.aclose()

    async def _open(self, opening: Coroutine[Any, Any, LiveRows]) -> None:
        try:
            self._opened = await opening
        except K8sOpsError as error:
            self.refusal = error
        except Exception as error:  # noqa: BLE001 - worker boundary: a task's failure must reach the screen
            self.refusal = K8sOpsError(f"opening it failed unexpectedly: {type(error).__name__}: {error}")


class AcrossRows(JoinedRows):
    """The parts by their context; closes them."""

    def __init__(
        self,
        parts: Mapping[str, LateRows],
        clock: Clock,
        *,
        lead: str,
        mark: Callable[[str, Row], Row],
    ) -> None:
        super().__init__(tuple(parts.items()), clock, lead=lead, mark=mark)
        self._late: Final = dict(parts)

    @property
    def note(self) -> str:
        """Which contexts are missing or still being reached, before what the others cannot tell."""
        missing = [context for context, part in self._late.items() if part.refusal is not None]
        coming = [context for context, part in self._late.items() if part.is_coming]
        said = [f"missing: {', '.join(missing)}"] if missing else []
        said += [f"still reaching: {', '.join(coming)}"] if coming else []
        return "; ".join((*said, *filter(None, (super().note,))))

    @property
    def trouble(self) -> str:
        """Why contexts are missing comes once that is known of all: until then it is still loading."""
        return "" if any(part.is_coming for part in self._late.values()) else super().trouble

    async def opened(self) -> None:
        """Return once one part is open; raises what the first one says where none can be, having closed all."""
        pending = {part.task for part in self._late.values()}
        try:
            while pending and not any(part.is_open for part in self._late.values()):
                _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.aclose()
            raise
        if not any(part.is_open for part in self._late.values()):
            raise next(part.refusal for part in self._late.values() if part.refusal is not None)
