"""`k8sops tui runs`: one of our own screens as the first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from k8sops.core.ops import Ops
from k8sops.core.tables import TableQuery
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.browse import BrowseScreen
from k8sops.tui.running.runs_screen import RunsScreen
from k8sops.tui.screen_names import SCREEN_NAMES
from k8sops.tui.screens import SCREENS
from tests.tui.at_rest import until
from tests.tui.fake_runs import RunOps


async def test_a_screen_named_at_the_command_line_is_opened_above_the_first_table() -> None:
    """On call one types what one wants to see; `q` still leads to a table."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Ops]:
        yield RunOps()

    app = K8sOpsApp(opened, TableQuery(kind="pods"), screen="runs")
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        assert isinstance(app.screen_stack[-2], BrowseScreen)


def test_the_command_line_knows_every_screen_there_is() -> None:
    """It may load none of them to tell one from a kind."""
    assert set(SCREEN_NAMES) == set(SCREENS)
