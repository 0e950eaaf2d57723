"""What the screens look like, as SVG, in the two sizes they are designed for.

`pytest --snapshot-update` accepts a change of looks; the clock stands still and nothing blinks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from k8sops.core.errors import UnreachableError
from k8sops.core.tables import FeedState, TableQuery
from k8sops.tui.app import K8sOpsApp
from tests.tui.at_rest import at_rest
from tests.tui.feeds import NODE_COLUMNS, POD_COLUMNS, Desk, DeskOps, Feed, FixedClock, node
from tests.tui.scenes import SECRET, SHOP

Compare = Callable[..., bool]
Act = Callable[[Pilot[int]], Awaitable[None]]

SMALL, LARGE = (80, 24), (120, 40)
WHO = "alice@acme"
"""The header learns it half a second after the rows."""
NODES = [node("node-1"), node("node-2", status="Ready,SchedulingDisabled"), node("node-3", status="NotReady")]


def _desk(environment: str = "staging") -> Desk:
    feeds = {"pods": Feed(POD_COLUMNS, SHOP), "nodes": Feed(NODE_COLUMNS, NODES)}
    ops = DeskOps(feeds, {row.name: SECRET for row in SHOP})
    ops.call_it(f"acme-{environment}", environment)
    return Desk(ops)


def _app(desk: Desk) -> K8sOpsApp:
    return K8sOpsApp(desk.open, TableQuery(kind="pods"), all_namespaces=True, clock=FixedClock())


def _pressing(*keys: str, first: tuple[str, ...] = ("coredns", WHO), then: tuple[str, ...] = (WHO,)) -> Act:
    """Press keys once a screen with these words is there, and wait for one with those."""

    async def act(pilot: Pilot[int]) -> None:
        await at_rest(pilot, *first)
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False
        await pilot.press(*keys)
        await pilot.app.workers.wait_for_complete()
        await at_rest(pilot, *then)

    return act


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_pods_of_all_namespaces(snap_compare: Compare, size: tuple[int, int]) -> None:
    """The first screen: trouble stands out, all columns fit, hostile text is harmless."""
    assert snap_compare(_app(_desk()), terminal_size=size, run_before=_pressing("j", "j", "j"))


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_stale_production(snap_compare: Compare, size: tuple[int, int]) -> None:
    """The connection is lost on the cluster where it matters most, with a filter and an order in force."""
    desk = _desk("production")

    async def act(pilot: Pilot[int]) -> None:
        await _pressing("N", "N", "slash", "w", "e", "b")(pilot)
        since = FixedClock().now()
        desk.ops.feeds["pods"].become(FeedState.STALE, "127.0.0.1:6443 refuses the connection", since)
        await at_rest(pilot, "refuses the connection", WHO)

    assert snap_compare(_app(desk), terminal_size=size, run_before=act)


def test_nodes(snap_compare: Compare) -> None:
    """Cordoned and lost nodes are told apart from well ones without colour."""
    act = _pressing("colon", *"nodes", "enter", then=("node-3", WHO))
    assert snap_compare(_app(_desk()), terminal_size=SMALL, run_before=act)


def test_a_secret_as_yaml(snap_compare: Compare) -> None:
    """Values are masked, and the title says how to see them."""
    assert snap_compare(
        _app(_desk()), terminal_size=SMALL, run_before=_pressing("y", then=("kind: Secret", WHO))
    )


def test_help(snap_compare: Compare) -> None:
    """The whole page fits a large terminal."""
    assert snap_compare(
        _app(_desk()), terminal_size=LARGE, run_before=_pressing("question_mark", then=("Help",))
    )


def test_no_connection(snap_compare: Compare) -> None:
    """One sentence, and the key that tries again."""
    desk = _desk()
    desk.failure = UnreachableError("https://10.0.0.1:6443 does not answer", hint="Is the VPN up?")
    assert snap_compare(
        _app(desk), terminal_size=SMALL, run_before=_pressing(first=("does not answer",), then=())
    )
