"""Time, chance and ids: the only places where the local Slack takes them from.

Rules ask `Time.now`; whatever happens later is put down with `Time.later`. Under `PlayedTime` nothing happens until a
test moves the clock, so a limit of three seconds or of half an hour is tried without waiting.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
import uuid
from collections.abc import Callable
from typing import Protocol

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Timer(Protocol):
    """Something that will happen, and may be called off."""

    def cancel(self) -> None:
        """Call it off; harmless once it has happened."""


class Time(Protocol):
    """A clock, and what is to happen by it."""

    def now(self) -> float:
        """Say the time, in seconds since 1970."""

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call after so many seconds."""


class RealTime:
    """The machine's clock and the running loop's timers."""

    def now(self) -> float:
        """Say the machine's time, in seconds since 1970."""
        return time.time()

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call after so many seconds of the loop's clock."""
        return asyncio.get_running_loop().call_later(seconds, call)


class PlayedTimer:
    """A timer of a clock that is moved by hand."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        """Call it off; harmless once it has happened."""
        self.cancelled = True


class PlayedTime:
    """A clock that stands still until it is moved."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._due: list[tuple[float, int, PlayedTimer]] = []

    def now(self) -> float:
        """Say the played time, in seconds since 1970."""
        return self._now

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call once the clock has been moved that far."""
        timer = PlayedTimer(call)
        heapq.heappush(self._due, (self._now + seconds, next(self._order), timer))
        return timer

    def waiting(self) -> int:
        """Say how many timers have not gone off: how a test sees that something waits."""
        return sum(not timer.cancelled for _, _, timer in self._due)

    def advance(self, seconds: float) -> None:
        """Move the clock, and let happen what falls due on the way, in order."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            due, _, timer = heapq.heappop(self._due)
            self._now = max(self._now, due)
            if not timer.cancelled:
                timer.call()
        self._now = end


class Ids:
    """Ids in the shapes of Slack's, from a seeded source: the same run gives the same ids."""

    def __init__(self, seed: int = 0) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable on purpose; nothing here is a secret
        self._last_ts = 0

    def new(self, prefix: str) -> str:
        """Give an id such as `V0K3J9…`."""
        return prefix + "0" + "".join(self.chance.choices(ALPHABET, k=9))

    def envelope(self) -> str:
        """Give an envelope's id, a UUID."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def word(self, length: int = 24) -> str:
        """Give a word that is hard to guess by accident: part of an address or a token."""
        return "".join(self.chance.choices(ALPHABET, k=length))

    def ts(self, now: float) -> str:
        """Give a message's ts: unique and rising, also where the clock stands still."""
        micros = max(int(now * 1_000_000), self._last_ts + 1)
        self._last_ts = micros
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


async def pause(clock: Time, seconds: float) -> None:
    """Wait so many seconds of this clock."""
    if seconds <= 0:
        return
    passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake() -> None:
        if not passed.done():
            passed.set_result(None)

    timer = clock.later(seconds, wake)
    try:
        await passed
    finally:
        timer.cancel()


class Bell:
    """Rung at every change, so that a waiter looks again instead of looking at intervals."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self.rung = 0

    def ring(self) -> None:
        """Wake everyone who listens."""
        self.rung += 1
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def heard(self) -> None:
        """Wait for the next ring."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future
