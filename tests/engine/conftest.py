"""An engine on each kind of store, another that stands for a second process on the same store, and real processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.chaos import Forking, Workers, forking_process, workers_of
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


@pytest.fixture(scope="session")
async def forking() -> AsyncIterator[Forking]:
    """One process to fork from for the whole run: importing the program takes as long as a test."""
    async with forking_process() as found:
        yield found


@pytest.fixture
async def workers(forking: Forking, tmp_path: Path) -> AsyncIterator[Workers]:
    """Processes for this test."""
    async with workers_of(forking, tmp_path) as found:
        yield found
