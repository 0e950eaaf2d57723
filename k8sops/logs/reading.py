"""Reading one container's log, request by request: what is new of each is told by the seam and handed on.

Where lines are served that cannot be of the life that is being read, the pod is asked; where some may be missing, a gap
says so. What to read when, over all the lives of a container, is `stream`'s to know.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from k8sops.cluster.client_base import PODS
from k8sops.cluster.logs import LogBlock, LogQuery
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError, NotFoundError
from k8sops.core.log_selection import LogGap, LogSpan
from k8sops.core.logs import LogEntry, LogStream
from k8sops.logs.containers import NEVER_RAN, ContainerState, state_of
from k8sops.logs.marking import gap_said
from k8sops.logs.parsing import Stamps, entries_of
from k8sops.logs.seam import Seam
from k8sops.logs.source import LogCluster
from k8sops.logs.tally import Tally

SETTLED_S: Final = 2.0
"""What there is of a log is served within this, once its first lines are."""
REFUSED_S: Final = 60.0
"""Whoever was served before is refused for so long before it is believed."""
MOST_TRIES: Final = 5
"""Of a read that ends by itself; a followed one is tried for ever."""
NEAREST: Final = 200
FARTHEST: Final = 20_000
"""Lines that are read again in order to find the last one that was shown."""
ROTATED: Final = "the log was rotated, or cut, while it was not being read"

Put = Callable[[list[LogEntry]], Awaitable[None]]


class OtherLifeError(Exception):
    """What is served is of another life than was asked for; its pod's status has told of that by now."""


class TooFarError(Exception):
    """The line that was shown last is not among the last ones any more."""


class LogReader:
    """One container's log, as far as a request goes; `state` is what was told last."""

    def __init__(
        self,
        stream: LogStream,
        uid: str,
        cluster: LogCluster,
        span: LogSpan,
        clock: Clock,
        tally: Tally,
        slots: asyncio.Semaphore,
    ) -> None:
        """`uid` is the pod's; `slots` bound how many connections of a request are being opened at once."""
        self.stream: Final = stream
        self.uid: Final = uid
        self.state = NEVER_RAN
        self.gone = False
        self.over = False
        self.has_past = True
        """Whether what it wrote before is yet to be read, as far as it is wanted; not so of one that came later."""
        self._cluster = cluster
        self._span = span
        self._clock = clock
        self._tally = tally
        self._slots = slots
        self._news = asyncio.Event()
        self._stamps = Stamps()
        self._seam = Seam()
        self._life = -1
        """The one being shown; -1 before the first."""
        self._asked_at: float | None = None
        """When the life being shown was read back, where only its last minutes were wanted."""
        self._drained = False
        self._clean = False
        """Whether the last connection ended as that of a container that ended does."""
        self._failures = 0
        self._has_waited = False
        self._blocks = 0
        self._shown_at = 0.0
        self._left = span.head or sys.maxsize
        self._putting = False
        self._shows = True
        self._refused_at: float | None = None

    def tell(self, state: ContainerState, *, over: bool = False) -> None:
        """What the pod's status says now; `over`: none of its containers will run again."""
        # A watch may lag behind what was asked for; restarts are only counted up.
        if state.life >= self.state.life and (state != self.state or over != self.over):
            self.state, self.over = state, over
            self._news.set()

    def end(self) -> None:
        """The pod is gone."""
        self.gone = True
        self._news.set()

    async def _resumed(self, put: Put, *, on_sent: Callable[[], None] | None = None) -> None:
        """Follow on behind the line that was shown last; where it is not found there, look for it first.

        Asked for by place, since a request by time leaves out whatever comes while a clock is behind it.
        """
        for _ in range(MOST_TRIES):
            self._seam.resume()
            if not self._seam.newest:
                await self._read(self._unseen(follow=True), put, on_sent=on_sent)
                return
            asked = self._query(tail_lines=self._reach(), follow=True)
            try:
                await self._read(asked, put, on_sent=on_sent, by_place=True)
            except TooFarError:
                await self._caught_up(put)
            else:
                return

    async def _caught_up(self, put: Put, *, previous: bool = False) -> None:
        """Read what was not shown of a life yet, as far as it is written."""
        seam, reach = self._seam, self._reach()
        seam.resume()
        if not seam.newest:
            await self._read(self._unseen(previous=previous), put)
            return
        held: list[tuple[LogBlock, list[int]]] = []
        seen, is_there = 0, False
        asked = self._query(tail_lines=reach, previous=previous)
        async with aclosing(self._cluster.log(self.stream, asked)) as blocks:
            async for block in blocks:
                self._blocks += 1
                seen += len(block.lines)
                if (start := seam.behind_last(block.lines)) is not None:
                    held, is_there = [], True
                rest = _rest(block, start or 0)
                held.append((rest, self._stamps.times(rest.lines)))
        if not is_there and seen >= reach:
            # Too much has come to be held: what is new is told by time.
            seam.resume()
            await self._read(self._query(since_time=seam.since, previous=previous), put)
            return
        if not is_there:
            # The file does not have it, so all of it is new.
            if not previous:
                await self._is_same_life()
            first = next((times[0] for _, times in held if times), 0)
            await self._gap(put, first, ROTATED)
        for block, times in held:
            await self._show(block, times, put)

    def _may_pass(self) -> bool:
        """Whether a refusal may be one of a server that has just begun, and knows nobody's rights for some seconds."""
        if self.stream.namespace not in self._tally.served:
            return False
        now = self._clock.monotonic()
        self._refused_at = now if self._refused_at is None else self._refused_at
        return now - self._refused_at < REFUSED_S

    def _reach(self) -> int:
        """So many lines from the end on the last one shown should be: by how many came, and how long ago."""
        away = int(self._clock.monotonic() - self._shown_at) + 2
        return min(FARTHEST, NEAREST + self._seam.recent * away)

    async def _read(
        self,
        query: LogQuery,
        put: Put,
        *,
        on_sent: Callable[[], None] | None = None,
        by_place: bool = False,
    ) -> None:
        """One request: its new lines are handed on and noted. By place: raises TooFarError where none can be told."""
        async with (
            _within(SETTLED_S) as settling,
            aclosing(self._cluster.log(self.stream, query, on_sent)) as blocks,
        ):
            async for found in blocks:
                self._blocks += 1
                self._refused_at = None
                self._tally.served.add(self.stream.namespace)
                if self._seam.begins and not query.previous:
                    # It may have ended already: then these are the lines of yet another one.
                    await self._is_same_life()
                times = self._stamps.times(found.lines)
                block = (
                    found
                    if self._left >= len(found.lines)
                    else LogBlock(found.lines[: self._left], found.cuts)
                )
                start = await self._sifted(block, times, query, put, by_place=by_place)
                if by_place:
                    settling(self._seam.misses_last)
                await self._show(_rest(block, start), times[start : len(block.lines)], put)
                self._left -= len(block.lines)
                if not self._left:
                    return

    async def _sifted(
        self, block: LogBlock, times: list[int], query: LogQuery, put: Put, *, by_place: bool
    ) -> int:
        """The place of the first line that was not shown yet; says so where lines before it may be missing."""
        if not self._seam.overlaps:
            return 0
        start, torn = self._seam.sift(block.lines, times)
        if torn and by_place:
            raise TooFarError
        if torn:
            if not query.previous:
                await self._is_same_life()
            await self._gap(put, times[start], ROTATED)
        return start

    async def _is_same_life(self) -> None:
        """Raises OtherLifeError where lines are of a life, or a pod, that has not been told of yet."""
        try:
            pod = await self._cluster.get(PODS, self.stream.pod, self.stream.namespace)
        except NotFoundError:
            self.end()
            raise OtherLifeError from None
        except K8sOpsError:
            # Who may read a log need not be allowed to read its pod.
            return
        if pod["metadata"]["uid"] != self.uid:
            self.end()
            raise OtherLifeError
        if (state := state_of(pod, self.stream.container)).life != self._life:
            self.tell(state, over=self.over)
            raise OtherLifeError

    async def _show(self, block: LogBlock, times: list[int], put: Put) -> None:
        if times and self._shows:
            await self._handed_on(block, times, put)
        self._seam.note(block.lines, times)
        self._shown_at = self._clock.monotonic()

    async def _handed_on(self, block: LogBlock, times: list[int], put: Put) -> None:
        self._tally.lines += len(times)
        if self._failures:
            self._failures = 0
            await put([self._marker("connected again")])
        self._putting = True
        await put(entries_of(self.stream, block, times))
        self._putting = False

    async def _gap(self, put: Put, until: int, why: str) -> None:
        after = self._seam.last
        self._tally.gap(LogGap(stream=self.stream, after_ns=after, until_ns=until, why=why))
        await put([LogEntry(self.stream, after, gap_said(after, until, why), marker=True, gap=True)])

    def _query(self, **asked: Any) -> LogQuery:
        return LogQuery(self.stream.container, timestamps=True, **asked)

    def _unseen(self, *, follow: bool = False, previous: bool = False) -> LogQuery:
        """A life of which nothing was shown."""
        if self._asked_at is None or previous:
            return self._query(follow=follow, previous=previous)
        # Nothing was there when its last minutes were asked for: what has come since, by the kubelet's own clock.
        seconds = int(self._clock.monotonic() - self._asked_at) + 1
        return self._query(follow=follow, since_seconds=seconds)

    def _marker(self, text: str) -> LogEntry:
        return LogEntry(self.stream, self._seam.last, text, marker=True)


@asynccontextmanager
async def _within(seconds: float) -> AsyncGenerator[Callable[[bool], None], None]:
    """A time that runs while what is yielded was called with True last. Raises TooFarError at its end."""
    loop, limit = asyncio.get_running_loop(), asyncio.timeout(None)

    def runs(yes: bool) -> None:
        if not yes:
            limit.reschedule(None)
        elif limit.when() is None:
            limit.reschedule(loop.time() + seconds)

    try:
        async with limit:
            yield runs
    except TimeoutError:
        if not limit.expired():
            raise
        raise TooFarError from None


def _rest(block: LogBlock, start: int) -> LogBlock:
    if not start:
        return block
    cuts = {place - start: cut for place, cut in block.cuts.items() if place >= start}
    return LogBlock(block.lines[start:], cuts)
