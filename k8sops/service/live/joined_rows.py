"""Several live tables of one kind as one: of several namespaces, or of several clusters.

It is as true as the worst of its parts: stale while one is, and it says which. Columns are the first part's that has
any; a part whose columns are others shows what stands under the same name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Final

import msgspec

from k8sops.core.changing import COALESCE_S
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.tables import Column, FeedState, LiveRows, Row

_WORST: Final = (FeedState.FAILED, FeedState.STALE, FeedState.LOADING, FeedState.LIVE)

Marked = Callable[[str, Row], Row]
"""From the name of a part and one of its rows to the row as it stands in the whole."""


class JoinedRows:
    """Takes over the parts, each with its name, and closes them."""

    def __init__(
        self,
        parts: Sequence[tuple[str, LiveRows]],
        clock: Clock,
        *,
        lead: str = "",
        mark: Marked | None = None,
    ) -> None:
        """`mark` tells rows of different parts apart and fills the column `lead`."""
        self._lead: Final = (Column(name=lead),) if lead else ()
        self._parts: Final = tuple(parts)
        self._clock: Final = clock
        self._mark: Final = mark
        self._given: tuple[int, Sequence[Row]] = (-1, ())
        self._kept: dict[str, tuple[Row, Row]] = {}
        self._columns: tuple[Column, ...] = ()

    @property
    def columns(self) -> Sequence[Column]:
        """The first part's that has any; the longest once all have."""
        found = max((tuple(part.columns) for _, part in self._parts), key=len)
        if found != self._columns:
            self._columns, self._kept = found, {}
        return (*self._lead, *self._columns) if found else ()

    @property
    def rows(self) -> Sequence[Row]:
        """By part, then as the part orders them."""
        version = self.version
        if self._given[0] != version:
            self._given = (version, self._joined())
        return self._given[1]

    @property
    def version(self) -> int:
        """Grows with every change of any part."""
        return sum(part.version for _, part in self._parts)

    @property
    def state(self) -> FeedState:
        """The worst of the parts', but failed only where all have."""
        states = {part.state for _, part in self._parts}
        if states == {FeedState.FAILED}:
            return FeedState.FAILED
        worst = next(state for state in _WORST if state in states)
        return FeedState.STALE if worst is FeedState.FAILED else worst

    @property
    def trouble(self) -> str:
        """Each part's, with its name."""
        told = (f"{name}: {part.trouble.rstrip('.')}" for name, part in self._parts if part.trouble)
        return "; ".join(told)

    @property
    def stale_since(self) -> datetime | None:
        """Since when the first part may be out of date."""
        return min((part.stale_since for _, part in self._parts if part.stale_since), default=None)

    @property
    def note(self) -> str:
        """What the parts cannot tell."""
        notes = (part.note for _, part in self._parts)
        return "; ".join(dict.fromkeys(note for note in notes if note))

    @property
    def error(self) -> K8sOpsError | None:
        """The first part's, once all have failed."""
        if self.state is not FeedState.FAILED:
            return None
        return next((part.error for _, part in self._parts if part.error is not None), None)

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yields after changes of any part; ends when all have ended."""
        changed = asyncio.Event()
        tasks = {
            asyncio.create_task(_pass_on(part, changed), name=f"part {name}") for name, part in self._parts
        }
        try:
            yield
            while not all(task.done() for task in tasks):
                await changed.wait()
                changed.clear()
                yield
                await self._clock.sleep(COALESCE_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """Close every part. Idempotent."""
        await asyncio.gather(*(part.aclose() for _, part in self._parts))

    def _joined(self) -> Sequence[Row]:
        columns = [column.name for column in self.columns[len(self._lead) :]]
        rows: list[Row] = []
        for name, part in self._parts:
            theirs = [column.name for column in part.columns]
            if theirs == columns and self._mark is None:
                rows += part.rows
            else:
                rows += [self._fitted(name, row, theirs, columns) for row in part.rows]
        return tuple(rows)

    def _fitted(self, part: str, row: Row, theirs: list[str], columns: list[str]) -> Row:
        key = f"{part}/{row.uid or f'{row.namespace}/{row.name}'}"
        kept = self._kept.get(key)
        if kept is not None and kept[0] is row:
            return kept[1]
        found = row
        if theirs != columns:
            named = dict(zip(theirs, row.cells, strict=False))
            found = msgspec.structs.replace(row, cells=tuple(named.get(each, "") for each in columns))
        if self._mark is not None:
            found = self._mark(part, found)
        self._kept[key] = (row, found)
        return found


async def _pass_on(part: LiveRows, changed: asyncio.Event) -> None:
    try:
        async with aclosing(part.changes()) as changes:
            async for _ in changes:
                changed.set()
    finally:
        changed.set()
