"""The live tables an overview rests on, each with its own permission: cluster-wide, else one namespace, else none.

A kind that may not be listed is asked for again every minute, for permissions change while one looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Final

from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.overview import Gauge
from k8sops.core.ports import AccessRequest
from k8sops.core.tables import Column, FeedState, LiveRows, Row, TableQuery

AGAIN_S: Final = 60.0
SOON_S: Final = 5.0

KindTable = tuple[Sequence[Column], Sequence[Row]]


class KindFeed:
    """One kind's rows, as far as they may be read; `changed` is called after each change."""

    def __init__(
        self,
        reader: ReadOnlyCluster,
        kind: str,
        namespace: str,
        clock: Clock,
        changed: Callable[[], None],
        *,
        namespaced: bool = True,
        field_selector: str = "",
    ) -> None:
        self.kind: Final = kind
        self._field_selector = field_selector
        self.gauge = Gauge.WAITING
        """OK once rows are there."""
        self.why = ""
        """Why there are none, or only some."""
        self._namespace = namespace
        self._namespaced = namespaced
        self._reader = reader
        self._clock = clock
        self._changed = changed
        self._rows: LiveRows | None = None

    @property
    def table(self) -> KindTable | None:
        """Columns and rows; None while there are none to be had."""
        if self._rows is None or self.gauge is not Gauge.OK:
            return None
        return self._rows.columns, self._rows.rows

    @property
    def lost(self) -> tuple[str, datetime | None]:
        """Why the rows may be out of date, and since when."""
        rows = self._rows
        if rows is None or rows.state is not FeedState.STALE:
            return "", None
        return rows.trouble or "the connection to the cluster was lost", rows.stale_since

    async def run(self) -> None:
        """Follow the rows for ever; what goes wrong is told and tried again."""
        while True:
            pause_s = AGAIN_S
            try:
                scope = await self._scope()
                if scope is not None:
                    await self._follow(scope)
                    pause_s = SOON_S
            except K8sOpsError as error:
                self._tell(Gauge.UNKNOWN, error.message)
                pause_s = SOON_S
            await self._clock.sleep(pause_s)

    async def _scope(self) -> str | None:
        """The namespace to list, empty for all, None where none may be listed."""
        if await self._may(""):
            self.why = ""
            return ""
        resource = self.kind.partition(".")[0]
        if self._namespaced and await self._may(self._namespace):
            self.why = f"in namespace {self._namespace} only: more is not permitted"
            return self._namespace
        where = " in any namespace" if self._namespaced else ""
        self._tell(Gauge.DENIED, f"not permitted: list {resource}{where}")
        return None

    async def _may(self, namespace: str) -> bool:
        plural, _, group = self.kind.partition(".")
        asked = AccessRequest(verb="list", resource=plural, group=group, namespace=namespace)
        return (await self._reader.can_i(asked)).allowed

    async def _follow(self, namespace: str) -> None:
        rows = self._rows = await self._reader.rows(
            TableQuery(kind=self.kind, namespace=namespace, field_selector=self._field_selector)
        )
        try:
            async with aclosing(rows.changes()) as changes:
                async for _ in changes:
                    if rows.state is FeedState.FAILED:
                        self._tell(Gauge.UNKNOWN, rows.trouble)
                        return
                    if rows.state is not FeedState.LOADING:
                        self.gauge = Gauge.OK
                    elif rows.trouble:
                        self.why = rows.trouble
                    self._changed()
        finally:
            await rows.aclose()
            self._rows = None

    def _tell(self, gauge: Gauge, why: str) -> None:
        self.gauge, self.why = gauge, why
        self._changed()


async def ended(tasks: set[asyncio.Task[None]]) -> None:
    """End tasks and wait until they have."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
