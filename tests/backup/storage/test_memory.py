"""Memory: its time is the test's own, so that a prune's day can pass in no time."""

from __future__ import annotations

from datetime import timedelta

from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.probing import storage_now
from tests.backup.clock import HandClock
from tests.backup.storage.places import listed


async def test_a_day_passes_when_the_clock_says_so() -> None:
    """What a prune marked yesterday is a day old by the storage's clock, not by the machine's."""
    clock = HandClock()
    storage = MemoryStorage(clock)
    await storage.put("doomed/one", b"1")
    await clock.sleep(86_400)
    (mark,) = await listed(storage, "doomed")
    assert await storage_now(storage) - mark.modified == timedelta(days=1)
