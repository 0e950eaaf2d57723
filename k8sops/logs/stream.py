"""One container's log over all its lives: read back, then followed across restarts and broken connections.

Every line that the API can still serve comes once (`seam`); where it cannot, a marker says from when to when and why.
A life that has ended is read to its end before the next one is shown, by `previous` where that has begun already. What
becomes of the pod is told from outside (`tell`, `end`); it is asked for only where a log's lines say that it changed.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from k8sops.cluster.client_base import PODS
from k8sops.cluster.logs import LogBlock, LogQuery
from k8sops.core.clock import Clock
from k8sops.core.errors import CredentialsError, ForbiddenError, K8sOpsError, NotFoundError
from k8sops.core.log_selection import LogGap, LogSpan
from k8sops.core.logs import SECOND_NS, LogEntry, LogStream, moment_of, stamp_ns
from k8sops.logs.containers import NEVER_RAN, ContainerState, state_of
from k8sops.logs.marking import ended_said, gap_said
from k8sops.logs.parsing import Stamps, entries_of
from k8sops.logs.seam import MARGIN_NS, Seam
from k8sops.logs.source import LogCluster
from k8sops.logs.tally import Tally

SOON_S: Final = 3.0
"""So long after a stream's end the pod's status is given to say that the container ended."""
SETTLED_S: Final = 2.0
"""What there is of a log is served within this, once its first lines are."""
LINGER_S: Final = 20.0
"""A stream that brings nothing for so long after its pod is gone is given up: its node may be, too."""
BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
MOST_TRIES: Final = 5
"""Of a read that ends by itself; a followed one is tried for ever."""
NEAREST: Final = 200
FARTHEST: Final = 20_000
"""Lines that are read again in order to find the last one that was shown."""
ROTATED: Final = "the log was rotated, or cut, while it was not being read"

Put = Callable[[list[LogEntry]], Awaitable[None]]


class _OtherLifeError(Exception):
    """What is served is of another life than was asked for; its pod's status has told of that by now."""


class _TooFarError(Exception):
    """The line that was shown last is not among the last ones any more."""


class ContainerLog:
    """The log of one container; `state` is what was told last."""

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

    async def history(self, put: Put) -> None:
        """What there is, as far back as is wanted. Raises ForbiddenError, CredentialsError; else a marker says why."""
        state, span = self.state, self._span
        self.has_past = False
        if span.previous:
            await self._previous_alone(put)
            return
        if not state.readable:
            self._has_waited = bool(state.waiting)
            if state.waiting:
                await put([self._waits()])
            return
        if span.last_words and state.before is not None and state.before.exit_code != 0:
            await self._whole(self._query(previous=True, tail_lines=span.last_words), put)
            said = f"the container before ended: {state.before.said}; this is the next"
            await put([self._marker(said)])
            self._seam = Seam()
        self._life = state.life
        self._asked_at = self._clock.monotonic() if span.since_s or span.since_ns else None
        # Of a log of which nothing is wanted the last line is read all the same: what is new begins behind it.
        self._shows = span.tail != 0 or bool(span.head)
        await self._whole(self._spanned(), put)
        self._shows = True
        if state.ended is not None:
            self._drained = self._has_waited = True
            await put([self._marker(ended_said(state))])

    async def follow(self, put: Put) -> None:
        """What comes, until nothing can come any more. Raises ForbiddenError, CredentialsError."""
        while True:
            state = self.state
            if state.readable and state.life != self._life:
                await self._next_life(state, put)
            elif self._life >= 0 and state.running and not self.gone:
                await self._connect(put)
            elif self._life >= 0 and not self._drained:
                await self._drain(put)
            elif self.gone or self.over:
                break
            else:
                if state.waiting and not self._has_waited:
                    self._has_waited = True
                    await put([self._waits()])
                await self._hear()
        if self.gone:
            await put([self._marker("the pod is gone")])

    async def _next_life(self, state: ContainerState, put: Put) -> None:
        """Finish the life that was shown, and begin the one that the pod tells of."""
        before, started = self._life, stamp_ns(state.started)
        if before >= 0 and state.life == before + 1:
            if not self._drained:
                await self._kept_before(started, put)
        elif state.life > before + 1:
            await self._missed(state.life - before - 2, started, put)
        if before >= 0 and not self._has_waited and state.before is not None:
            await put([self._marker(f"the container ended: {state.before.said}")])
        if before >= 0:
            await put([self._marker(f"the container began anew (restart {state.life})")])
        # What was shown of it already, before its pod told of it, is either remembered, or longer than that.
        if not (started and self._seam.newest >= started + SECOND_NS + MARGIN_NS):
            self._seam = self._seam.next_life()
        self._life, self._asked_at = state.life, None
        self._drained = self._clean = self._has_waited = False

    async def _missed(self, lives: int, started: int, put: Put) -> None:
        """Lives came and went unseen: of those that ended only the last is kept."""
        if lives or (self._life >= 0 and not self._drained):
            await self._gap(put, started, "its container began anew more than once meanwhile")
        self._seam = self._seam.next_life()
        await self._kept_before(started, put)

    async def _kept_before(self, started: int, put: Put) -> None:
        """What is still kept, and was not shown, of the life before the present one, which began at `started`."""
        try:
            await self._tried(None, put, previous=True, forever=True)
        except (ForbiddenError, CredentialsError):
            raise
        except K8sOpsError as error:
            await self._gap(put, started, f"the container ended and began anew: {error.message}")

    async def _connect(self, put: Put) -> None:
        """One connection, to its end; then a wait before the next."""
        trouble, self._drained = "", False
        reading = asyncio.ensure_future(self._followed(put))
        try:
            await self._until_over(reading)
            if reading.done():
                reading.result()
            else:
                trouble = "it brought nothing more after its container had ended"
        except (ForbiddenError, CredentialsError):
            raise
        except _OtherLifeError:
            return
        except K8sOpsError as error:
            trouble = error.message
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        self._clean = not trouble and not self._seam.misses_last
        if await self._ends(at_once=bool(trouble)):
            return
        self._tally.reconnects += 1
        await self._breaks(trouble, put)

    async def _breaks(self, trouble: str, put: Put) -> None:
        """A connection ended before its time: wait before the next, the longer the more often."""
        if trouble and not self._failures:
            await put([self._marker(f"the stream broke, it is tried again: {trouble}")])
        self._failures += bool(trouble)
        await self._clock.sleep(BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)])

    async def _followed(self, put: Put) -> None:
        """Read one followed request to its end."""
        await self._slots.acquire()
        opening = True

        def sent() -> None:
            nonlocal opening
            if opening:
                opening = False
                self._slots.release()
                self._tally.opened += 1

        try:
            await self._resumed(put, on_sent=sent)
        finally:
            if opening:
                self._slots.release()
            else:
                self._tally.opened -= 1

    async def _until_over(self, reading: asyncio.Future[None]) -> None:
        """Wait for a reader to end; returns, too, where nothing more can come of it."""
        while not reading.done():
            if self._may_still_bring:
                news = asyncio.ensure_future(self._hear())
                try:
                    await asyncio.wait({reading, news}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    news.cancel()
                continue
            seen = self._blocks
            await asyncio.wait({reading}, timeout=LINGER_S)
            if seen == self._blocks and not self._putting:
                return

    @property
    def _may_still_bring(self) -> bool:
        return not self.gone and self.state.running and self.state.life == self._life

    async def _ends(self, *, at_once: bool) -> bool:
        """Whether this life has ended, as its pod tells; waits a little for it to tell, unless `at_once`."""
        if at_once:
            return not self._may_still_bring
        try:
            async with asyncio.timeout(SOON_S):
                while self._may_still_bring:
                    await self._hear()
        except TimeoutError:
            return False
        return True

    async def _drain(self, put: Put) -> None:
        """What is left of a life that is over: a connection that ended does not prove that it brought all."""
        state, self._drained = self.state, True
        why = ""
        try:
            if self.gone and not self._seam.newest:
                # By its name alone another pod would answer.
                why = "its pod is gone, and nothing of it had been read"
            else:
                await self._tried(None, put, forever=True)
        except _OtherLifeError:
            why = "its pod is gone, and its end had not been read" if self.gone else ""
        except (ForbiddenError, CredentialsError):
            raise
        except K8sOpsError as error:
            why = f"its end had not been read: {error.message}"
        if why and not self._clean:
            await self._gap(put, 0, why)
        if state.ended is not None and state.life == self._life:
            self._has_waited = True
            await put([self._marker(ended_said(state))])

    async def _hear(self) -> None:
        await self._news.wait()
        self._news.clear()

    async def _previous_alone(self, put: Put) -> None:
        if self.state.before is None and not self.state.life:
            await put([self._marker("no container ran before this one: it has never been restarted")])
            return
        lines = self._tally.lines
        await self._whole(self._spanned()._replace(previous=True), put)
        ended = self.state.before or self.state.ended
        if ended and self._tally.lines > lines:
            await put([self._marker(f"it ended: {ended.said}")])

    async def _whole(self, query: LogQuery, put: Put) -> None:
        """Read what there is; where it cannot be read, a marker says why."""
        try:
            await self._tried(query, put)
        except (ForbiddenError, CredentialsError):
            raise
        except K8sOpsError as error:
            self._tally.error(f"{self.stream.namespace}/{self.stream.label}: {error.message}")
            await put([self._marker(error.message)])

    async def _tried(
        self, query: LogQuery | None, put: Put, *, previous: bool = False, forever: bool = False
    ) -> None:
        """Read to the end, taking it up again where the connection breaks; without a query what was not shown yet."""
        for tries in itertools.count(1):
            try:
                if query is None or self._seam.newest:
                    await self._caught_up(put, previous=previous)
                else:
                    await self._read(query, put)
            except (ForbiddenError, CredentialsError):
                raise
            except K8sOpsError as error:
                if not error.transient or (tries == MOST_TRIES and not forever):
                    raise
                self._tally.reconnects += 1
                await self._breaks(error.message, put)
            else:
                return

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
            except _TooFarError:
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
        """One request: its new lines are handed on and noted. By place: raises _TooFarError where none can be told."""
        async with (
            _within(SETTLED_S) as settling,
            aclosing(self._cluster.log(self.stream, query, on_sent)) as blocks,
        ):
            async for found in blocks:
                self._blocks += 1
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
            raise _TooFarError
        if torn:
            if not query.previous:
                await self._is_same_life()
            await self._gap(put, times[start], ROTATED)
        return start

    async def _is_same_life(self) -> None:
        """Raises _OtherLifeError where lines are of a life, or a pod, that has not been told of yet."""
        try:
            pod = await self._cluster.get(PODS, self.stream.pod, self.stream.namespace)
        except NotFoundError:
            self.end()
            raise _OtherLifeError from None
        except K8sOpsError:
            # Who may read a log need not be allowed to read its pod.
            return
        if pod["metadata"]["uid"] != self.uid:
            self.end()
            raise _OtherLifeError
        if (state := state_of(pod, self.stream.container)).life != self._life:
            self.tell(state, over=self.over)
            raise _OtherLifeError

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

    def _spanned(self) -> LogQuery:
        """As much of the past as is wanted."""
        span = self._span
        if span.head:
            return self._query()
        since = moment_of(span.since_ns) if span.since_ns else None
        seconds = max(1, span.since_s) if span.since_s and since is None else None
        tail = span.tail if span.tail is None else max(1, span.tail)
        return self._query(tail_lines=tail, since_seconds=seconds, since_time=since)

    def _unseen(self, *, follow: bool = False, previous: bool = False) -> LogQuery:
        """A life of which nothing was shown."""
        if self._asked_at is None or previous:
            return self._query(follow=follow, previous=previous)
        # Nothing was there when its last minutes were asked for: what has come since, by the kubelet's own clock.
        seconds = int(self._clock.monotonic() - self._asked_at) + 1
        return self._query(follow=follow, since_seconds=seconds)

    def _marker(self, text: str) -> LogEntry:
        return LogEntry(self.stream, self._seam.last, text, marker=True)

    def _waits(self) -> LogEntry:
        return self._marker(f"it has not begun yet: {self.state.waiting}")


@asynccontextmanager
async def _within(seconds: float) -> AsyncGenerator[Callable[[bool], None], None]:
    """A time that runs while what is yielded was called with True last. Raises _TooFarError at its end."""
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
        raise _TooFarError from None


def _rest(block: LogBlock, start: int) -> LogBlock:
    if not start:
        return block
    cuts = {place - start: cut for place, cut in block.cuts.items() if place >= start}
    return LogBlock(block.lines[start:], cuts)
