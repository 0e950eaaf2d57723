"""An open store of each kind, and a clock to set."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from k8sops.store.database import Database, open_database
from tests.store.rows import FixedClock


@pytest.fixture
def fixed_clock() -> FixedClock:
    """A clock that stands still until it is told otherwise."""
    return FixedClock()


@pytest.fixture
async def store(store_url: str, fixed_clock: FixedClock) -> AsyncIterator[Database]:
    """A fresh store, open, on each database in turn."""
    database = await open_database(store_url, clock=fixed_clock)
    yield database
    await database.aclose()
