"""A collection kept true: list, watch, and come back after every kind of end without losing or doubling an object.

The contract towards the consumer is that of `known`: only true differences. Towards the server: bounded, jittered
backoff, bookmarks, and a new list only when the old position is void. A consumer hears of trouble once (`lost`) and
of its end once (`recovered`).
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from k8sops.cluster.backoff import Backoff
from k8sops.cluster.codecs import Codec, JsonCodec
from k8sops.cluster.known import Change, Known
from k8sops.cluster.pages import PAGE_SIZE, page_bodies
from k8sops.cluster.watch import QUIET_S, WATCH_S, Batch, watch_batches
from k8sops.core.clock import Clock
from k8sops.core.errors import ClusterError, DeadlineError, GoneError, InvalidError, K8sOpsError
from k8sops.core.ports import WatchEvent

if TYPE_CHECKING:
    from k8sops.cluster.pages import Pairs
    from k8sops.cluster.transport import Transport

T = TypeVar("T")

PROVEN_S: Final = 5.0
"""A watch that lived this long, or brought an event, was a good connection: its end is no reason to wait."""
RELIST_AFTER: Final = 3
"""Refusals of one position in a row after which the position itself is doubted."""


class Reflector(Generic[T]):
    """Watches one collection for one consumer; iterate `batches` once, and close it to stop."""

    def __init__(
        self,
        transport: Transport,
        path: str,
        *,
        codec: Codec[T],
        clock: Clock,
        source: random.Random | None = None,
        query: Pairs = (),
        streaming: bool = True,
        page_size: int = PAGE_SIZE,
        first_page: int = PAGE_SIZE,
        quiet_s: float = QUIET_S,
        watch_s: int = WATCH_S,
        ask_after_s: float | None = None,
        subject: str = "",
    ) -> None:
        self._ask_after_s = ask_after_s
        self._heard_at: datetime | None = None
        self._transport = transport
        self._path = path
        self._codec = codec
        self._clock = clock
        self._query = query
        self._streaming = streaming
        self._page_size = page_size
        self._first_page = first_page
        self._quiet_s = quiet_s
        self._watch_s = watch_s
        self._subject = subject or path
        self._known = Known(codec.identify, codec.keep)
        self._backoff = Backoff(source or random.Random())  # noqa: S311 - spreads load, guards nothing
        self._position = ""
        self._synced = False
        self._lost_at: float | None = None

    @property
    def heard_at(self) -> datetime | None:
        """When the server was last heard, by the watch or where it was asked; None before the first answer."""
        answered_at = self._transport.pulse.answered_at
        if self._heard_at is None or answered_at is None:
            return self._heard_at
        return max(self._heard_at, answered_at)

    async def batches(self) -> AsyncGenerator[list[Change[T]], None]:
        """`added` for the present state, `synced`, then changes as they come, in lists as they were read.

        Does not end by itself. Raises what cannot get better by waiting (credentials, forbidden, not found, TLS),
        after telling it as `lost`.
        """
        while True:
            try:
                async with aclosing(self._connection()) as connection:
                    async for changes in connection:
                        if changes:
                            yield changes
                continue
            except K8sOpsError as error:
                failure = error
            if lost := self._lose(failure):
                yield [lost]
            if not failure.transient:
                raise failure
            await self._clock.sleep(self._backoff.next(failure.retry_after))

    def _lose(self, error: K8sOpsError) -> Change[T] | None:
        # 504 is how a position the server has not reached is refused; it is told as a missed deadline.
        answered = isinstance(error, ClusterError | DeadlineError)
        if isinstance(error, GoneError) or (answered and self._backoff.failures >= RELIST_AFTER):
            self._position = ""
        if self._lost_at is not None and error.transient:
            return None
        self._lost_at = self._clock.monotonic()
        return Change("lost", message=error.message)

    def _recover(self) -> list[Change[T]]:
        if self._lost_at is None:
            return []
        away = self._clock.monotonic() - self._lost_at
        self._lost_at = None
        return [Change("recovered", message=f"watching {self._subject} again after {away:.0f} s")]

    async def _connection(self) -> AsyncGenerator[list[Change[T]], None]:
        """One round: a list where there is no position, then one watch to its end."""
        if not self._position and not self._streaming:
            async with aclosing(self._list()) as listing:
                async for changes in listing:
                    yield changes
        began = self._clock.monotonic()
        with_initial = not self._position
        if with_initial:
            self._known.begin_list()
        lively = False
        watch = watch_batches(
            self._transport,
            self._path,
            codec=self._codec,
            resource_version=self._position,
            query=self._query,
            with_initial=with_initial,
            quiet_s=self._quiet_s,
            watch_s=self._watch_s,
            ask_after_s=self._ask_after_s,
            subject=self._subject,
        )
        try:
            async with aclosing(watch):
                async for batch in watch:
                    if batch.events or batch.bookmark:
                        self._heard_at = self._clock.now()
                    changes = self._digest(batch)
                    if batch.events and self._position:
                        lively = True
                        self._backoff.reset()
                    yield changes
        except InvalidError:
            if not with_initial:
                raise
            self._streaming = False
            return
        if with_initial and not self._position:
            # It took the parameter and never said that the state was complete, so it does not know the feature.
            self._streaming = False
        if lively or self._clock.monotonic() - began >= PROVEN_S:
            self._backoff.reset()
        else:
            await self._clock.sleep(self._backoff.next())

    async def _list(self) -> AsyncGenerator[list[Change[T]], None]:
        bodies = page_bodies(
            self._transport,
            self._path,
            query=self._query,
            accept=self._codec.accept,
            page_size=self._page_size,
            first_page=self._first_page,
            subject=self._subject,
        )
        position = ""
        async with aclosing(bodies):
            self._known.begin_list()
            async for body in bodies:
                if body.restarted:
                    self._known.begin_list()
                changes: list[Change[T]] = []
                self._heard_at = self._clock.now()
                self._known.put(self._codec.page(body.data), changes)
                position = body.meta.resource_version
                yield changes
        yield self._complete(position)

    def _complete(self, position: str) -> list[Change[T]]:
        """The full state is known: tell what is gone from it."""
        changes = self._known.end_list()
        self._position = position
        if not self._synced:
            self._synced = True
            changes.append(Change("synced"))
        return changes + self._recover()

    def _digest(self, batch: Batch[T]) -> list[Change[T]]:
        changes: list[Change[T]] = []
        for event in batch.events:
            if event.type == "DELETED":
                self._known.remove(event.object, changes)
            else:
                self._known.put((event.object,), changes)
        if batch.initial_end:
            return changes + self._complete(batch.bookmark)
        if not self._position:
            return changes
        if batch.bookmark:
            self._position = batch.bookmark
        elif batch.events:
            self._position = self._codec.identify(batch.events[-1].object).resource_version or self._position
        return changes + self._recover()


async def watch_objects(
    transport: Transport, path: str, *, clock: Clock, query: Pairs = (), subject: str = "", **options: Any
) -> AsyncGenerator[WatchEvent, None]:
    """The port's `watch`: whole objects as events. `options` go to `Reflector`."""
    reflector = Reflector(
        transport, path, codec=JsonCodec(), clock=clock, query=query, subject=subject, **options
    )
    async with aclosing(reflector.batches()) as batches:
        async for batch in batches:
            for change in batch:
                yield WatchEvent(type=change.type, object=change.item or {}, message=change.message)
