"""Gives everybody who follows a log what has come: one timer for all, which sleeps until somebody's next line is due.

Lines go out as they come, as a kubelet's do, but to each client at most so many times a second; to one that does not
read, none until it does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, NamedTuple

from k8sops.sandbox.kubelet.podnews import Subscription
from k8sops.sandbox.logs.lives import SECOND_NS, as_it_is_now
from k8sops.sandbox.logs.reading import Reading
from k8sops.sandbox.podlookup import JsonObject

PAUSE_NS: Final = 50_000_000
"""Between two writes to one client."""
TICK_NS: Final = 10_000_000
FORGET_NS: Final = 60_000_000_000
"""By then somebody who has gone is forgotten, however seldom the container talks."""
MOST_WAITING: Final = 256 * 1024
"""Bytes that a client has not taken yet."""


class Follower:
    """One client: what it reads, and how it is given that."""

    def __init__(
        self, container: str, reading: Reading, write: Callable[[bytes], None], waiting: Callable[[], int]
    ) -> None:
        self._container: Final = container
        self._reading: Final = reading
        self._write: Final = write
        self._waiting: Final = waiting
        self.over: Final[asyncio.Future[None]] = asyncio.get_running_loop().create_future()

    def go_on(self, now_ns: int) -> int:
        """Give it what has come; returns when to come again. Nothing more is due once it is `over`."""
        if self._waiting() < MOST_WAITING:
            for block in self._reading.more(now_ns):
                self._write(block)
            if self._reading.over:
                self._end()
        return min(max(self._reading.next_ns, now_ns + PAUSE_NS), now_ns + FORGET_NS)

    def hear(self, pod: JsonObject | None) -> None:
        """The pod has changed: where the container's life is over, so is the log."""
        if self.over.done():
            return
        life = as_it_is_now(pod, self._container, self._reading.life)
        if life is None:
            self._end()
        elif life.ended_ns is not None:
            self._reading.ended(life)
            for block in self._reading.lines():
                self._write(block)
            self._end()

    def _end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class _Due(NamedTuple):
    at_ns: int
    number: int
    follower: Follower


class Followers:
    """All of a kubelet's."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock: Final = clock
        self._due: Final[list[_Due]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._number = 0

    async def follow(self, follower: Follower, news: Subscription) -> None:
        """Keep a follower going until its log is over, or this is cancelled."""
        news.listen(follower.hear)
        try:
            self._put(follower, self._clock())
            await follower.over
        finally:
            follower.over.cancel()

    def _put(self, follower: Follower, at_ns: int) -> None:
        self._number += 1
        heappush(self._due, _Due(at_ns, self._number, follower))
        if self._due[0].follower is follower:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wait_ns = max(self._due[0].at_ns - self._clock(), TICK_NS)
        self._timer = asyncio.get_running_loop().call_later(wait_ns / SECOND_NS, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._clock()
        again: list[_Due] = []
        try:
            while self._due and self._due[0].at_ns <= now:
                due = heappop(self._due)
                if due.follower.over.done():
                    continue
                at_ns = due.follower.go_on(now)
                again.append(due._replace(at_ns=at_ns))
        finally:
            # One that fails must not end all.
            for due in again:
                heappush(self._due, due)
            if self._due:
                self._set_timer()
