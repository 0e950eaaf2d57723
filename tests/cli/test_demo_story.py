"""What the demonstration suggests leads where it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from k8sops.cli.demo_story import TRIES
from k8sops.core.ops import Ops
from k8sops.core.tables import TableQuery
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.commands import Browse, OpenScreen, parse_command
from k8sops.tui.overview.screen import OverviewScreen
from k8sops.tui.overview.trouble_table import TroubleTable
from k8sops.tui.running.approvals_screen import ApprovalsScreen
from k8sops.tui.screens import SCREENS
from k8sops.tui.shell.try_panel import KEYS, TryPanel
from tests.tui.at_rest import until
from tests.tui.feeds import FixedClock
from tests.tui.test_overview import CHECKOUT, EVIL, ILL, OverviewOps


@pytest.mark.parametrize("person", sorted(TRIES))
def test_every_suggestion_is_a_command_with_a_key(person: str) -> None:
    """A suggestion that the prompt would refuse is the first thing somebody sees of this program."""
    assert len(TRIES[person]) <= len(KEYS)
    for one in TRIES[person]:
        command = parse_command(one.command, TableQuery(kind="pods"))
        assert isinstance(command, Browse) or (isinstance(command, OpenScreen) and command.name in SCREENS)


async def test_the_first_suggestion_leads_to_the_workload_it_asks_about_and_the_others_stay_in_sight() -> (
    None
):
    """Enter says why the row under the cursor is down: it must be checkout, though another is worse or first."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Ops]:
        yield OverviewOps(replace(ILL, troubles=(EVIL, CHECKOUT)))

    app = K8sOpsApp(opened, TableQuery(kind="pods"), clock=FixedClock(), tries=TRIES["alice"])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.screen.query(TryPanel))
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen) and app.screen.query(TryPanel))
        table = app.screen.query_one(TroubleTable)
        await until(pilot, lambda: table.selected_row is not None and table.selected_row.name == "checkout")
        assert table.size.height > 2, "the panel leaves room for the rows"
        await pilot.press("f4")
        await until(pilot, lambda: isinstance(app.screen, ApprovalsScreen))
