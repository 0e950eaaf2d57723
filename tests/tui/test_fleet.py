"""Several clusters in one list under a pilot: what was reached is followed, nothing else is touched unasked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from textual.pilot import Pilot
from textual.widgets import Static

from k8sops.core.contexts import Context
from k8sops.core.errors import UnreachableError
from k8sops.core.overview import Gauge, Overview, Tile, Trouble
from k8sops.core.plan import ClusterInfo
from k8sops.core.tables import TableQuery
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.live_table import LiveTable
from k8sops.tui.overview.fleet_screen import FleetScreen
from k8sops.tui.overview.fleet_words import cells_of, worst_of
from k8sops.tui.overview.screen import OverviewScreen
from tests.tui.at_rest import until
from tests.tui.feeds import START, Desk, DeskOps, FixedClock
from tests.tui.test_overview import CHECKOUT, OverviewOps

NODES = Tile(name="nodes", gauge=Gauge.OK, text="3 nodes, all ready")
BUSY = Overview(
    at=START,
    tiles=(NODES, Tile(name="approvals", gauge=Gauge.WARN, text="1 waits for a yes: drain by bob")),
    troubles=(CHECKOUT,),
)
CALM = Overview(at=START, tiles=(NODES,))


class Fleet:
    """Contexts by name, each with a desk that counts who came."""

    def __init__(self) -> None:
        self.desks: dict[str, Desk] = {}
        for name, told in (("acme-staging", BUSY), ("prod-eu", CALM), ("prod-us", CALM)):
            ops = OverviewOps(told)
            ops._info = ClusterInfo(
                context=name, server="https://x", uid=name, name=name, environment="staging"
            )
            self.desks[name] = Desk(ops)

    async def listed(self) -> tuple[Context, ...]:
        return tuple(Context(name=name) for name in self.desks)

    async def sign_in(self, name: str) -> None:
        raise NotImplementedError

    def open(self, name: str) -> AbstractAsyncContextManager[DeskOps]:
        return self.desks[name].open()


def _rows(pilot: Pilot[int]) -> dict[str, tuple[str, ...]]:
    return {row.name: row.cells for row in pilot.app.screen.query_one(LiveTable).shown}


def _why(pilot: Pilot[int]) -> str:
    return str(pilot.app.screen.query_one("#why", Static).content)


@asynccontextmanager
async def _fleet(fleet: Fleet) -> AsyncIterator[Pilot[int]]:
    app = K8sOpsApp(
        fleet.desks["acme-staging"].open,
        TableQuery(kind="pods"),
        all_namespaces=True,
        clock=FixedClock(),
        contexts=fleet,
    )
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app.screen.query(LiveTable) and app.screen.query_one(LiveTable).shown)
        await pilot.press("colon", *"fleet", "enter")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen) and len(_rows(pilot)) == 3)
        yield pilot


async def test_only_what_was_reached_is_followed_and_a_key_reaches_another() -> None:
    """Opening a list must not run forty credential plugins."""
    fleet = Fleet()
    fleet.desks["prod-us"].failure = UnreachableError("https://us does not answer", hint="check the VPN")
    async with _fleet(fleet) as pilot:
        await until(pilot, lambda: _rows(pilot)["acme-staging"][2] == "Unhealthy")
        assert _rows(pilot)["acme-staging"][3:6] == ("1", "✓ 3 nodes, all ready", "! 1 waits for a yes")
        assert _rows(pilot)["prod-eu"] == ("prod-eu", "", "", "", "", "", "")
        assert fleet.desks["prod-eu"].opened == 0
        await until(pilot, lambda: f"shop/checkout: {CHECKOUT.why}" in _why(pilot))
        await pilot.press("j")
        await until(pilot, lambda: "prod-eu was not reached yet" in _why(pilot))
        await pilot.press("space")
        await until(pilot, lambda: _rows(pilot)["prod-eu"][2] == "Healthy")
        assert "nothing is in trouble" in _why(pilot)
        await pilot.press("A")
        await until(pilot, lambda: _rows(pilot)["prod-us"][2] == "Lost")
        await pilot.press("j")
        await until(pilot, lambda: "https://us does not answer" in _why(pilot))
        assert [desk.opened for desk in fleet.desks.values()] == [1, 1, 0]
        await pilot.press("slash", *"eu", "enter")
        await until(pilot, lambda: list(_rows(pilot)) == ["prod-eu"])
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, OverviewScreen))
        overview = pilot.app.screen
        assert isinstance(overview, OverviewScreen)
        assert overview.connection.ops.cluster_info.name == "prod-eu"


def test_a_cluster_is_as_well_as_its_worst_part_and_never_well_unseen() -> None:
    """Loading, lost and denied are each their own word."""
    cluster = ClusterInfo(context="c", server="https://x", uid="u", name="c", environment="production")
    assert cells_of("c", None, None, is_followed=True)[2] == "Progressing"
    assert cells_of("c", None, None, is_followed=False)[2] == ""
    waiting = Overview(at=START, tiles=(Tile(name="nodes"),))
    assert cells_of("c", (cluster, waiting), None, is_followed=True)[2:5] == ("Progressing", "", "")
    denied = Overview(
        at=START, tiles=(Tile(name="nodes", gauge=Gauge.DENIED, text="not permitted: list nodes"),)
    )
    assert cells_of("c", (cluster, denied), None, is_followed=True)[4] == "- not permitted"
    lost = Overview(at=START, tiles=(NODES,), lost="it is away.", lost_since=START - timedelta(minutes=1))
    assert cells_of("c", (cluster, lost), None, is_followed=True)[2] == "Lost"
    assert worst_of(lost) == "it is away: what is shown may be out of date."
    late = Tile(name="backups", gauge=Gauge.BAD, text="the newest is 30 h old")
    warned = Trouble(kind="pods", name="x", gauge=Gauge.WARN, why="It restarts.")
    assert (
        worst_of(Overview(at=START, tiles=(NODES, late), troubles=(warned,)))
        == "backups: the newest is 30 h old"
    )
    assert worst_of(Overview(at=START, tiles=(NODES,), troubles=(warned,))) == "x: It restarts."
