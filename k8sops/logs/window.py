"""Lines of many streams put in order of time, within a window: what comes 200 ms apart comes out in order.

A line leaves when it has waited for the window, and with it all that is older by its stamp, so that none waits longer.
What is stamped ahead of time takes only what has waited as long: one node's clock disorders nobody else's lines.
Within one stream the order is the file's, whatever its stamps say: while a line waits, later ones of its stream do.
What waits is bounded in bytes; a reader that is slow makes `put` wait, and the kubelet holds the rest.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator
from itertools import accumulate
from typing import Final

from k8sops.core.clock import Clock
from k8sops.core.logs import SECOND_NS, LogEntry

SPAN_S: Final = 0.2
SPAN_NS: Final = round(SPAN_S * SECOND_NS)
TICK_S: Final = 0.1
MOST_HELD: Final = 16 << 20
"""Characters of text that wait, and what carries them."""
LINE_COST: Final = 200
MOST_AT_ONCE: Final = 1_000


class _Lane:
    """What waits of one stream: `keys` are its stamps, none below the one before."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self.keys: list[int] = []
        self.arrivals: deque[tuple[float, int]] = deque()
        """When what came, by the key of its last line."""

    def add(self, batch: list[LogEntry], now: float) -> None:
        keys = [entry.at for entry in batch]
        low = self.keys[-1] if self.keys else keys[0]
        if keys[0] < low or keys != sorted(keys):
            keys = list(accumulate(keys, max, initial=low))[1:]
        self.entries += batch
        self.keys += keys
        self.arrivals.append((now, keys[-1]))

    def ripe(self, before: float) -> int:
        """The last key that has waited long enough; 0 for none. To be asked once before `take`."""
        key = 0
        while self.arrivals and self.arrivals[0][0] <= before:
            key = self.arrivals.popleft()[1]
        return key

    def take(self, until: int, keys: list[int], entries: list[LogEntry]) -> None:
        end = bisect_right(self.keys, until)
        keys += self.keys[:end]
        entries += self.entries[:end]
        del self.keys[:end], self.entries[:end]
        while self.arrivals and self.arrivals[0][1] <= until:
            self.arrivals.popleft()


class _Time:
    """What time it is, in nanoseconds: by our clock, unless the streams' stamps say that it is off."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._leads: dict[int, int] = {}
        """By stream: how far its stamps were ahead of the monotonic clock at most, as of what came soonest."""
        self._order: list[int] = []
        """All leads, the least first; empty where it has to be made anew."""

    def heard(self, lane: int, stamp: int) -> None:
        """A stream's newest stamp, as it comes."""
        lead = stamp - _ns(self._clock.monotonic())
        if lead > self._leads.get(lane, lead - 1):
            self._leads[lane], self._order = lead, []

    def before(self) -> int:
        """What was written by then has come by now, unless it takes longer than the window."""
        past = _ns(self._clock.monotonic()) - SPAN_NS
        ours = _ns(self._clock.now().timestamp()) - SPAN_NS
        self._order = self._order or sorted(self._leads.values())
        if not self._order:
            return ours
        # The lower one of two: what is ahead does harm, what is behind does none.
        middle = self._order[(len(self._order) - 1) // 2] + past
        if middle <= ours <= self._order[-1] + past + SPAN_NS:
            return ours
        # The middle is late by as long as its lines take to come, which is not known; half a window is given for it.
        return middle + min(abs(middle - ours), SPAN_NS // 2)


class Window:
    """The lines between the streams and their one reader."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lanes: dict[int, _Lane] = {}
        self._time = _Time(clock)
        self._held = 0
        self._room = asyncio.Condition()
        self._some = asyncio.Event()
        self._closed = False
        self._error: BaseException | None = None

    async def put(self, lane: int, batch: list[LogEntry]) -> None:
        """Take a stream's next lines; waits while too much waits already."""
        if self._held >= MOST_HELD:
            async with self._room:
                await self._room.wait_for(lambda: self._held < MOST_HELD)
        self._held += _cost(batch)
        waiting = self._lanes.setdefault(lane, _Lane())
        waiting.add(batch, self._clock.monotonic())
        if not batch[-1].marker:
            self._time.heard(lane, waiting.keys[-1])
        self._some.set()

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more comes; what waits is given out, then `error` raised."""
        self._closed, self._error = True, error
        self._some.set()

    async def batches(self) -> AsyncGenerator[list[LogEntry], None]:
        """Lines as they leave, until `close`."""
        while True:
            await self._some.wait()
            if not self._closed:
                await self._clock.sleep(TICK_S)
            closed = self._closed
            found = self._leaving(everything=closed)
            for start in range(0, len(found), MOST_AT_ONCE):
                yield found[start : start + MOST_AT_ONCE]
            await self._left(found)
            if closed and not self._lanes:
                break
            if not self._lanes and not self._closed:
                self._some.clear()
        if self._error is not None:
            raise self._error

    def _leaving(self, *, everything: bool) -> list[LogEntry]:
        before = self._clock.monotonic() - SPAN_S
        ripe = {
            number: lane.keys[-1] if everything else lane.ripe(before) for number, lane in self._lanes.items()
        }
        until = min(max(ripe.values(), default=0), self._time.before())
        keys: list[int] = []
        entries: list[LogEntry] = []
        for number, lane in list(self._lanes.items()):
            lane.take(max(until, ripe[number]), keys, entries)
            if not lane.keys:
                del self._lanes[number]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        return [entries[place] for place in order]

    async def _left(self, found: list[LogEntry]) -> None:
        was, self._held = self._held, self._held - _cost(found)
        if was >= MOST_HELD > self._held:
            async with self._room:
                self._room.notify_all()


def _cost(batch: list[LogEntry]) -> int:
    return sum([len(entry.text) for entry in batch]) + LINE_COST * len(batch)


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
