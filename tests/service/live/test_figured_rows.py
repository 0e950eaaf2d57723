"""Figures beside live rows, and several tables as one: what changes, what stays the same object, what ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

import msgspec

from k8sops.core.errors import SelectorError, UnreachableError
from k8sops.core.tables import Column, FeedState, LiveRows, Row
from k8sops.service.live.figured_rows import FiguredRows
from k8sops.service.live.figures import Cells
from k8sops.service.live.joined_rows import JoinedRows
from tests.tui.feeds import POD_COLUMNS, Feed, FixedClock, pod

DEADLINE_S = 60


class HeldClock(FixedClock):
    """A clock whose pauses end when the test says so; short ones at once."""

    def __init__(self) -> None:
        super().__init__()
        self.again = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds < 1:
            await asyncio.sleep(0)
            return
        await self.again.wait()
        self.again.clear()


class Source:
    """Figures the test sets."""

    columns: Sequence[Column] = (Column(name="CPU", type="number"),)

    def __init__(self, cells: Mapping[str, Cells]) -> None:
        self.cells = cells
        self.note = ""
        self.failure: Exception | None = None
        self.asked = 0
        self.loaded = 0

    async def load(self) -> Source:
        self.loaded += 1
        return self

    async def read(self, rows: Sequence[Row]) -> Mapping[str, Cells]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.cells


@asynccontextmanager
async def _figured(feed: Feed, source: Source, clock: HeldClock) -> AsyncIterator[FiguredRows]:
    rows = FiguredRows(feed, source.columns, source.load, clock)
    try:
        yield rows
    finally:
        await rows.aclose()


def _state(rows: LiveRows) -> FeedState:
    return rows.state


async def _until(rows: LiveRows, holds: object) -> None:
    assert callable(holds)
    async with asyncio.timeout(DEADLINE_S), aclosing(rows.changes()) as changes:
        async for _ in changes:
            if holds():
                return


async def test_figures_stand_before_the_age_and_rows_do_not_wait_for_them() -> None:
    """The first rows are what one waits for."""
    feed, source, clock = Feed(), Source({"u1": ("5m",)}), HeldClock()
    async with _figured(feed, source, clock) as rows:
        assert len(rows.columns) == 0
        feed.set([pod("web-1", uid="u1"), pod("web-2", uid="u2")], POD_COLUMNS)
        assert [column.name for column in rows.columns][:6] == [
            "Name",
            "Ready",
            "Status",
            "Restarts",
            "CPU",
            "Age",
        ]
        assert [row.cells[4] for row in rows.rows] == ["", ""]
        assert source.asked == source.loaded == 0
        feed.become(FeedState.LIVE)
        await _until(rows, lambda: [row.cells[4] for row in rows.rows] == ["5m", ""])
        assert source.loaded == 1
        assert rows.rows[0].cells[5:] == pod("web-1", uid="u1").cells[4:]
        assert [row.name for row in rows.rows[::-1]] == ["web-2", "web-1"]


async def test_a_row_stays_the_same_object_while_nothing_of_it_changes() -> None:
    """Rows are drawn, searched and sorted anew only where they are others."""
    feed = Feed(POD_COLUMNS, [pod("web-1", uid="u1"), pod("web-2", uid="u2")])
    same: Cells = ("5m",)
    source, clock = Source({"u1": same, "u2": ("7m",)}), HeldClock()
    async with _figured(feed, source, clock) as rows:
        await _until(rows, lambda: rows.rows[0].cells[4] == "5m")
        first, second, version = rows.rows[0], rows.rows[1], rows.version
        source.cells = {"u1": same, "u2": ("9m",)}
        clock.again.set()
        await _until(rows, lambda: rows.version > version)
        assert rows.rows[0] is first
        assert rows.rows[1] is not second
        assert rows.rows[1].cells[4] == "9m"


async def test_figures_that_cannot_be_had_are_told_and_the_rows_stay() -> None:
    """A metrics server that is down must not take the pods with it."""
    feed = Feed(POD_COLUMNS, [pod("web-1", uid="u1")])
    source, clock = Source({"u1": ("5m",)}), HeldClock()
    async with _figured(feed, source, clock) as rows:
        await _until(rows, lambda: rows.rows[0].cells[4] == "5m")
        for failure in (UnreachableError("it does not answer"), RuntimeError("a defect")):
            source.failure = failure
            clock.again.set()
            await _until(rows, lambda failure=failure: str(failure) in rows.note)
            assert rows.rows[0].cells[4] == ""
            assert rows.state is FeedState.LIVE
        source.failure = None
        clock.again.set()
        await _until(rows, lambda: rows.note == "")


async def test_closing_closes_the_table_below_and_ends_whoever_follows() -> None:
    """A watch left behind for every table looked at would be a leak."""
    feed = Feed(POD_COLUMNS, [pod("web-1")])
    source = Source({})
    rows = FiguredRows(feed, source.columns, source.load, HeldClock())
    followed = asyncio.create_task(_until(rows, lambda: False))
    await asyncio.sleep(0)
    await rows.aclose()
    await followed
    assert feed.closed


async def test_two_namespaces_are_one_table_as_true_as_the_worse_of_them() -> None:
    """Half a table that passes for a whole one is worse than a stale one."""
    shop = Feed(POD_COLUMNS, [pod("web-1")])
    pay = Feed(POD_COLUMNS, [pod("api-1", namespace="payments")])
    joined = JoinedRows([("payments", pay), ("shop", shop)], HeldClock())
    assert [row.name for row in joined.rows] == ["api-1", "web-1"]
    assert _state(joined) is FeedState.LIVE
    since = FixedClock().now()
    pay.become(FeedState.STALE, "connection refused.", since)
    assert (_state(joined), joined.stale_since) == (FeedState.STALE, since)
    assert joined.trouble == "payments: connection refused"
    pay.become(FeedState.FAILED, "forbidden")
    assert _state(joined) is FeedState.STALE
    assert joined.error is None, "there are rows of the other"
    version = joined.version
    shop.put(pod("web-2"))
    assert joined.version > version
    assert [row.name for row in joined.rows] == ["api-1", "web-1", "web-2"]
    followed = asyncio.create_task(_until(joined, lambda: False))
    await asyncio.sleep(0)
    await joined.aclose()
    await followed
    assert shop.closed
    assert pay.closed


def test_a_part_with_other_columns_shows_what_has_the_same_name() -> None:
    """Clusters of two versions print two sets of columns; a cell under a wrong title is a lie."""
    old = (Column(name="Name"), Column(name="Age"))
    new = (Column(name="Name"), Column(name="Status"), Column(name="Age"))

    def made(name: str, *cells: str) -> Row:
        return msgspec.structs.replace(pod(name), cells=(name, *cells))

    one, two = Feed(old, [made("a", "1d")]), Feed(new, [made("b", "Ready", "2d")])
    joined = JoinedRows([("one", one), ("two", two)], FixedClock())
    assert [row.cells for row in joined.rows] == [("a", "", "1d"), ("b", "Ready", "2d")]
    first = joined.rows[0]
    two.put(made("c", "Ready", "3d"))
    assert joined.rows[0] is first


async def test_what_ended_a_table_is_handed_on_with_its_advice() -> None:
    """A mistyped selector is not a cluster that is away: whoever shows it goes by the error, not by its words."""
    refused = SelectorError("pods: the selector 'a in' is refused", hint="as in `app=web`")
    feed, source = Feed(), Source({})
    rows = FiguredRows(feed, source.columns, source.load, HeldClock())
    joined = JoinedRows([("shop", rows)], HeldClock())
    told = [joined.error]
    feed.fail(refused)
    told.append(joined.error)
    assert told == [None, refused]
    await joined.aclose()
