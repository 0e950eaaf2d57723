"""A stage for screens of runs: a connection, one screen on it, and what a reader sees of that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.message import Message
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from k8sops.core.clock import Clock
from k8sops.tui.live_table import LiveTable
from k8sops.tui.running.asking import AskScreen
from k8sops.tui.running.leaving import leave
from k8sops.tui.running.lines_view import LinesView
from k8sops.tui.running.next_request import ApprovingApp
from k8sops.tui.session import Session
from k8sops.tui.status import Banner, ClusterLine
from tests.tui.at_rest import until
from tests.tui.fake_runs import RunOps
from tests.tui.feeds import Desk, DeskOps, FixedClock


class StageApp(ApprovingApp):
    """Connects, and leaves as the real application does."""

    def __init__(self, ops: DeskOps) -> None:
        super().__init__()
        self.desk = Desk(ops)
        self._clock = self.clock = FixedClock()
        self.animation_level = "none"
        self.bells = 0
        self.session = Session(lambda _: self.desk.open(), self._hear, self.clock)

    def _hear(self, message: Message) -> None:
        """Nothing here shows what the connection says."""

    def on_mount(self) -> None:
        self.session.connect()

    async def on_unmount(self) -> None:
        await self.session.close()

    def bell(self) -> None:
        self.bells += 1


class Stage:
    """What a reader sees and does."""

    def __init__(self, app: StageApp, pilot: Pilot[int], ops: RunOps) -> None:
        self.app, self.pilot, self.ops = app, pilot, ops
        self.clock = FixedClock()

    async def open(self, make: Callable[[Session, Clock], Screen[Any]]) -> None:
        """Open a screen on the connection."""
        await self.until(lambda: self.app.session.connected)
        await self.app.push_screen(make(self.app.session, self.clock))
        await self.pilot.pause()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds; fails after two minutes."""
        await until(self.pilot, holds)

    async def sees(self, *texts: str) -> None:
        """Wait until all of these stand on the screen somewhere."""
        try:
            await self.until(lambda: all(text in self.text() for text in texts))
        except AssertionError:
            raise AssertionError(f"not on the screen: {texts}\n{self.text()}") from None

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def text(self) -> str:
        """All that the present screen says."""
        screen = self.app.screen
        said = [str(widget.content) for widget in screen.query(Static) if widget.display]
        said += [line for view in screen.query(LinesView) if view.display for line in view.texts]
        for table in screen.query(LiveTable):
            said += [" ".join(row.cells) for row in table.shown] or [table.placeholder]
        return "\n".join(said)

    def says(self, widget: type[Static]) -> str:
        """The text of one widget; empty where it is hidden."""
        found = self.app.screen.query_one(widget)
        return str(found.content) if found.display else ""

    @property
    def header(self) -> str:
        return self.says(ClusterLine)

    @property
    def banner(self) -> str:
        return self.says(Banner)

    async def asked(self) -> AskScreen:
        """The question in the middle of the screen."""
        await self.until(lambda: isinstance(self.app.screen, AskScreen))
        assert isinstance(self.app.screen, AskScreen)
        await self.pilot.pause()
        return self.app.screen

    def offered(self) -> set[str]:
        """Which actions the present screen offers."""
        return {
            active.binding.action for active in self.app.screen.active_bindings.values() if active.enabled
        }

    def count(self) -> None:
        """Let the header count now, as it does every few seconds."""
        self.app.screen.query_one(ClusterLine).count()

    def leave(self) -> None:
        """Quit."""
        leave(self.app, self.app.session)


@asynccontextmanager
async def stage(ops: RunOps, *, size: tuple[int, int] = (120, 32)) -> AsyncIterator[Stage]:
    """The stage, until the block ends."""
    app = StageApp(ops)
    async with app.run_test(size=size) as pilot:
        yield Stage(app, pilot, ops)
