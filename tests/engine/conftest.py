"""An engine on each kind of store, and a second one that stands for another process on the same store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.engine_world import QUICK, World, open_world


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    """An engine, its leases short."""
    async with open_world(store_url, timing=QUICK) as opened:
        yield opened


@pytest.fixture
async def elsewhere(world: World) -> AsyncIterator[World]:
    """Another process's engine on the same store, under the same rules."""
    async with open_world(world.url, timing=QUICK, rules=world.rules) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """The file that the steps write to."""
    return tmp_path / "ledger"
