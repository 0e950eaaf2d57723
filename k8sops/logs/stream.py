"""One container's log over all its lives: read back, then followed across restarts and broken connections.

Every line that the API can still serve comes once (`seam`); where it cannot, a marker says from when to when and why.
A life that has ended is read to its end before the next one is shown, by `previous` where that has begun already. What
becomes of the pod is told from outside (`tell`, `end`); it is asked for only where a log's lines say that it changed.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Final

from k8sops.cluster.logs import LogQuery
from k8sops.core.errors import CredentialsError, ForbiddenError, K8sOpsError
from k8sops.core.logs import SECOND_NS, LogEntry, moment_of, stamp_ns
from k8sops.logs.containers import ContainerState
from k8sops.logs.marking import ended_said
from k8sops.logs.reading import MOST_TRIES, LogReader, OtherLifeError, Put
from k8sops.logs.seam import MARGIN_NS, Seam

SOON_S: Final = 3.0
"""So long after a stream's end the pod's status is given to say that the container ended."""
LINGER_S: Final = 20.0
"""A stream that brings nothing for so long after its pod is gone is given up: its node may be, too."""
BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)


class ContainerLog(LogReader):
    """The log of one container."""

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
        except OtherLifeError:
            return
        except K8sOpsError as error:
            await self._check_refusal(error, put)
            trouble = error.message
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        self._clean = not trouble and not self._seam.misses_last
        if await self._ends(at_once=bool(trouble)):
            return
        self._tally.reconnects += 1
        await self._breaks(trouble, put)

    async def _check_refusal(self, error: K8sOpsError, put: Put) -> None:
        """Raise a refusal that will not pass, having said what is missed from now on."""
        if isinstance(error, ForbiddenError | CredentialsError) and not self._may_pass():
            if self._blocks:
                await self._gap(put, 0, error.message)
            raise error

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
        except OtherLifeError:
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
            except K8sOpsError as error:
                if isinstance(error, ForbiddenError | CredentialsError):
                    if not (forever and self._may_pass()):
                        raise
                elif not error.transient or (tries == MOST_TRIES and not forever):
                    raise
                self._tally.reconnects += 1
                await self._breaks(error.message, put)
            else:
                return

    def _spanned(self) -> LogQuery:
        """As much of the past as is wanted."""
        span = self._span
        if span.head:
            return self._query()
        since = moment_of(span.since_ns) if span.since_ns else None
        seconds = max(1, span.since_s) if span.since_s and since is None else None
        tail = span.tail if span.tail is None else max(1, span.tail)
        return self._query(tail_lines=tail, since_seconds=seconds, since_time=since)

    def _waits(self) -> LogEntry:
        return self._marker(f"it has not begun yet: {self.state.waiting}")
