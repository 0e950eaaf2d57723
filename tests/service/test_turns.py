"""Turns: the next begins when the one before makes way, and nothing of either is left behind."""

from __future__ import annotations

import asyncio

import pytest

from k8sops.service.turns import in_turns


class Told:
    """Turns that make way or end when they are told to; what they did stands in `said`."""

    def __init__(self, *ends: asyncio.Event) -> None:
        self.said: list[str] = []
        self.begun = asyncio.Semaphore(0)
        self._ends = ends
        self._count = 0

    async def turn(self, makes_way: asyncio.Event, first: bool) -> None:
        """All but the last make way at once; each then waits for its end."""
        number, self._count = self._count, self._count + 1
        assert first is (number == 0)
        self.said.append(f"{number} begins")
        if number < len(self._ends) - 1:
            makes_way.set()
        self.begun.release()
        try:
            await self._ends[number].wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.said.append(f"{number} was stopped")
            raise
        self.said.append(f"{number} ends")

    async def all_begun(self) -> None:
        """Wait for it."""
        for _ in self._ends:
            await self.begun.acquire()


async def test_the_next_begins_beside_the_one_before_and_all_are_waited_for() -> None:
    """What goes on under the old policy may take longer than what goes on under the new one."""
    old, new = asyncio.Event(), asyncio.Event()
    told = Told(old, new)
    work = asyncio.create_task(in_turns(told.turn))
    await told.all_begun()
    new.set()
    await asyncio.sleep(0)
    assert not work.done()
    old.set()
    await work
    assert told.said == ["0 begins", "1 begins", "1 ends", "0 ends"]


async def test_a_stop_stops_every_turn_and_waits_for_it() -> None:
    """Whoever is told to stop twice still has to end in good order."""
    told = Told(asyncio.Event(), asyncio.Event())
    work = asyncio.create_task(in_turns(told.turn))
    await told.all_begun()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert sorted(told.said[2:]) == ["0 was stopped", "1 was stopped"]


async def test_a_turn_that_fails_ends_the_others_and_says_why() -> None:
    """A worker that has broken is no worker; a supervisor starts it again."""

    async def broken(makes_way: asyncio.Event, first: bool) -> None:
        if first:
            makes_way.set()
            await asyncio.Event().wait()
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await in_turns(broken)
