"""A live table with figures beside the server's cells; they come later than the rows, and are asked for every so often.

Rows are put together when they are looked at, so that a table of a hundred thousand costs what is in sight, and a row
stays the same object while neither its cells nor its figures change: that is how those who draw tell what is new.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Final, overload

import msgspec

from k8sops.core.changing import Changes
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.ports import ClusterReader
from k8sops.core.tables import Column, FeedState, LiveRows, Row, TableQuery
from k8sops.service.live.figure_columns import NODE_COLUMNS, POD_COLUMNS
from k8sops.service.live.slices import breathe

if TYPE_CHECKING:
    from k8sops.service.live.figures import Cells
    from k8sops.service.live.sources import FigureSource

LEAST_PAUSE_S: Final = 15.0
"""metrics-server looks every fifteen seconds."""
ROWS_A_SECOND: Final = 200
"""A large table is asked about more seldom: so many rows for each second between."""


def figured(
    base: LiveRows,
    reader: ClusterReader,
    plural: str,
    query: TableQuery,
    clock: Clock,
    in_sight: asyncio.Event | None = None,
) -> FiguredRows:
    """A table of pods or nodes with its figures, which are loaded once it is in sight."""
    of_nodes = plural == "nodes"

    async def source() -> FigureSource:
        if in_sight is not None:
            await in_sight.wait()
        module = await asyncio.to_thread(importlib.import_module, "k8sops.service.live.sources")
        found: FigureSource = module.NodeFigures(reader) if of_nodes else module.PodFigures(reader, query)
        return found

    return FiguredRows(base, NODE_COLUMNS if of_nodes else POD_COLUMNS, source, clock)


class _Merged(Sequence[Row]):
    """Rows with their figures, made as they are looked at; all of them only once, by the first to ask for all."""

    def __init__(self, base: Sequence[Row], rows: FiguredRows) -> None:
        self._base: Final = base
        self._rows: Final = rows
        self._all: list[Row] | None = None

    def __len__(self) -> int:
        return len(self._base)

    def __iter__(self) -> Iterator[Row]:
        if self._all is None:
            self._all = self._rows.all_merged(self._base)
        return iter(self._all)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if self._all is not None:
            return self._all[index]
        if isinstance(index, slice):
            return [self._rows.merged(row) for row in self._base[index]]
        return self._rows.merged(self._base[index])


class FiguredRows:
    """Takes over a live table, and closes it."""

    def __init__(
        self,
        base: LiveRows,
        added: Sequence[Column],
        source: Callable[[], Awaitable[FigureSource]],
        clock: Clock,
    ) -> None:
        """`source` is asked for once all rows are there: what it loads would hold up the first."""
        self._base: Final = base
        self._added: Final = added
        self._load: Final = source
        self._source: FigureSource | None = None
        self._clock: Final = clock
        self._cells: Mapping[str, Cells] = {}
        self._round = 0
        self._kept: dict[str, tuple[Row, Cells, Row]] = {}
        self._all_wanted = False
        self._given: tuple[int, Sequence[Row]] = (-1, ())
        self._columns: tuple[Sequence[Column], tuple[Column, ...], int] = ((), (), 0)
        self._trouble = ""
        self._changes = Changes(self._clock)
        self._ended = False
        self._tasks = {
            asyncio.create_task(self._pass_on(), name="figured rows"),
            asyncio.create_task(self._measure(), name="figures"),
        }

    @property
    def columns(self) -> Sequence[Column]:
        """The server's, with those of the figures before the age."""
        return self._shown_columns()[1]

    @property
    def rows(self) -> Sequence[Row]:
        """As the base orders them."""
        version = self.version
        if self._given[0] != version:
            self._shown_columns()
            self._given = (version, _Merged(self._base.rows, self))
        return self._given[1]

    @property
    def version(self) -> int:
        """Grows with every change of rows or figures."""
        return self._base.version + self._round

    @property
    def state(self) -> FeedState:
        """As the base."""
        return self._base.state

    @property
    def trouble(self) -> str:
        """As the base."""
        return self._base.trouble

    @property
    def stale_since(self) -> datetime | None:
        """As the base."""
        return self._base.stale_since

    @property
    def note(self) -> str:
        """What the figures cannot tell."""
        return self._trouble or (self._source.note if self._source is not None else "")

    @property
    def error(self) -> K8sOpsError | None:
        """As the base."""
        return self._base.error

    def changes(self) -> AsyncGenerator[None, None]:
        """Yields after changes of either, at most ten times a second; ends with the base."""
        return self._changes.follow(lambda: self._ended)

    async def aclose(self) -> None:
        """Stop asking and close the base. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._base.aclose()
        self._end()

    def merged(self, row: Row) -> Row:
        """A row of the base with its figures."""
        cells = self._cells.get(row.uid, ())
        kept = self._kept.get(row.uid)
        if kept is not None and kept[0] is row and kept[1] is cells:
            return kept[2]
        found = self._joined(row, cells)
        if len(self._kept) > 2 * len(self._base.rows) + 1000:
            self._kept = {}
        self._kept[row.uid] = (row, cells, found)
        return found

    def all_merged(self, rows: Sequence[Row]) -> list[Row]:
        """All rows of the base with their figures; those that did not change cost three look-ups."""
        self._all_wanted = True
        kept, cells_of, found = self._kept.get, self._cells.get, []
        for row in rows:
            held = kept(row.uid)
            same = held is not None and held[0] is row and held[1] is cells_of(row.uid, ())
            found.append(held[2] if same and held is not None else self.merged(row))
        return found

    def _shown_columns(self) -> tuple[Sequence[Column], tuple[Column, ...], int]:
        base = self._base.columns
        if self._columns[0] is not base and tuple(self._columns[0]) != tuple(base):
            place = next(
                (index for index, column in enumerate(base) if column.name.lower() == "age"), len(base)
            )
            self._columns = (base, (*base[:place], *self._added, *base[place:]), place)
            self._kept = {}
        return self._columns

    async def _pass_on(self) -> None:
        async with aclosing(self._base.changes()) as changes:
            async for _ in changes:
                self._tell()
        self._end()

    async def _measure(self) -> None:
        while True:
            while self._base.state is not FeedState.LIVE:
                await self._changes.next()
            rows = self._base.rows
            try:
                if self._source is None:
                    self._source = await self._load()
                await self._take(await self._source.read(rows))
                self._trouble = ""
            except K8sOpsError as error:
                self._cells, self._trouble = {}, f"no figures: {error.message}"
            except Exception as error:  # noqa: BLE001 - worker boundary: figures must not end the table they stand in
                self._cells = {}
                self._trouble = f"no figures, unexpectedly: {type(error).__name__}: {error}"
            self._round += 1
            self._tell()
            await self._clock.sleep(max(LEAST_PAUSE_S, len(rows) / ROWS_A_SECOND))

    async def _take(self, cells: Mapping[str, Cells]) -> None:
        """Use these figures; where all rows are looked at, as for a filter, they are put together before, in slices."""
        made: dict[str, tuple[Row, Cells, Row]] = {}
        if self._all_wanted:
            self._all_wanted = False
            columns = self._shown_columns()
            for number, row in enumerate(self._base.rows):
                await breathe(number)
                new, held = cells.get(row.uid, ()), self._kept.get(row.uid)
                same = held is not None and held[0] is row and held[1] is new
                made[row.uid] = held if same and held is not None else (row, new, self._joined(row, new))
            if self._columns is not columns:
                made = {}
        self._cells = cells
        self._kept |= made

    def _joined(self, row: Row, cells: Cells) -> Row:
        place = self._columns[2]
        shown = cells or ("",) * len(self._added)
        return msgspec.structs.replace(row, cells=(*row.cells[:place], *shown, *row.cells[place:]))

    def _tell(self) -> None:
        self._changes.tell()

    def _end(self) -> None:
        self._ended = True
        self._tell()
