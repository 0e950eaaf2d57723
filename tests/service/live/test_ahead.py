"""A table begun ahead belongs to whoever asks for it, and to nobody else."""

from __future__ import annotations

import asyncio

import pytest

from k8sops.core.errors import ForbiddenError
from k8sops.core.tables import LiveRows, TableQuery
from k8sops.service.live.ahead import TableAhead
from tests.tui.feeds import Feed

PODS = TableQuery(kind="pods")


async def _opened(feed: Feed) -> LiveRows:
    return feed


async def _never(begun: asyncio.Event) -> LiveRows:
    begun.set()
    await asyncio.Event().wait()
    raise AssertionError


async def test_whoever_takes_it_owns_it() -> None:
    """It must stay open for them, and be closed by them alone."""
    feed = Feed()
    ahead = TableAhead(PODS, _opened(feed))
    assert await ahead.taken() is feed
    assert not feed.closed


async def test_what_nobody_takes_is_closed() -> None:
    """A watch that nobody reads is a connection lost."""
    feed = Feed()
    ahead = TableAhead(PODS, _opened(feed))
    await asyncio.sleep(0)
    await ahead.aclose()
    assert feed.closed


async def test_who_no_longer_wants_it_ends_its_opening() -> None:
    """Somebody who goes elsewhere at once must not leave a list behind that goes on being read."""
    begun = asyncio.Event()
    ahead = TableAhead(PODS, _never(begun))
    taking = asyncio.create_task(ahead.taken())
    await begun.wait()
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "pods ahead"]


async def test_what_the_cluster_refuses_is_told_to_who_asks() -> None:
    """As without: the screen says it."""

    async def refused() -> LiveRows:
        raise ForbiddenError("pods may not be listed")

    ahead = TableAhead(PODS, refused())
    with pytest.raises(ForbiddenError):
        await ahead.taken()
