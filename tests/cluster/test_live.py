"""The live table: rows early, ordered, true; and honest about it while they may not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from k8sops.cluster.live import LiveTable
from k8sops.cluster.transport import Transport
from k8sops.core.changing import COALESCE_S
from k8sops.core.clock import SystemClock
from k8sops.core.errors import ForbiddenError
from k8sops.core.tables import FeedState
from tests.cluster.scripted_api import PATH, ScriptedApi, scripted_api


@asynccontextmanager
async def live_table(transport: Transport) -> AsyncIterator[LiveTable]:
    table = LiveTable(transport, PATH, clock=SystemClock(), subject="pods")
    try:
        yield table
    finally:
        await table.aclose()


@asynccontextmanager
async def live(folder: Path, pods: int = 0) -> AsyncIterator[tuple[ScriptedApi, LiveTable]]:
    async with scripted_api(folder) as (api, transport):
        for number in range(pods):
            api.put(f"web-{number:04}")
        async with live_table(transport) as table:
            await until(table, lambda: table.state is FeedState.LIVE and api.watching == 1, "live")
            yield api, table


async def until(
    table: LiveTable, condition: Callable[[], bool], what: str, deadline_s: float = 120.0
) -> None:
    """Look at the table at each of its changes, and now and then between."""
    clock = asyncio.get_running_loop()
    deadline = clock.time() + deadline_s
    while not condition():
        assert clock.time() < deadline, f"waited {deadline_s:g} s for: {what}; {table.state} {table.trouble}"
        await asyncio.sleep(0.02)


def names(table: LiveTable) -> list[str]:
    return [row.name for row in table.rows]


async def test_rows_follow_the_cluster(tmp_path: Path) -> None:
    """The plain case: present rows in order, then every change."""
    async with live(tmp_path, pods=3) as (api, table):
        assert names(table) == ["web-0000", "web-0001", "web-0002"]
        assert [column.name for column in table.columns] == ["Name", "Ready", "Restarts"]
        api.put("alpha")
        api.drop("web-0001")
        api.put("web-0002", restarts=7)
        await until(table, lambda: names(table) == ["alpha", "web-0000", "web-0002"], "three changes")
        await until(table, lambda: table.rows[-1].cells[-1] == "7", "the changed cell")
        assert (table.trouble, table.stale_since) == ("", None)


async def test_equal_versions_mean_the_same_rows(tmp_path: Path) -> None:
    """A screen redraws by version alone."""
    async with live(tmp_path, pods=3) as (api, table):
        rows, version = table.rows, table.version
        assert table.rows is rows
        api.put("alpha")
        await until(table, lambda: table.version > version, "a change")
        assert table.rows is not rows
        assert rows[0] is table.rows[1]


async def test_a_flood_is_told_about_ten_times_a_second(tmp_path: Path) -> None:
    """A rollout of a thousand pods must not make the screen draw a thousand times."""
    async with live(tmp_path, pods=3) as (api, table):
        loop = asyncio.get_running_loop()
        async with aclosing(table.changes()) as changes:
            await anext(changes)
            began, told = loop.time(), 0
            for number in range(1000):
                api.put("web-0001", restarts=number)
                if not number % 50:
                    await asyncio.sleep(0)
            while table.rows[1].cells[-1] != "999":
                await anext(changes)
                told += 1
            assert told <= 1 + (loop.time() - began) / COALESCE_S


async def test_a_cut_watch_makes_the_table_stale_and_leaves_its_rows(tmp_path: Path) -> None:
    """An empty screen during a network hiccup is worse than an old one that says so."""
    async with live(tmp_path, pods=3) as (api, table):
        api.refuse = (500, "InternalError")
        api.cut()
        await until(table, lambda: table.state is FeedState.STALE, "stale")
        assert len(table.rows) == 3
        assert table.trouble
        assert table.stale_since is not None
        api.refuse = None
        api.put("alpha")
        api.drop("web-0000")
        api.expire()
        await until(table, lambda: table.state is FeedState.LIVE, "live again")
        assert names(table) == ["alpha", "web-0001", "web-0002"]
        assert table.trouble == ""
        assert table.stale_since is None


async def test_a_forbidden_list_fails_with_its_sentence_and_ends(tmp_path: Path) -> None:
    """Nobody should wait for a table they may not see."""
    async with scripted_api(tmp_path) as (api, transport):
        api.refuse = (403, "Forbidden")
        async with live_table(transport) as table:
            async with asyncio.timeout(60):
                async for _ in table.changes():
                    pass
            assert table.state is FeedState.FAILED
            assert isinstance(table.error, ForbiddenError)
            assert table.trouble == table.error.message


async def test_an_unreachable_server_is_told_while_loading(tmp_path: Path) -> None:
    """Before the first list there is nothing stale, but there is something to say."""
    async with scripted_api(tmp_path) as (api, transport):
        api.refuse = (500, "InternalError")
        async with live_table(transport) as table:
            await until(table, lambda: bool(table.trouble), "trouble")
            assert table.state is FeedState.LOADING
            assert table.stale_since is None
            api.refuse = None
            await until(table, lambda: table.state is FeedState.LIVE, "live")
            assert table.trouble == ""


async def test_rows_show_before_the_list_is_complete(tmp_path: Path) -> None:
    """Ten thousand pods take a second; the first screenful must not wait for them."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(5000):
            api.put(f"web-{number:04}")
        api.may_continue.clear()
        async with live_table(transport) as table:
            await until(table, lambda: bool(table.rows), "the first rows")
            assert table.state is FeedState.LOADING
            assert 0 < len(table.rows) < 5000
            api.may_continue.set()
            await until(table, lambda: table.state is FeedState.LIVE, "the whole list")
            assert len(table.rows) == 5000


async def test_closing_ends_changes_and_the_watch(tmp_path: Path) -> None:
    """A screen that is left must not keep a connection and a task."""
    async with live(tmp_path, pods=1) as (api, table):
        changes = table.changes()
        await anext(changes)
        await table.aclose()
        await table.aclose()
        async with asyncio.timeout(60):
            async for _ in changes:
                pass
        await until(table, lambda: api.watching == 0, "the server's end of the watch")
        assert api.watching == 0
