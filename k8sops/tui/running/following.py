"""Follows a run from the store, whoever carries it, and says that there is news; it survives a store that goes away.

Touches no widget. What there is to show stands in the follower; a flood of events is one message.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Final

import msgspec
from textual.message import Message

from k8sops.core.errors import K8sOpsError
from k8sops.core.events import Event, Progress
from k8sops.core.run import Run, RunFilter, RunId
from k8sops.tui.session import Session

RETRY_S: Final = 2.0
HEARTBEAT_S: Final = 5.0
"""The service waits a minute for a store that is away before it says so; a reader wants to know sooner."""


class RunNews(Message):
    """The run, its events or the connection to them changed."""

    def can_replace(self, message: Message) -> bool:
        """What there is to show is read when it is handled."""
        return isinstance(message, RunNews)


class RunFollower:
    """One run as it stands, and its events so far."""

    def __init__(self, connection: Session, run_id: RunId, post: Callable[[Message], object]) -> None:
        self.run_id = run_id
        self.run: Run | None = None
        self.events: list[Event] = []
        self.progress = Progress()
        self.lost: K8sOpsError | None = None
        """Why nothing newer can be shown; None while all is well."""
        self._connection = connection
        self._post = post
        self._waiting = ""
        """The step that the progress is of; of a drain, whose pods are steps, the whole."""

    async def follow(self) -> None:
        """Until the run has ended; tries again for as long as it takes."""
        while True:
            try:
                await self._follow_once()
            except K8sOpsError as error:
                self._tell_lost(error)
            except Exception as error:  # noqa: BLE001 - worker boundary: a failure must reach the screen
                self._tell_lost(K8sOpsError(f"following the run failed: {type(error).__name__}: {error}"))
            else:
                return
            await asyncio.sleep(RETRY_S)

    def _tell_lost(self, error: K8sOpsError) -> None:
        self.lost = error
        self._post(RunNews())

    async def _follow_once(self) -> None:
        run = await self._read()
        while not run.state.ended:
            async with _steady(self._connection, run.id, self._seen) as events:
                async for event in events:
                    self._hear(event)
                    if event.kind in {"state", "note"}:
                        await self._read()
                    self._found()
            run = await self._read()

    @property
    def _seen(self) -> int:
        return self.events[-1].seq if self.events else 0

    async def _read(self) -> Run:
        run = await self._connection.ops.get_run(self.run_id)
        for event in run.events:
            if event.seq > self._seen:
                self._hear(event)
        self.run = run
        self.progress = run.progress
        self._found()
        return run

    def _found(self) -> None:
        self.lost = None
        self._post(RunNews())

    def _hear(self, event: Event) -> None:
        if event.seq <= self._seen:
            return
        self.events.append(event)
        if event.kind in {"step_done", "step_failed"}:
            if event.step == self._waiting:
                self.progress = msgspec.structs.replace(self.progress, waiting_for="", waiting_since=None)
        elif event.kind == "progress":
            # Also of a step that is done: its change is made, and the run waits for what comes of it.
            known = {key: event.data[key] for key in Progress.__struct_fields__ if key in event.data}
            self.progress = msgspec.convert(known, Progress, strict=False)
            self._waiting = event.step


@asynccontextmanager
async def _steady(
    connection: Session, run_id: RunId, after: int
) -> AsyncIterator[AsyncGenerator[Event, None]]:
    async with (
        aclosing(connection.ops.watch(run_id, after=after)) as events,
        aclosing(_with_heartbeat(connection, events)) as steady,
    ):
        yield steady


async def _with_heartbeat(
    connection: Session, events: AsyncGenerator[Event, None]
) -> AsyncGenerator[Event, None]:
    """The events; in silence the store is asked for something, so that its absence is noticed."""
    coming: asyncio.Task[Event] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(_next(events))
            done, _ = await asyncio.wait({coming}, timeout=HEARTBEAT_S)
            if not done:
                await connection.ops.runs(RunFilter(limit=1))
                continue
            try:
                event = coming.result()
            except _EndedError:
                return
            coming = None
            yield event
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})


class _EndedError(Exception):
    """There are no more events: StopAsyncIteration may not leave a task."""


async def _next(events: AsyncGenerator[Event, None]) -> Event:
    try:
        return await anext(events)
    except StopAsyncIteration:
        raise _EndedError from None
