"""Two bots on PostgreSQL that look at the same moment, each on connections of its own: everybody is told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from k8sops.core.clock import SystemClock
from k8sops.store.database import open_database
from tests.slack.flows.bots import Bots, open_bots
from tests.slack.flows.test_bundles import archive_in, artifact, collected, files_of


@pytest.fixture
async def bots(postgres_url: str, tmp_path: Path) -> AsyncIterator[Bots]:
    """Two bots; the store has its tables."""
    database = await open_database(postgres_url, clock=SystemClock())
    await database.aclose()
    async with open_bots(tmp_path, database_url=postgres_url) as found:
        yield found


async def test_requests_are_asked_once_whichever_bot_is_first(bots: Bots) -> None:
    """SQLite lets one write at a time; here both really do."""
    runs = [await bots.ask(items=number) for number in range(1, 5)]
    for _ in range(3):
        await bots.round()
    for name in ("bob", "carol"):
        (card,) = bots.direct(name)
        assert all(run.plan.digest in str(card.blocks) for run in runs)
        assert bots.rang(name) == 1


async def test_bundles_are_handed_over_once_whichever_bot_is_first(bots: Bots, tmp_path: Path) -> None:
    """Each as large as it may be: twice would be a nuisance, never would be worse."""
    file = archive_in(tmp_path)
    for _ in range(4):
        await collected(bots, artifact(file))
    for _ in range(2):
        await bots.round(after=timedelta())
        await asyncio.gather(*(bot.following.handing.round() for bot in bots.replicas))
    assert len(files_of(bots, bots.direct("alice"))) == 4
    assert bots.said == []
