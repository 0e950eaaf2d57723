"""The overview under a pilot: tiles that stand by themselves, troubles with their sentence, and what is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

from msgspec.structs import replace
from textual.widgets import Static

from k8sops.core.errors import ForbiddenError, K8sOpsError, NotFoundError, UnreachableError
from k8sops.core.overview import Diagnosis, Fact, Gauge, Overview, Series, Tile, Trouble
from k8sops.tui.help import HelpScreen
from k8sops.tui.logs.screen import LogScreen
from k8sops.tui.overview.screen import OverviewScreen
from k8sops.tui.overview.tiles_view import Tiles
from k8sops.tui.overview.trouble_screen import TroubleScreen
from k8sops.tui.overview.trouble_table import TroubleTable
from k8sops.tui.overview.words import spark, tile_line, wrapped
from k8sops.tui.running.approvals_screen import ApprovalsScreen
from k8sops.tui.running.runs_screen import RunsScreen
from k8sops.tui.screens import SCREENS
from tests.tui.fake_runs import RunOps
from tests.tui.feeds import START
from tests.tui.run_stage import stage

TILES = (
    Tile(name="control plane", gauge=Gauge.OK, text="v1.36.3, ready"),
    Tile(name="nodes", gauge=Gauge.DENIED, text="not permitted: list nodes"),
    Tile(name="workloads", gauge=Gauge.BAD, text="27 workloads, 71 pods; 2 in trouble"),
    Tile(
        name="last hour",
        gauge=Gauge.WARN,
        text="4 restarts",
        series=(Series(name="restarts", counts=(0, 1, 0, 8)),),
        facts=(("in spans of 5 min", (Fact(label="5-0 min ago", text="8", gauge=Gauge.WARN),)),),
    ),
    Tile(name="backups", gauge=Gauge.WAITING),
)
CHECKOUT = Trouble(
    kind="deployments.apps",
    name="checkout",
    namespace="shop",
    uid="uid-checkout",
    ready="0/3",
    word="CrashLoopBackOff",
    why="None of its 3 pods is ready: container checkout last exited with code 1 (Error).",
    since=START - timedelta(minutes=21),
)
EVIL = Trouble(
    kind="pods",
    name="数据-sync-0",
    namespace="data",
    uid="uid-sync",
    gauge=Gauge.WARN,
    word="Error",
    why="[b]It[/b] said \x1b[31mred.",
)
WELL = Overview(at=START, tiles=TILES[:1])
ILL = Overview(at=START, tiles=TILES, troubles=(CHECKOUT, EVIL))
DIAGNOSIS = Diagnosis(
    kind="deployments.apps",
    name="checkout",
    namespace="shop",
    gauge=Gauge.BAD,
    why="None of its 3 pods is ready: container checkout last exited with code 1 (Error).",
    since=START - timedelta(minutes=21),
    facts=(
        ("pods", (Fact(label="checkout-1", text="node-3; it crash-loops", gauge=Gauge.BAD, at=START),)),
        ("disruption budgets", (Fact(label="checkout-pdb", text="no pod may be evicted", gauge=Gauge.WARN),)),
    ),
)


class OverviewOps(RunOps):
    """Tells the overviews it is given, one after the other."""

    def __init__(self, *told: Overview) -> None:
        super().__init__()
        self.to_tell: asyncio.Queue[Overview | K8sOpsError] = asyncio.Queue()
        for one in told:
            self.to_tell.put_nowait(one)
        self.diagnosed: Diagnosis | K8sOpsError = DIAGNOSIS

    async def overview(self) -> AsyncGenerator[Overview, None]:
        while True:
            told = await self.to_tell.get()
            if isinstance(told, K8sOpsError):
                raise told
            yield told

    async def diagnose(self, kind: str, name: str, namespace: str = "") -> Diagnosis:
        self.asked.append(("diagnose", kind, namespace, name))
        if isinstance(self.diagnosed, K8sOpsError):
            raise self.diagnosed
        return self.diagnosed


async def test_each_tile_is_told_by_itself_with_glyph_and_word() -> None:
    """Somebody who may not list nodes still sees what else is wrong; a colour alone would tell nobody."""
    async with stage(OverviewOps(ILL)) as shown:
        await shown.open(OverviewScreen)
        await shown.sees(
            "✓ control plane", "- nodes", "not permitted: list nodes", "✗ workloads", "~ backups"
        )
        assert "2 things in trouble" in shown.text()


async def test_the_whole_sentence_of_the_trouble_under_the_cursor_is_in_sight() -> None:
    """At 80 columns the table has no room for it; what a cluster says is never markup and cannot drive a terminal."""
    async with stage(OverviewOps(ILL), size=(80, 24)) as shown:
        await shown.open(OverviewScreen)
        why = shown.app.screen.query_one("#why", Static)
        await shown.sees(f"shop/deploy/checkout: {CHECKOUT.why}")
        await shown.press("j")
        await shown.sees("data/pod/数据-sync-0: [b]It[/b] said \\x1b[31mred.")
        assert why.region.bottom <= 23
        assert shown.app.screen.query_one(TroubleTable).size.height >= 3
        assert shown.app.screen.query_one(Tiles).size.height == len(TILES)


async def test_enter_says_why_above_the_facts_and_escape_comes_back_to_the_same_line() -> None:
    """Why is checkout down is the first question there is."""
    ops = OverviewOps(ILL)
    async with stage(ops) as shown:
        await shown.open(OverviewScreen)
        await shown.sees("CrashLoopBackOff")
        await shown.press("enter")
        await shown.sees(f"✗ {DIAGNOSIS.why} Since 21m.", "✓ read")
        text = shown.text()
        assert text.index("code 1 (Error)") < text.index("checkout-1") < text.index("checkout-pdb")
        assert ops.asked[-1] == ("diagnose", "deployments.apps", "shop", "checkout")
        screen = shown.app.screen
        assert isinstance(screen, TroubleScreen)
        assert screen.chosen().kind == "deployments.apps"
        await shown.press("escape")
        await shown.sees("2 things in trouble")
        back = shown.app.screen
        assert isinstance(back, OverviewScreen)
        assert back.chosen().rows[0].name == "checkout"


async def test_a_pod_in_trouble_has_its_shell_and_its_logs_here_as_well() -> None:
    """Where the trouble is seen first one asks for both; the key ended the program with an error."""
    async with stage(OverviewOps(ILL)) as shown:
        await shown.open(OverviewScreen)
        await shown.sees("checkout")
        await shown.press("j", "s")
        await shown.until(lambda: shown.ops.sessions.asked)
        ((wanted, _),) = shown.ops.sessions.asked
        assert (wanted.kind, wanted.namespace, wanted.name) == ("exec", "data", "数据-sync-0")
        await shown.press("escape", "enter")
        await shown.until(lambda: isinstance(shown.app.screen, TroubleScreen))
        await shown.press("a", "enter")
        await shown.until(lambda: len(shown.ops.sessions.asked) == 2)
        await shown.press("escape", "l")
        await shown.until(lambda: isinstance(shown.app.screen, LogScreen))


async def test_a_trouble_that_may_not_be_read_or_is_gone_keeps_the_sentence_it_had() -> None:
    """The overview knew why; one more refusal does not take that away."""
    ops = OverviewOps(ILL)
    ops.diagnosed = NotFoundError("deployment shop/checkout does not exist")
    async with stage(ops) as shown:
        await shown.open(OverviewScreen)
        await shown.sees("CrashLoopBackOff")
        await shown.press("enter")
        await shown.sees("✗ deployment shop/checkout does not exist", CHECKOUT.why)
        ops.diagnosed = ForbiddenError("get deployments is forbidden to alice")
        screen = shown.app.screen
        assert isinstance(screen, TroubleScreen)
        screen.read()
        await shown.sees("get deployments is forbidden to alice", CHECKOUT.why)


async def test_a_lost_connection_keeps_what_was_known_and_says_since_when() -> None:
    """Old lines must not pass for true ones, and must not vanish either."""
    ops = OverviewOps(ILL)
    async with stage(ops) as shown:
        await shown.open(OverviewScreen)
        await shown.sees("✓ as of 12:00:00 UTC")
        lost = Overview(
            at=START, tiles=TILES, troubles=(CHECKOUT,), lost="127.0.0.1 is away", lost_since=START
        )
        ops.to_tell.put_nowait(lost)
        await shown.sees("! STALE since 12:00:00 UTC (0s): 127.0.0.1 is away. Reconnecting.")
        assert "CrashLoopBackOff" in shown.text()
        ops.to_tell.put_nowait(ILL)
        await shown.sees("✓ as of")
        assert shown.banner == ""


async def test_an_overview_that_breaks_is_told_and_begun_again() -> None:
    """A screen that silently stopped would be believed."""
    ops = OverviewOps(ILL)
    async with stage(ops) as shown:
        await shown.open(OverviewScreen)
        await shown.sees("CrashLoopBackOff")
        ops.to_tell.put_nowait(UnreachableError("the cluster is away"))
        await shown.sees("! the cluster is away. It is tried again by itself.", "CrashLoopBackOff")
        screen = shown.app.screen
        assert isinstance(screen, OverviewScreen)
        screen.begin()
        ops.to_tell.put_nowait(WELL)
        await shown.sees("✓ as of")
        assert "CrashLoopBackOff" not in shown.text()


async def test_nothing_in_trouble_is_said_only_once_that_is_known() -> None:
    """An empty table while rows are loading would be a false all-clear."""
    waiting = Overview(at=START, tiles=tuple(Tile(name=tile.name) for tile in TILES))
    ops = OverviewOps(waiting)
    async with stage(ops) as shown:
        await shown.open(OverviewScreen)
        await shown.sees("Looking for what is in trouble …", "~ loading")
        ops.to_tell.put_nowait(WELL)
        await shown.sees("Nothing is in trouble.", "0 things in trouble")
        denied = tuple(Tile(name=tile.name, gauge=Gauge.DENIED, text="not permitted") for tile in TILES)
        ops.to_tell.put_nowait(Overview(at=START, tiles=denied))
        await shown.sees("What is in trouble cannot be told")


async def test_the_cursor_goes_up_into_the_tiles_and_enter_opens_what_one_rests_on() -> None:
    """A verdict one cannot ask about is one nobody acts on; what it rests on stays true while it is open."""
    ops = OverviewOps(ILL)
    async with stage(ops) as shown:
        await shown.open(OverviewScreen)
        await shown.sees("CrashLoopBackOff")
        overview = shown.app.screen
        assert isinstance(overview, OverviewScreen)
        await shown.press("k", "k")
        tiles = overview.query_one(Tiles)
        assert tiles.has_focus
        assert tiles.selected == TILES[-2]
        assert overview.chosen().rows == (), "a key must not act on a row that has no cursor"
        await shown.press("enter")
        await shown.sees("overview › last hour", "! 4 restarts", "5-0 min ago", "8")
        worse = replace(TILES[-2], text="12 restarts")
        ops.to_tell.put_nowait(replace(ILL, tiles=(*TILES[:-2], worse, TILES[-1])))
        await shown.sees("! 12 restarts")
        await shown.press("escape", "j", "j")
        assert overview.query_one(TroubleTable).has_focus
        await shown.press("tab", "g", "enter")
        await shown.sees("overview › control plane")
        await shown.press("q", "tab")
        assert overview.query_one(TroubleTable).has_focus


async def test_tiles_of_runs_and_approvals_open_their_lists() -> None:
    """What waits for a yes is two keys away."""
    tiles = (Tile(name="approvals", gauge=Gauge.WARN, text="1 waits"), Tile(name="runs", gauge=Gauge.OK))
    async with stage(OverviewOps(Overview(at=START, tiles=tiles))) as shown:
        await shown.open(OverviewScreen)
        await shown.sees("1 waits")
        await shown.press("tab", "enter")
        await shown.until(lambda: isinstance(shown.app.screen, ApprovalsScreen))
        await shown.press("escape", "j", "enter")
        await shown.until(lambda: type(shown.app.screen) is RunsScreen)


async def test_troubles_are_filtered_by_what_is_typed_and_escape_clears_that_first() -> None:
    """On a bad day there are sixty."""
    async with stage(OverviewOps(ILL)) as shown:
        await shown.open(OverviewScreen)
        await shown.sees("CrashLoopBackOff")
        table = shown.app.screen.query_one(TroubleTable)
        await shown.press("slash", *"checka", "backspace", "enter")
        await shown.sees("1 of 2 things in trouble", "/check")
        assert [row.name for row in table.shown] == ["checkout"]
        assert table.has_focus
        await shown.press("slash", *"nowhere", "enter")
        await shown.sees("No trouble passes the filter.")
        await shown.press("escape")
        await shown.sees("2 things in trouble")
        assert isinstance(shown.app.screen, OverviewScreen)
        await shown.press("question_mark")
        await shown.until(lambda: isinstance(shown.app.screen, HelpScreen))


def test_a_sparkline_tells_nothing_from_little_and_gives_way_to_the_text() -> None:
    """A low bar for nothing would be read as something; a verdict cut short is none."""
    assert spark((0, 1, 4, 8)) == "·▁▄█"
    assert spark((0, 0)) == "··"
    tile = replace(TILES[-2], text="4 restarts")
    assert tile_line(tile, 80).plain.endswith("4 restarts  ·▁·█ restarts")
    assert tile_line(tile, 36).plain.endswith("4 restarts  ·▁·█")
    assert tile_line(tile, 28).plain.endswith("4 restarts")


def test_it_is_opened_by_both_names() -> None:
    """`pulses` is what k9s calls it."""
    assert SCREENS["overview"] is SCREENS["pulses"]


def test_text_is_broken_by_cells_between_words() -> None:
    """Wide characters take two cells; a word longer than the line is cut."""
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("数据数据", 4) == ["数据", "数据"]
    assert wrapped("abcdefghij k", 4) == ["abcd", "efgh", "ij k"]
