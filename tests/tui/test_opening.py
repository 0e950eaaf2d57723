"""The connection that is begun before there is a screen, and who gets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from k8sops.core.errors import UnreachableError
from k8sops.core.ops import Ops
from k8sops.core.run import RunFilter, RunSummary
from k8sops.core.tables import FeedState, TableQuery
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.live_table import LiveTable
from k8sops.tui.opening import EarlyOpening, FirstTable
from k8sops.tui.status import ClusterLine, TableLine
from tests.tui.at_rest import until
from tests.tui.feeds import POD_COLUMNS, DeskOps, Feed, pod


class _Door:
    """Opens services, and knows how many are open."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.begun = 0
        self.open = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._failure = failure

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Ops]:
        self.begun += 1
        await self.may_answer.wait()
        if self._failure is not None:
            raise self._failure
        self.open += 1
        try:
            yield DeskOps({})
        finally:
            self.open -= 1


async def test_the_connection_is_there_before_anybody_comes_for_it() -> None:
    """Else the cluster would be asked only once the screen is loaded."""
    door = _Door()
    early = EarlyOpening(door)
    await asyncio.sleep(0)
    assert door.open == 1
    async with early.open():
        assert door.begun == 1
    assert door.open == 0
    await early.aclose()


async def test_who_comes_again_gets_a_new_connection() -> None:
    """Ctrl-R after a failure must not be told the old failure."""
    door = _Door()
    early = EarlyOpening(door)
    async with early.open():
        pass
    async with early.open():
        assert (door.begun, door.open) == (2, 1)
    await early.aclose()
    assert door.open == 0


async def test_a_failure_waits_for_who_comes_for_the_connection() -> None:
    """It is the screen that says so, and there was none when it happened."""
    early = EarlyOpening(_Door(UnreachableError("nobody is there")))
    await asyncio.sleep(0)
    with pytest.raises(UnreachableError, match="nobody is there"):
        async with early.open():
            pass
    await early.aclose()


@pytest.mark.parametrize("answers", [True, False])
async def test_what_nobody_came_for_is_left(answers: bool) -> None:
    """Where the screen could not be loaded at all, no connection may stay behind."""
    door = _Door()
    if not answers:
        door.may_answer.clear()
    early = EarlyOpening(door)
    await asyncio.sleep(0)
    assert (door.begun, door.open) == (1, int(answers))
    await early.aclose()
    assert door.open == 0


class _Memory:
    """Remembers one thing."""

    def __init__(self, held: dict[str, Any]) -> None:
        self._held = held

    async def recall(self) -> dict[str, Any]:
        return self._held

    async def keep(self, **changed: Any) -> None:
        del changed


@pytest.mark.parametrize(
    ("start", "everywhere", "held"),
    [
        (TableQuery(kind="pods"), False, {}),
        (TableQuery(kind="pods"), True, {}),
        (TableQuery(kind="pods", namespace="pay"), False, {}),
        (TableQuery(kind="nodes"), False, {"namespaces": {"acme-staging": "pay", "other": "x"}}),
        (TableQuery(kind="pods"), False, {"namespaces": {"acme-staging": ""}}),
        (TableQuery(kind="pods"), True, {"namespaces": {"acme-staging": "pay"}}),
        (TableQuery(kind="pods"), False, {"namespaces": "spoilt"}),
    ],
)
async def test_the_table_begun_ahead_is_the_one_the_screen_asks_for(
    start: TableQuery, everywhere: bool, held: dict[str, Any]
) -> None:
    """Any other would be a list for nothing, and a start as slow as without."""
    ops = DeskOps({kind: Feed(POD_COLUMNS) for kind in ("pods", "nodes")})

    @asynccontextmanager
    async def opened() -> AsyncIterator[Ops]:
        yield ops

    first = FirstTable(start, _Memory(held), all_namespaces=everywhere)
    expected = await first(ops.cluster_info.context, ops.default_namespace)
    app = K8sOpsApp(opened, start, all_namespaces=everywhere, memory=_Memory(held))
    async with app.run_test() as pilot:
        await until(pilot, lambda: ops.queries)
        assert ops.queries[0] == expected


async def test_what_waits_for_the_first_rows_is_told_once_they_are_in_sight() -> None:
    """The HTTP client is loaded then: sooner it would hold the first frame up, later the rest of the rows."""
    told: list[str] = []
    pods = Feed(POD_COLUMNS, [pod("web-1")])

    @asynccontextmanager
    async def opened() -> AsyncIterator[Ops]:
        yield DeskOps({"pods": pods})

    first = FirstTable(TableQuery(kind="pods"), _Memory({}), all_namespaces=True)

    def in_sight() -> None:
        told.append("web-1" if app.screen.query_one(LiveTable).shown else "nothing")

    first.when_shown(in_sight)
    app = K8sOpsApp(opened, TableQuery(kind="pods"), all_namespaces=True, shown=first.shown)
    async with app.run_test() as pilot:
        await until(pilot, lambda: told)
        first.when_shown(lambda: told.append("at once"))
        first.shown()
        assert told == ["web-1", "at once"]


async def test_a_table_that_is_refused_holds_nothing_back() -> None:
    """Who we are and what else there is are asked all the same, for the next try."""
    told: list[str] = []
    desk = DeskOps({})

    @asynccontextmanager
    async def opened() -> AsyncIterator[Ops]:
        yield desk

    first = FirstTable(TableQuery(kind="nonsense"), _Memory({}), all_namespaces=True)
    first.when_shown(lambda: told.append("shown"))
    app = K8sOpsApp(opened, TableQuery(kind="nonsense"), all_namespaces=True, shown=first.shown)
    async with app.run_test() as pilot:
        await until(pilot, lambda: told)


async def test_runs_are_counted_only_once_rows_are_there() -> None:
    """Counting opens the store, and what that loads took longer than the rows that were waited for."""
    counted: list[str] = []
    pods = Feed()

    class Desk(DeskOps):
        async def runs(self, wanted: RunFilter) -> tuple[RunSummary, ...]:
            counted.append(wanted.cluster_uid)
            return ()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Ops]:
        yield Desk({"pods": pods})

    app = K8sOpsApp(opened, TableQuery(kind="pods"), all_namespaces=True)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "~ loading" in str(app.screen.query_one(TableLine).content))
        app.screen.query_one(ClusterLine).count()
        await pilot.pause()
        assert counted == []
        pods.set([], POD_COLUMNS)
        pods.become(FeedState.LIVE)
        await until(pilot, lambda: counted)
