"""A made-up service with logs and sessions, and a stage for the screens over them: moved only by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from textual.pilot import Pilot

from k8sops.core.errors import ConfirmationError, K8sOpsError
from k8sops.core.logs import SECOND_NS, LogEntry, LogStream, LogWanted
from k8sops.core.sessions import REASON, YES
from k8sops.core.tables import TableQuery
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.logs.screen import LogScreen
from k8sops.tui.logs.view import LogView
from k8sops.tui.status import Banner, SaidLine
from tests.tui.at_rest import until
from tests.tui.feeds import NODE_COLUMNS, POD_COLUMNS, START, Desk, DeskOps, Feed, FixedClock, node
from tests.tui.scenes import SHOP, WEB_POD

STREAM = LogStream("shop", "web-1", "app")


def said(
    text: str, second: int = 0, stream: LogStream = STREAM, *, marker: bool = False, cut: int = 0
) -> LogEntry:
    """A line so many seconds after the clock's start."""
    return LogEntry(stream, int(START.timestamp() + second) * SECOND_NS, text, cut, marker)


class LogOps(DeskOps):
    """An `Ops` whose logs the test writes."""

    def __init__(self) -> None:
        feeds = {"pods": Feed(POD_COLUMNS, SHOP), "nodes": Feed(NODE_COLUMNS, [node("node-1")])}
        super().__init__(feeds, {row.name: WEB_POD for row in SHOP})
        self.wanted: list[LogWanted] = []
        self.there: list[LogEntry] = []
        self.followers = 0
        self.trouble: K8sOpsError | None = None
        self._coming: asyncio.Queue[Sequence[LogEntry] | None] = asyncio.Queue()

    def write(self, *entries: LogEntry) -> None:
        """A container writes."""
        self._coming.put_nowait(entries)

    def end(self) -> None:
        """The stream ends."""
        self._coming.put_nowait(None)

    async def logs(self, wanted: LogWanted) -> AsyncGenerator[Sequence[LogEntry], None]:
        self.wanted.append(wanted)
        if self.trouble is not None:
            raise self.trouble
        self._coming = asyncio.Queue()
        self.followers += 1
        try:
            if self.there:
                yield self.there
            while (found := await self._coming.get()) is not None:
                yield found
        finally:
            self.followers -= 1


class LogStage:
    """What a reader sees and does."""

    def __init__(self, app: K8sOpsApp, pilot: Pilot[int], ops: LogOps) -> None:
        self.app, self.pilot, self.ops = app, pilot, ops

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds; fails after two minutes."""
        await self.pilot.pause()
        await until(self.pilot, holds)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        await self.press(
            *({" ": "space", "/": "slash", ":": "colon", ".": "full_stop"}.get(k, k) for k in text)
        )

    @property
    def logs(self) -> LogScreen:
        found = self.app.screen
        assert isinstance(found, LogScreen)
        return found

    @property
    def view(self) -> LogView:
        return self.logs.query_one(LogView)

    async def reads(self, *texts: str) -> None:
        """Wait until exactly these rows are shown."""
        try:
            await self.until(
                lambda: isinstance(self.app.screen, LogScreen) and self.view.texts == list(texts)
            )
        except AssertionError:
            raise AssertionError(self.view.texts) from None

    @property
    def title(self) -> str:
        return str(self.app.screen.query_one("#title", SaidLine).content)

    @property
    def banner(self) -> str:
        found = self.app.screen.query_one(Banner)
        return str(found.content) if found.display else ""

    @property
    def notices(self) -> list[str]:
        """What was said for a moment."""
        return [notice.message for notice in self.app._notifications]


@asynccontextmanager
async def stage(ops: LogOps | None = None, **how: Any) -> AsyncIterator[LogStage]:
    """The whole application on the made-up service, its table of pods read."""
    ops = ops or LogOps()
    desk = Desk(ops)
    app = K8sOpsApp(desk.open, TableQuery(kind="pods"), all_namespaces=True, clock=FixedClock(), **how)
    async with app.run_test(size=(100, 24)) as pilot:
        found = LogStage(app, pilot, ops)
        feed = ops.feeds["pods"]
        await found.until(lambda: ops.queries and feed.is_heard and not ops.feeds["pods"].closed)
        await found.until(lambda: bool(app.screen.query("LiveTable").first().shown))  # type: ignore[attr-defined]
        yield found


def wants_reason(text: str = "policy wants a reason") -> ConfirmationError:
    """What the service raises where a reason is missing."""
    return ConfirmationError(text, hint=REASON)


def wants_yes() -> ConfirmationError:
    """What the service raises where policy wants somebody asked."""
    return ConfirmationError("policy wants this confirmed: shells-are-asked: confirmation", hint=YES)


def wants_name(name: str) -> ConfirmationError:
    """What the service raises where the cluster's name is to be typed."""
    return ConfirmationError(f"policy wants the cluster's name typed: {name}", hint=name)


def with_streams(entry: LogEntry, pod: str, container: str) -> LogEntry:
    """The same line of another container."""
    return msgspec.structs.replace(entry, stream=LogStream("shop", pod, container))
