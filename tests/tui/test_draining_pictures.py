"""The hero screen as it looks, in the two sizes it is designed for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from k8sops.core.tables import TableQuery
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.app import K8sOpsApp
from tests.tui.acting_desk import ActingOps
from tests.tui.at_rest import at_rest
from tests.tui.drain_scenes import drain_plan
from tests.tui.feeds import NODE_COLUMNS, Desk, Feed, FixedClock, node

Compare = Callable[..., bool]


@pytest.mark.parametrize("size", [(80, 24), (120, 32)])
def test_the_plan_of_a_drain(snap_compare: Compare, size: tuple[int, int]) -> None:
    """Verdict with its badges, pods with where they go, bars of the nodes that stay, waves with what paces them."""
    ops = ActingOps()
    ops.feeds = {"nodes": Feed(NODE_COLUMNS, [node("node-3")])}
    ops.answer = lambda action, params: drain_plan()

    async def act(pilot: Pilot[int]) -> None:
        await at_rest(pilot, "node-3", "alice@acme")
        await pilot.press("r")
        while not (isinstance(pilot.app.screen, ActionDialog) and pilot.app.screen._shown is not None):
            await pilot.pause(0.01)
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False
        await at_rest(pilot, "alice@acme")

    app = K8sOpsApp(Desk(ops).open, TableQuery(kind="nodes"), clock=FixedClock())
    assert snap_compare(app, terminal_size=size, run_before=act)
