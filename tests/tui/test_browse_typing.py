"""Keys that come faster than the screen: what is typed for the prompt must never act on rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.widgets import Input

from k8sops.core.errors import UnreachableError
from k8sops.core.tables import TableQuery
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.browse import BrowseScreen
from k8sops.tui.live_table import LiveTable
from k8sops.tui.prompt import Prompt
from k8sops.tui.status import Banner
from tests.tui.feeds import Desk, DeskOps, FixedClock
from tests.tui.test_browse import Screenful, _desk, _screen
from tests.tui.test_browse_moves import TwoContexts
from tests.tui.test_browse_moves import _desk as _company


class LateDesk(Desk):
    """A desk whose cluster answers when the test says so."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.ops)
        self.answers = asyncio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[DeskOps]:
        await self.answers.wait()
        async with super().open() as ops:
            yield ops


class TypedAhead(K8sOpsApp):
    """Keys were in the terminal before the program was."""

    def on_load(self) -> None:
        """The first moment at which keys can arrive; of before that, Enter is a line feed."""
        for key in ("slash", "w", "e", "b", "enter", "colon", *"nodes", "ctrl+j"):
            self.simulate_key(key)


def _burst(screen: Screenful, *keys: str) -> None:
    """Send keys at once, as a terminal does after the program was busy."""
    for key in keys:
        screen.app.simulate_key(key)


async def test_a_command_typed_before_the_cluster_answers_acts_on_no_row() -> None:
    """With the focus still on the table its letters would drain, delete and describe what the cursor is on."""
    desk = LateDesk(_desk())
    clock = FixedClock()
    app = K8sOpsApp(desk.open, TableQuery(kind="pods"), all_namespaces=True, clock=clock)
    async with app.run_test(size=(120, 30)) as pilot:
        screen = Screenful(app, pilot, desk, clock)
        _burst(screen, "colon", "n", "o")
        await pilot.pause()
        assert isinstance(app.focused, Input)
        desk.answers.set()
        await screen.settle()
        _burst(screen, "d", "e", "s", "enter")
        await screen.settle()
        assert app.screen is screen.browse
        assert screen.names() == ["node-1"]
        assert screen.table.has_focus


async def test_keys_that_wait_when_the_program_starts_are_not_lost() -> None:
    """Whoever types on while it starts means the screen that is coming."""
    desk, clock = _desk(), FixedClock()
    app = TypedAhead(desk.open, TableQuery(kind="pods"), all_namespaces=True, clock=clock)
    async with app.run_test(size=(120, 30)) as pilot:
        screen = Screenful(app, pilot, desk, clock)
        await screen.settle()
        assert screen.names() == ["node-1"]


async def test_a_line_feed_is_enter_where_a_command_is_typed() -> None:
    """A terminal that is not the program's yet makes one of Enter: what follows would be appended to the command."""
    async with _screen() as screen:
        _burst(screen, "colon", *"nodes", "ctrl+j")
        await screen.settle()
        assert screen.names() == ["node-1"]
        assert not screen.browse.query_one(Prompt).is_open


async def test_two_commands_in_one_burst_are_two_commands() -> None:
    """The colon behind Enter is still in the queue of the line that just closed."""
    async with _screen() as screen:
        _burst(screen, "colon", *"nodes", "enter", "colon", *"pods", "enter", "slash", *"web", "enter")
        await screen.settle()
        assert len(screen.names()) == 3
        assert screen.app.screen is screen.browse
        assert screen.app.focused is screen.table


async def test_letters_right_behind_enter_act_on_nothing() -> None:
    """Nobody has seen the row they would act on."""
    async with _screen() as screen:
        _burst(screen, "colon", *"nodes", "enter", "d", "a", "y", "r", "ctrl+d")
        await screen.settle()
        assert screen.app.screen is screen.browse
        assert not screen.browse.query_one(Prompt).is_open


async def test_a_click_into_the_table_ends_typing() -> None:
    """An open prompt that has lost the keys is the trap."""
    async with _screen() as screen:
        await screen.type(":no")
        await screen.pilot.click(LiveTable, offset=(4, 3))
        await screen.settle()
        assert not screen.browse.query_one(Prompt).is_open
        assert screen.app.focused is screen.table
        await screen.type("/web")
        assert len(screen.names()) == 3
        await screen.pilot.click(LiveTable, offset=(4, 1))
        await screen.settle()
        assert len(screen.names()) == 3


async def test_a_list_of_contexts_does_not_fall_into_what_is_typed() -> None:
    """Enter of a command would choose a cluster."""
    desks = {"acme-staging": LateDesk(_company()), "beta": _company("beta")}
    late = desks["acme-staging"]
    assert isinstance(late, LateDesk)
    clock = FixedClock()
    app = K8sOpsApp(
        late.open, TableQuery(kind="pods"), all_namespaces=True, clock=clock, contexts=TwoContexts(desks)
    )
    async with app.run_test(size=(120, 30)) as pilot:
        screen = Screenful(app, pilot, late, clock)
        _burst(screen, "colon", *"ctx")
        await pilot.pause()
        late.failure = UnreachableError("https://10.0.0.1 does not answer")
        late.answers.set()
        await screen.settle()
        await app.workers.wait_for_complete()
        async with asyncio.timeout(60):
            while "lists the other contexts" not in screen.says(Banner):
                await pilot.pause(0.01)
        assert isinstance(app.screen, BrowseScreen)
        assert isinstance(app.focused, Input)
