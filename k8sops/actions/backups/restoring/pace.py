"""How many requests are under way at once: more while the API server answers, half as many each time it says 429.

Additive increase, multiplicative decrease, as TCP does; a Retry-After holds all of them back, not only the one that was
told. Whoever sends through here takes 429s from the client as they come (`retry_429=False`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from k8sops.core.clock import Clock
from k8sops.core.errors import DeadlineError, TlsError, TooManyRequestsError, UnreachableError
from k8sops.core.tasks import all_of

T = TypeVar("T")
I_contra = TypeVar("I_contra", contravariant=True)

MOST: Final = 16
SHORTEST_HOLD_S: Final = 0.2
LONGEST_HOLD_S: Final = 30.0
MOST_TRIES: Final = 4
FIRST_PAUSE_S: Final = 0.2


class Pace:
    """Shared by everything that one restore sends. `throttled` counts the 429s."""

    def __init__(self, clock: Clock, *, most: int = MOST, patience_s: float = 300.0) -> None:
        self._clock: Final = clock
        self._most: Final = most
        self._patience_s: Final = patience_s
        self._limit = float(most)
        self._going = 0
        self._held_until = clock.monotonic()
        self._hold_s = SHORTEST_HOLD_S
        self._changed = asyncio.Condition()
        self.throttled = 0

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return max(1, int(self._limit))

    async def send(self, request: Callable[[], Awaitable[T]]) -> T:
        """The answer to a request, sent again while the server asks for patience.

        Raises TooManyRequestsError once it has done so for as long as anybody waits, and what else the request raises.
        """
        began = self._clock.monotonic()
        while True:
            async with self._turn():
                try:
                    answer = await request()
                except TooManyRequestsError as error:
                    if self._clock.monotonic() - began > self._patience_s:
                        raise
                    self._slow_down(error.retry_after)
                else:
                    self._speed_up()
                    return answer

    async def ask(self, request: Callable[[], Awaitable[T]]) -> T:
        """The same for what changes nothing, sent again a few times where the connection was lost on the way."""
        pause = FIRST_PAUSE_S
        for _ in range(MOST_TRIES - 1):
            try:
                return await self.send(request)
            except UnreachableError as error:
                if isinstance(error, DeadlineError | TlsError):
                    raise
            await self._clock.sleep(pause)
            pause *= 2
        return await self.send(request)

    async def each(self, items: Iterable[I_contra], work: Callable[[I_contra], Awaitable[None]]) -> None:
        """Do something with each item, as many at once as the pace may ever allow."""
        waiting = iter(items)

        async def worker() -> None:
            for item in waiting:
                await work(item)

        await all_of(worker() for _ in range(self._most))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        while (left := self._held_until - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)
        async with self._changed:
            await self._changed.wait_for(lambda: self._going < self.limit)
            self._going += 1
        try:
            yield
        finally:
            self._going -= 1
            async with self._changed:
                self._changed.notify(1 + max(0, self.limit - self._going))

    def _slow_down(self, retry_after: float | None) -> None:
        self.throttled += 1
        now = self._clock.monotonic()
        if now >= self._held_until:
            # One crowd of answers counts once, however many requests were under way.
            self._limit = max(1.0, self._limit / 2)
            self._hold_s = min(LONGEST_HOLD_S, self._hold_s * 2)
        self._held_until = max(self._held_until, now + (retry_after or self._hold_s))

    def _speed_up(self) -> None:
        self._limit = min(float(self._most), self._limit + 1.0 / max(1.0, self._limit))
        self._hold_s = SHORTEST_HOLD_S
