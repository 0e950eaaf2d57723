"""A live table: rows of any kind, kept true by a reflector over server-side tables (implements core's `LiveRows`).

Owns one task. Rows appear page by page while the first list loads. Trouble never empties the table: the last known
rows stay, marked stale with a sentence, until the watch is true again or has failed for good.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from k8sops.cluster.known import Change
from k8sops.cluster.ordered_rows import OrderedRows
from k8sops.cluster.reflector import Reflector
from k8sops.cluster.table import WITH_METADATA, Entry, TableCodec
from k8sops.cluster.watch import ASK_AFTER_S
from k8sops.core.changing import Changes
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.tables import Column, FeedState, Row

if TYPE_CHECKING:
    from k8sops.cluster.pages import Pairs
    from k8sops.cluster.transport import Transport

SCREENFUL: Final = 100
"""Rows of the first page: no more are in sight, and a server takes a fifth of the time for them."""


class LiveTable:
    """Starts watching at once; needs a running event loop. Close it with `aclose`."""

    def __init__(
        self,
        transport: Transport,
        path: str,
        *,
        clock: Clock,
        query: Pairs = (),
        subject: str = "",
        source: random.Random | None = None,
        **options: Any,
    ) -> None:
        self._clock = clock
        self._codec = TableCodec(clock)
        # Pages, not a streaming list: only they bring the columns first and the first screenful in one answer.
        self._reflector = Reflector(
            transport,
            path,
            codec=self._codec,
            clock=clock,
            source=source,
            query=[*query, WITH_METADATA],
            streaming=False,
            first_page=SCREENFUL,
            subject=subject,
            **{"ask_after_s": ASK_AFTER_S, **options},
        )
        self._ordered = OrderedRows()
        self._state = FeedState.LOADING
        self._trouble = ""
        self._stale_since: datetime | None = None
        self._error: K8sOpsError | None = None
        self._changes = Changes(self._clock)
        self._closed = False
        self._task = asyncio.create_task(self._run(), name=f"live table of {subject or path}")

    @property
    def columns(self) -> Sequence[Column]:
        """The server's columns; empty until the first page is there."""
        return self._codec.columns

    @property
    def rows(self) -> Sequence[Row]:
        """All rows by namespace and name: a snapshot, the same one while `version` stays."""
        return self._ordered.snapshot()

    @property
    def version(self) -> int:
        """Grows with every change of rows."""
        return self._ordered.version

    @property
    def state(self) -> FeedState:
        """Loading, live, stale or failed."""
        return self._state

    @property
    def trouble(self) -> str:
        """Why the rows are not live, or why loading takes so long; empty while all is well."""
        return self._trouble

    @property
    def stale_since(self) -> datetime | None:
        """Since when the rows may be out of date."""
        return self._stale_since

    @property
    def note(self) -> str:
        """Empty: the server's rows tell what they tell."""
        return ""

    @property
    def error(self) -> K8sOpsError | None:
        """What ended the feed, once its state is failed."""
        return self._error

    def changes(self) -> AsyncGenerator[None, None]:
        """Yields after changes, at most ten times a second; ends when the table is closed or has failed."""
        return self._changes.follow(self._ended)

    async def aclose(self) -> None:
        """Stop watching and release the connection. Idempotent."""
        self._closed = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._tell()

    def _ended(self) -> bool:
        return self._closed or self._state is FeedState.FAILED

    def _tell(self) -> None:
        self._changes.tell()

    async def _run(self) -> None:
        try:
            async with aclosing(self._reflector.batches()) as batches:
                async for changes in batches:
                    self._ordered.apply(changes)
                    for change in changes:
                        if change.item is None:
                            self._heard(change)
                    self._tell()
        except K8sOpsError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - a defect here must show on the screen, not end in a lost task
            self._fail(K8sOpsError(f"the live table failed: {type(error).__name__}: {error}"))

    def _heard(self, change: Change[Entry]) -> None:
        if change.type == "lost":
            self._trouble = change.message
            if self._state is not FeedState.LOADING:
                self._mark(FeedState.STALE)
        else:
            self._trouble = ""
            self._mark(FeedState.LIVE)

    def _mark(self, state: FeedState) -> None:
        self._state = state
        if state is FeedState.LIVE:
            self._stale_since = None
        elif self._stale_since is None:
            # Not when it was noticed: what happened since the last that was heard is not on the screen.
            self._stale_since = self._reflector.heard_at or self._clock.now()

    def _fail(self, error: K8sOpsError) -> None:
        self._error = error
        self._trouble = error.message
        self._mark(FeedState.FAILED)
        self._tell()
