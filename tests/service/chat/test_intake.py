"""What was asked for is on record before Slack is told so: a hundred at once in a few commits, each of them once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import UnreachableError
from k8sops.service.chat.intake import Intake
from k8sops.service.config import Config
from k8sops.service.storing import Storage
from k8sops.store.database import Database
from k8sops.store.door_rows import remembered

DOOR = "test.intake"


class Counting(Storage):
    """A store whose commits are counted, and that can be away."""

    def __init__(self, url: str) -> None:
        self.commits: Counter[str] = Counter()
        self.away = False
        super().__init__(Config(database_url=url), SystemClock(), UlidSource(), boundary=self._count)

    def _count(self, name: str) -> None:
        self.commits[name] += 1

    async def database(self) -> Database:
        """The store, or what not reaching it raises."""
        if self.away:
            raise UnreachableError("the store is away")
        return await super().database()


@pytest.fixture
async def storage(store_url: str) -> AsyncIterator[Counting]:
    """The shared store."""
    found = Counting(store_url)
    await found.database()
    yield found
    await found.aclose()


async def kept(storage: Storage) -> list[tuple[str, str]]:
    """What is on record."""
    database = await storage.database()
    return [(row.key, row.value) for row in await database.read(lambda tx: remembered(tx, DOOR))]


async def test_a_hundred_at_once_wait_for_the_disk_once(storage: Counting) -> None:
    """One after the other they would use up the time Slack gives for an ack."""
    intake = Intake(storage, DOOR)
    new = await asyncio.gather(*(intake.keep(f"line/{number:03}", f"get {number}") for number in range(100)))
    assert all(new)
    assert len(await kept(storage)) == 100
    assert max(storage.commits.values()) == 1


async def test_each_is_new_once(storage: Counting) -> None:
    """Sent again it is not done again, whether that comes at the same moment or later, here or at another replica."""
    intake = Intake(storage, DOOR)
    both = await asyncio.gather(intake.keep("line/1", "drain"), intake.keep("line/1", "drain"))
    assert sorted(both) == [False, True]
    assert await intake.keep("line/2", "drain")
    assert not await Intake(storage, DOOR).keep("line/2", "something else")
    assert await kept(storage) == [("line/1", "drain"), ("line/2", "drain")]


async def test_whoever_cannot_be_kept_is_told_and_the_next_may_be(storage: Counting) -> None:
    """An ack that was not true would be a command lost."""
    intake = Intake(storage, DOOR)
    storage.away = True
    answers = await asyncio.gather(*(intake.keep(f"line/{n}", "x") for n in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [UnreachableError] * 3
    storage.away = False
    assert await intake.keep("line/0", "x")


async def test_who_goes_takes_nobody_along(storage: Counting) -> None:
    """A connection that breaks cancels its own handler only."""
    intake = Intake(storage, DOOR)
    going, staying = (asyncio.create_task(intake.keep(f"line/{number}", "x")) for number in range(2))
    await asyncio.sleep(0)
    going.cancel()
    assert await staying
    assert [key for key, _ in await kept(storage)] == ["line/0", "line/1"]
