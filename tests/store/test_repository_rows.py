"""What was seen of repositories, on both stores: it only rises, unless a person says otherwise; told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from k8sops.core.clock import SystemClock
from k8sops.store.database import Database, Tx, open_database
from k8sops.store.repository_rows import (
    MarkRow,
    Spot,
    epoch_of,
    keep_repository_at,
    mark_of,
    marked_clusters,
    put_mark,
    raise_epoch,
    raise_mark,
    repository_at,
)
from k8sops.store.told_rows import take_back, tell_once, was_told

R = "01JD7Q8Z4N5X6Y7V8W9A000001"
C = "5a0c6f6e-0d5c-4a3e-9d5a-2f6f3f1c9e10"
SPOT = Spot(R, C)


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    """On each kind of store."""
    found = await open_database(store_url, clock=SystemClock())
    yield found
    await found.aclose()


async def _saw(database: Database, number: int) -> bool:
    mark = MarkRow(number, str(number))
    return await database.write(lambda tx: raise_mark(tx, SPOT, mark), name="test")


def _raise_epoch(number: int, tx: Tx) -> bool:
    return raise_epoch(tx, R, number)


async def test_a_mark_only_rises(database: Database) -> None:
    """Two processes tell in any order; the older one's word must not lower it."""
    said = [await _saw(database, number) for number in (2, 1, 2, 3)]
    assert said == [True, False, False, True]
    assert await database.read(lambda tx: mark_of(tx, SPOT)) == MarkRow(3, "3")
    assert await database.read(lambda tx: mark_of(tx, Spot(R, C, "file:///copy"))) is None
    assert await database.read(lambda tx: marked_clusters(tx, R)) == (C,)
    await database.write(lambda tx: put_mark(tx, SPOT, MarkRow(1, "1")), name="test")
    assert await database.read(lambda tx: mark_of(tx, SPOT)) == MarkRow(1, "1")


async def test_of_many_that_tell_at_once_the_greatest_stays(store_url: str) -> None:
    """Several workers on one store."""
    stores = [await open_database(store_url, clock=SystemClock()) for _ in range(3)]
    await asyncio.gather(*(_saw(store, number) for number, store in enumerate(stores * 3, 1)))
    assert await stores[0].read(lambda tx: mark_of(tx, SPOT)) == MarkRow(9, "9")
    for store in stores:
        await store.aclose()


async def test_an_epoch_only_rises(database: Database) -> None:
    """Else hiding the newest key files would bring a removed recipient back."""
    said = [await database.write(partial(_raise_epoch, number), name="test") for number in (2, 1, 3)]
    assert said == [True, False, True]
    assert await database.read(lambda tx: (epoch_of(tx, R), epoch_of(tx, "another"))) == (3, 0)


async def test_what_was_where_is_kept_and_forgotten(database: Database) -> None:
    """The end of a long place tells it apart."""
    place = f"file:///{'x' * 300}/main"
    await database.write(lambda tx: keep_repository_at(tx, place, R), name="test")
    assert await database.read(lambda tx: repository_at(tx, place)) == R
    await database.write(lambda tx: keep_repository_at(tx, place, ""), name="test")
    assert await database.read(lambda tx: repository_at(tx, place)) == ""


async def test_something_is_told_once_until_its_time_is_over_or_it_was_taken_back(database: Database) -> None:
    """Five workers must not send five notices."""

    async def tell(again_ms: int) -> bool:
        return await database.write(
            lambda tx: tell_once(tx, "rpo", "k", "late", again_ms=again_ms), name="test"
        )

    assert [await tell(3_600_000), await tell(3_600_000), await tell(0)] == [True, False, True]
    await database.write(lambda tx: take_back(tx, "rpo", "k"), name="test")
    assert not await database.read(lambda tx: was_told(tx, "rpo", "k"))
    assert await tell(3_600_000)
