"""The live table of one pod's containers: the pod is read again whenever its own row changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Final

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError, NotFoundError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader
from k8sops.core.tables import Column, FeedState, LiveRows, Row, TableQuery
from k8sops.service.live.containers import CONTAINER_COLUMNS, container_rows
from k8sops.service.live.figures import Used
from k8sops.service.live.usage import Usage

MEASURED_EVERY_S: Final = 15.0


async def container_table(reader: ClusterReader, query: TableQuery, clock: Clock) -> ContainerTable:
    """Open it. Raises NotFoundError, ForbiddenError."""
    pods = await reader.resource("pods")
    pod = await reader.get(pods, query.name, query.namespace)
    base = await reader.rows(TableQuery(kind="pods", namespace=query.namespace, name=query.name))
    return ContainerTable(reader, query, base, pod, clock)


class ContainerTable:
    """Implements `LiveRows`. A pod that is deleted leaves no rows."""

    def __init__(
        self, reader: ClusterReader, query: TableQuery, base: LiveRows, pod: JsonObject, clock: Clock
    ) -> None:
        self._reader: Final = reader
        self._query: Final = query
        self._base: Final = base
        self._clock: Final = clock
        self._usage: Final = Usage(reader)
        self._pod: JsonObject | None = pod
        self._used: Mapping[str, Used] = {}
        self._rows: tuple[Row, ...] = ()
        self._version = 0
        self._trouble = ""
        self._made()

    @property
    def columns(self) -> Sequence[Column]:
        """Always the same."""
        return CONTAINER_COLUMNS

    @property
    def rows(self) -> Sequence[Row]:
        """In the order the containers start."""
        return self._rows

    @property
    def version(self) -> int:
        """Grows with every change of rows."""
        return self._version

    @property
    def state(self) -> FeedState:
        """As the pod's."""
        return FeedState.LIVE if self._base.state is FeedState.LOADING else self._base.state

    @property
    def trouble(self) -> str:
        """As the pod's, or why it cannot be read again."""
        return self._base.trouble or self._trouble

    @property
    def stale_since(self) -> datetime | None:
        """As the pod's."""
        return self._base.stale_since

    @property
    def note(self) -> str:
        """Why there are no metrics."""
        return self._usage.note

    @property
    def error(self) -> K8sOpsError | None:
        """As the pod's."""
        return self._base.error

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yields when the pod or what it uses has changed."""
        changed = asyncio.Event()
        ended = asyncio.Event()
        tasks = {
            asyncio.create_task(self._follow(changed, ended), name=f"containers of {self._query.name}"),
            asyncio.create_task(self._measure(changed), name=f"usage of {self._query.name}"),
        }
        try:
            yield
            while not ended.is_set():
                await changed.wait()
                changed.clear()
                yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """Stop watching. Idempotent."""
        await self._base.aclose()

    async def _follow(self, changed: asyncio.Event, ended: asyncio.Event) -> None:
        seen = self._base.version
        async with aclosing(self._base.changes()) as changes:
            async for _ in changes:
                if self._base.version != seen:
                    seen = self._base.version
                    await self._read()
                changed.set()
        ended.set()
        changed.set()

    async def _measure(self, changed: asyncio.Event) -> None:
        while True:
            self._used = await self._usage.of_containers(self._query.name, self._query.namespace)
            self._made()
            changed.set()
            await self._clock.sleep(MEASURED_EVERY_S)

    async def _read(self) -> None:
        try:
            self._pod = await self._reader.get(
                await self._reader.resource("pods"), self._query.name, self._query.namespace
            )
            self._trouble = ""
        except NotFoundError:
            self._pod = None
        except K8sOpsError as error:
            self._trouble = error.message
        self._made()

    def _made(self) -> None:
        rows = container_rows(self._pod, self._used) if self._pod is not None else ()
        before = {row.uid: row for row in self._rows}
        # A row that stayed the same stays the same object, which is how it is not drawn again.
        self._rows = tuple(before[row.uid] if before.get(row.uid) == row else row for row in rows)
        self._version += 1
