"""One container's log, over all its lives: read back, then followed across restarts and broken connections.

A stream that is taken up again begins at the second of the last line, and what was shown before is told by its
nanoseconds and its text: each line comes once. Where something is known to be missing or to have ended, a marker says
so. What becomes of the pod is told from outside (`tell`); nothing here asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from k8sops.cluster.logs import LogLine, LogQuery
from k8sops.core.clock import Clock
from k8sops.core.errors import (
    CredentialsError,
    ForbiddenError,
    K8sOpsError,
    TooManyRequestsError,
)
from k8sops.core.logs import MOST_LINES, LogEntry, LogStream, LogWanted, moment_of, stamp_ns
from k8sops.service.log_containers import NEVER_RAN, ContainerState

SOON_S: Final = 3.0
"""So long after a stream's end the pod's status is given to say that the container ended."""
BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
BEFORE_LINES: Final = 20
"""Of the life before a restart, shown above the present one."""

Read = Callable[[LogStream, LogQuery], AsyncGenerator[LogLine, None]]


class ContainerLog:
    """The log of one container; `state` is what was told last."""

    def __init__(self, stream: LogStream, read: Read, wanted: LogWanted, clock: Clock) -> None:
        self.stream: Final = stream
        self.state = NEVER_RAN
        self.gone = False
        self._read = read
        self._wanted = wanted
        self._clock = clock
        self._news = asyncio.Event()
        self._seam = _Seam()
        self._shown_life = -1
        self._has_waited = False

    def tell(self, state: ContainerState) -> None:
        """What the pod's status says now."""
        if state != self.state:
            self.state = state
            self._news.set()

    def end(self) -> None:
        """The pod is gone."""
        self.gone = True
        self._news.set()

    async def history(self) -> list[LogEntry]:
        """What there is, as far back as is wanted. Raises ForbiddenError, CredentialsError; else a marker says why."""
        state, wanted = self.state, self._wanted
        if wanted.previous:
            return await self._previous()
        if not state.readable:
            self._has_waited = bool(state.waiting)
            return [self._waits()] if state.waiting else []
        found: list[LogEntry] = []
        if state.before is not None and state.before.exit_code != 0 and wanted.part == "tail":
            found += await self._collected(
                LogQuery(self.stream.container, previous=True, tail_lines=BEFORE_LINES)
            )
            found.append(self._marker(f"the container before ended: {state.before.said}; this is the next"))
        found += await self._collected(self._query())
        self._seam.pass_all(found)
        self._shown_life = state.life
        if state.ended is not None:
            found.append(self._marker(self._ended_said(state)))
            self._has_waited = True
        return found

    async def follow(self) -> AsyncGenerator[LogEntry, None]:
        """What comes, until the pod is gone. Raises ForbiddenError, CredentialsError."""
        while not self.gone:
            state = self.state
            is_next = state.life > self._shown_life
            if not state.readable or (not is_next and not state.running):
                # Nothing comes before the container begins anew.
                if state.waiting and not self._has_waited:
                    self._has_waited = True
                    yield self._waits() if state.ended is None else self._marker(self._ended_said(state))
                await self._hear()
                continue
            if is_next:
                if self._shown_life >= 0:
                    yield self._marker(f"the container began anew (restart {state.life})")
                self._seam = _Seam()
                self._shown_life = state.life
            self._has_waited = False
            async with aclosing(self._one_life(state.life)) as entries:
                async for entry in entries:
                    yield entry
        yield self._marker("the pod is gone")

    async def _one_life(self, life: int) -> AsyncGenerator[LogEntry, None]:
        failures = 0
        while True:
            trouble = ""
            try:
                async with aclosing(
                    self._read(self.stream, self._seam.query(self.stream.container))
                ) as lines:
                    async for line in lines:
                        entry = self._entry(line)
                        if self._seam.is_new(entry):
                            if failures:
                                failures = 0
                                yield self._marker("connected again")
                            yield entry
            except (ForbiddenError, CredentialsError):
                raise
            except K8sOpsError as error:
                trouble = error.message
            self._seam.reconnects()
            if await self._is_over(life, at_once=bool(trouble)):
                if (ended := self._ended_of(life)) is not None:
                    yield self._marker(ended)
                    self._has_waited = True
                return
            if trouble and not failures:
                yield self._marker(f"the stream broke, it is tried again: {trouble}")
            failures += bool(trouble)
            await self._clock.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])

    async def _is_over(self, life: int, *, at_once: bool) -> bool:
        """Whether this life has ended, as its pod tells; waits a little for it to tell, unless `at_once`."""
        if at_once:
            return self.gone or self.state.life != life or not self.state.running
        try:
            async with asyncio.timeout(SOON_S):
                while not self.gone and self.state.life == life and self.state.running:
                    await self._hear()
        except TimeoutError:
            return False
        return True

    def _ended_of(self, life: int) -> str | None:
        state = self.state
        ended = state.ended if state.life == life else state.before
        if self.gone or ended is None:
            return None
        return self._ended_said(state) if state.life == life else f"the container ended: {ended.said}"

    async def _hear(self) -> None:
        await self._news.wait()
        self._news.clear()

    async def _previous(self) -> list[LogEntry]:
        if self.state.before is None and not self.state.life:
            return [self._marker("no container ran before this one: it has never been restarted")]
        asked = self._query()._replace(previous=True)
        found = await self._collected(asked)
        ended = self.state.before or self.state.ended
        return [*found, self._marker(f"it ended: {ended.said}")] if found and ended else found

    async def _collected(self, query: LogQuery) -> list[LogEntry]:
        """Lines that are there now; where they cannot be read, a marker saying why."""
        most = self._wanted.lines if self._wanted.part == "head" else MOST_LINES
        found: list[LogEntry] = []
        try:
            async with aclosing(self._read(self.stream, query._replace(timestamps=True))) as lines:
                async for line in lines:
                    found.append(self._entry(line))
                    if len(found) == most:
                        break
        except (ForbiddenError, CredentialsError, TooManyRequestsError):
            raise
        except K8sOpsError as error:
            found.append(self._marker(error.message))
        return found

    def _query(self) -> LogQuery:
        wanted, container = self._wanted, self.stream.container
        if wanted.part == "head":
            return LogQuery(container)
        if wanted.part == "since":
            return LogQuery(container, since_seconds=max(1, wanted.since_s), tail_lines=MOST_LINES)
        return LogQuery(container, tail_lines=wanted.lines)

    def _entry(self, line: LogLine) -> LogEntry:
        stamp, _, text = line.text.partition(" ")
        at = stamp_ns(stamp)
        return LogEntry(self.stream, at, text if at else line.text, line.cut)

    def _marker(self, text: str) -> LogEntry:
        return LogEntry(self.stream, self._seam.last, text, marker=True)

    def _waits(self) -> LogEntry:
        return self._marker(f"it has not begun yet: {self.state.waiting}")

    def _ended_said(self, state: ContainerState) -> str:
        assert state.ended is not None  # noqa: S101 - only asked of what has ended
        waits = f"; {state.waiting}: it will begin anew" if state.waiting else ""
        return f"the container ended: {state.ended.said}{waits}"


class _Seam:
    """Where a stream is taken up again: the last line's time, and the texts that came at that very time."""

    def __init__(self) -> None:
        self.last = 0
        self._texts: set[str] = set()
        self._overlaps = False

    def pass_all(self, shown: list[LogEntry]) -> None:
        for entry in shown:
            if not entry.marker:
                self._note(entry)
        self._overlaps = self.last > 0

    def reconnects(self) -> None:
        self._overlaps = self.last > 0

    def query(self, container: str) -> LogQuery:
        since = moment_of(self.last).replace(microsecond=0) if self.last else None
        return LogQuery(container, follow=True, timestamps=True, since_time=since)

    def is_new(self, entry: LogEntry) -> bool:
        """Whether the line has not been shown; asked of each line once, in order."""
        if self._overlaps:
            if entry.at < self.last or (entry.at == self.last and entry.text in self._texts):
                return False
            self._overlaps = entry.at == self.last
        self._note(entry)
        return True

    def _note(self, entry: LogEntry) -> None:
        if entry.at > self.last:
            self.last = entry.at
            self._texts = {entry.text}
        elif entry.at == self.last:
            self._texts.add(entry.text)
