"""The screen of live tables under a pilot: connecting, switching, losing the connection, reading an object."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from k8sops.core.errors import ForbiddenError, UnreachableError
from k8sops.core.tables import FeedState, TableQuery
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.browse import BrowseScreen
from k8sops.tui.detail import DetailScreen
from k8sops.tui.document.view import DocumentView
from k8sops.tui.help import HelpScreen
from k8sops.tui.live_table import LiveTable
from k8sops.tui.status import Banner, ClusterLine, TableLine
from tests.tui.feeds import NODE_COLUMNS, POD_COLUMNS, Desk, DeskOps, Feed, FixedClock, node, pod
from tests.tui.scenes import SECRET, SECRET_ENCODED, SECRET_TEXT, SHOP, WEB_POD


def _desk() -> Desk:
    feeds = {"pods": Feed(POD_COLUMNS, SHOP), "nodes": Feed(NODE_COLUMNS, [node("node-1")])}
    return Desk(DeskOps(feeds, {row.name: WEB_POD for row in SHOP}))


class Screenful:
    """What a user sees and does."""

    def __init__(self, app: K8sOpsApp, pilot: Pilot[int], desk: Desk, clock: FixedClock) -> None:
        self.app, self.pilot, self.desk, self.clock = app, pilot, desk, clock

    @property
    def browse(self) -> BrowseScreen:
        found = self.app.screen_stack[1]
        assert isinstance(found, BrowseScreen)
        return found

    @property
    def table(self) -> LiveTable:
        return self.browse.query_one(LiveTable)

    @property
    def pods(self) -> Feed:
        return self.desk.ops.feeds["pods"]

    def says(self, widget: type[Static]) -> str:
        """The text of a status widget; empty where it is hidden."""
        found = self.app.screen.query_one(widget)
        return str(found.content) if found.display else ""

    def names(self) -> list[str]:
        return [row.name for row in self.table.shown]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        """Wait until connection, feed and screen have nothing more to say to each other; fails after a minute."""
        session = self.browse._session
        async with asyncio.timeout(60):
            while True:
                await self.pilot.pause()
                opening = session._opening is not None and not session._opening.done()
                asked = session.connected or self.browse._state is FeedState.FAILED
                if asked and not opening and all(feed.is_heard for feed in self.desk.ops.feeds.values()):
                    await self.pilot.pause()
                    return

    async def type(self, text: str) -> None:
        """Type a text as keys, without waiting between them."""
        await self.press(
            *({" ": "space", "/": "slash", "-": "minus", ":": "colon"}.get(key, key) for key in text)
        )


@asynccontextmanager
async def _screen(
    desk: Desk | None = None, *, all_namespaces: bool = True, size: tuple[int, int] = (120, 30)
) -> AsyncIterator[Screenful]:
    desk, clock = desk or _desk(), FixedClock()
    app = K8sOpsApp(desk.open, TableQuery(kind="pods"), all_namespaces=all_namespaces, clock=clock)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        screen = Screenful(app, pilot, desk, clock)
        await screen.settle()
        yield screen


async def test_the_header_says_where_as_whom_and_how_true() -> None:
    """Nobody should act on a cluster they did not mean."""
    async with _screen() as screen:
        assert screen.says(ClusterLine) == "acme-staging · staging · all namespaces · alice@acme.example"
        assert screen.says(TableLine) == "pods · 15 rows · ✓ live since 12:00:00 UTC"


async def test_production_is_unmistakable_without_colour() -> None:
    """A red line alone is nothing to an eye or a terminal that has no red."""
    desk = _desk()
    desk.ops.call_it("acme-prod", "production")
    async with _screen(desk) as screen:
        assert "!! PRODUCTION !!" in screen.says(ClusterLine)


async def test_a_long_cluster_name_gives_way_to_the_identity() -> None:
    """Contexts of cloud providers fill a line by themselves."""
    desk = _desk()
    desk.ops.call_it("arn:aws:eks:eu-central-1:123456789012:cluster/acme-staging", "staging")
    async with _screen(desk, size=(80, 24)) as screen:
        assert screen.says(ClusterLine).endswith(
            "acme-staging · staging · all namespaces · alice@acme.example"
        )
        assert len(screen.says(ClusterLine)) <= 78


async def test_without_a_namespace_the_contexts_own_is_shown() -> None:
    """The screen opens where kubectl would act."""
    async with _screen(all_namespaces=False) as screen:
        assert screen.desk.ops.queries == [TableQuery(kind="pods", namespace="shop")]
        await screen.press("0")
        assert screen.desk.ops.queries[-1] == TableQuery(kind="pods")


async def test_rows_are_shown_as_soon_as_the_first_page_is_there() -> None:
    """Ten thousand pods take a while; five hundred are worth showing."""
    desk = _desk()
    desk.ops.feeds["pods"] = feed = Feed()
    async with _screen(desk) as screen:
        assert "loading" in screen.says(TableLine)
        feed.set(SHOP[:2], POD_COLUMNS)
        feed.become(FeedState.LOADING)
        await screen.settle()
        assert screen.names() == [row.name for row in SHOP[:2]]
        assert "2 rows so far" in screen.says(TableLine)
        feed.set(SHOP)
        feed.become(FeedState.LIVE)
        await screen.settle()
        assert "15 rows · ✓ live" in screen.says(TableLine)


async def test_listing_again_keeps_the_rows_until_there_are_newer_ones() -> None:
    """A key pressed to see the latest must not blank the screen first."""
    async with _screen() as screen:
        screen.desk.ops.feeds["pods"] = feed = Feed()
        await screen.press("ctrl+r")
        assert len(screen.names()) == len(SHOP)
        assert "loading" in screen.says(TableLine)
        feed.set(SHOP[:1], POD_COLUMNS)
        feed.become(FeedState.LIVE)
        await screen.settle()
        assert len(screen.names()) == 1


async def test_rows_of_one_namespace_are_never_shown_under_the_name_of_another() -> None:
    """The header changes at once, so what stood under it goes at once; the order chosen stays."""
    async with _screen() as screen:
        screen.desk.ops.feeds["pods"] = feed = Feed()
        screen.table.sort_by("RESTARTS")
        await screen.type(":pods payments")
        await screen.press("enter")
        assert "payments" in screen.says(ClusterLine)
        assert screen.names() == []
        feed.set(SHOP[:1], POD_COLUMNS)
        await screen.settle()
        assert screen.table.order == ("RESTARTS", False)


async def test_trouble_while_loading_is_said() -> None:
    """A first list that hangs and retries looks like a hang unless it says why."""
    desk = _desk()
    desk.ops.feeds["pods"] = feed = Feed()
    async with _screen(desk) as screen:
        feed.become(FeedState.LOADING, "the API server answers 429, too many requests")
        await screen.settle()
        assert "Still loading: the API server answers 429" in screen.says(Banner)


async def test_a_lost_connection_keeps_the_rows_marked_stale_and_recovers() -> None:
    """The last known state is worth more than an empty screen, if it says that it is old."""
    async with _screen() as screen:
        since = screen.clock.now()
        screen.clock.forward(34)
        screen.pods.become(FeedState.STALE, "127.0.0.1:6443 refuses the connection", since)
        await screen.settle()
        assert "! STALE for 34s" in screen.says(TableLine)
        assert "STALE since 12:00:00 UTC (34s)" in screen.says(Banner)
        assert "refuses the connection" in screen.says(Banner)
        assert len(screen.names()) == len(SHOP)
        screen.pods.become(FeedState.LIVE)
        await screen.settle()
        assert screen.says(Banner) == ""
        assert "✓ live since 12:00:34 UTC" in screen.says(TableLine)


async def test_typing_fast_behind_the_slash_loses_no_letter() -> None:
    """The keys `w` and `s` mean something to the table: they must not reach it."""
    async with _screen() as screen:
        for key in ("slash", "w", "e", "b", "s"):
            screen.app.simulate_key(key)
        await screen.settle()
        assert screen.table.filter.text == "webs"
        assert not screen.table.wide
        assert screen.table.order == ("", False)


async def test_a_filter_counts_what_it_finds_and_escape_clears_it() -> None:
    """How many is the first question a filter answers."""
    async with _screen() as screen:
        await screen.type("/web")
        assert "3 of 15 rows" in screen.says(TableLine)
        await screen.press("enter")
        assert screen.app.focused is screen.table
        assert "/web" in screen.says(TableLine)
        await screen.press("escape")
        assert len(screen.names()) == len(SHOP)


async def test_a_command_switches_the_kind_and_closes_the_old_feed() -> None:
    """A watch left behind for every table ever looked at would be a leak."""
    async with _screen() as screen:
        await screen.type(":nodes")
        await screen.press("enter")
        assert screen.names() == ["node-1"]
        assert screen.says(TableLine).startswith("nodes · 1 row ·")
        assert screen.pods.closed


async def test_a_slash_begins_anew_and_up_brings_back_the_filter_in_force() -> None:
    """Hands that know k9s type the next filter right behind the slash: it must not be appended to the last one."""
    async with _screen() as screen:
        await screen.type(":pods /web")
        await screen.press("enter")
        await screen.settle()
        await screen.press("slash")
        assert len(screen.names()) == 3, "what is in force stays until something is typed"
        await screen.type("db")
        await screen.press("enter")
        await screen.settle()
        assert screen.table.filter.text == "db"
        await screen.press("slash", "up", "enter")
        await screen.settle()
        assert screen.table.filter.text == "db"
        await screen.press("slash", "up", "up", "enter")
        await screen.settle()
        assert screen.table.filter.text == "web"
        await screen.press("slash", "enter")
        await screen.settle()
        assert len(screen.names()) == len(SHOP)


async def test_a_command_can_filter_at_once() -> None:
    """The filter belongs to the new table; if that cannot be opened, the old one is left as it was."""
    async with _screen() as screen:
        await screen.type(":nodes /node-1")
        await screen.press("enter")
        assert "/node-1" in screen.says(TableLine)
        await screen.type(":foo /bar")
        await screen.press("enter")
        assert "/node-1" in screen.says(TableLine)
        await screen.type(":nodes")
        await screen.press("enter")
        assert screen.table.filter.text == ""


async def test_no_color_sends_no_colour_and_leaves_every_word_and_sign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NO_COLOR is a promise to people who cannot or will not see it (no-color.org)."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with _screen() as screen:
        assert screen.app.no_color
        strips = [screen.table.render_line(y) for y in range(3)]
        assert strips[1].text.startswith("▌")
        assert "✗ Error" in strips[1].text
        drawn = screen.app.screen._compositor.render_strips()
        styles = [segment.style for strip in drawn for segment in strip if segment.style is not None]
        assert all(style.color is None and style.bgcolor is None for style in styles), "greys are colours too"
        cursor = [segment.style for segment in drawn[3] if segment.text.strip(" ▌")]
        assert cursor
        assert all(style is not None and style.reverse for style in cursor), "its line still stands out"


async def test_an_unknown_kind_is_one_sentence_and_the_table_stays() -> None:
    """A typo must not cost the screen."""
    async with _screen() as screen:
        await screen.type(":foo")
        await screen.press("enter")
        assert 'no resource type "foo"' in screen.says(Banner)
        assert ":aliases lists every name" in screen.says(Banner)
        assert "k8sops get" not in screen.says(Banner), "nobody leaves the screen to learn a name"
        assert len(screen.names()) == len(SHOP)
        screen.pods.put(pod("brand-new"))
        await screen.settle()
        assert "brand-new" in screen.names()
        await screen.press("escape")
        assert screen.says(Banner) == ""


async def test_a_command_that_is_not_understood_is_one_sentence() -> None:
    """Errors read the same wherever they come from."""
    async with _screen() as screen:
        await screen.type(":pods one two")
        await screen.press("enter")
        assert "two is not understood" in screen.says(Banner)


async def test_a_first_table_that_is_refused_says_so_in_its_place() -> None:
    """Restricted accounts exist: the screen opens and tells what is missing."""
    desk = _desk()
    desk.ops.refusal = ForbiddenError(
        'alice may not list pods in namespace "shop"', hint="ask for the role pod-reader"
    )
    async with _screen(desk) as screen:
        assert "alice may not list pods" in screen.table.placeholder
        assert "✗ FAILED" in screen.says(TableLine)
        desk.ops.refusal = None
        await screen.press("ctrl+r")
        assert len(screen.names()) == len(SHOP)


async def test_a_connection_that_fails_is_one_sentence_and_r_tries_again() -> None:
    """A laptop opens before its VPN does."""
    desk = _desk()
    desk.failure = UnreachableError("https://10.0.0.1:6443 does not answer", hint="check the VPN")
    async with _screen(desk) as screen:
        assert "does not answer. Check the VPN. Press Ctrl-R" in screen.table.placeholder
        assert screen.says(ClusterLine).startswith("not connected")
        desk.failure = None
        await screen.press("ctrl+r")
        assert "✓ live" in screen.says(TableLine)


async def test_leaving_closes_feed_and_connection() -> None:
    """The connection is the caller's resource: it is given back."""
    async with _screen() as screen:
        desk = screen.desk
        await screen.press("q")
    assert desk.ops.feeds["pods"].closed
    assert (desk.opened, desk.closed) == (1, 1)


async def test_y_shows_the_objects_yaml_and_q_returns() -> None:
    """From a row to the truth behind it in one key."""
    async with _screen() as screen:
        await screen.press("y")
        assert isinstance(screen.app.screen, DetailScreen)
        await _until_laid_out(screen)
        assert "kind: Pod" in screen.app.screen.query_one(DocumentView).lines
        await screen.press("q")
        assert not isinstance(screen.app.screen, DetailScreen)


async def test_a_secret_is_masked_until_x_which_goes_on_record_and_again_after_it() -> None:
    """Somebody may be looking over a shoulder."""
    desk = _desk()
    desk.ops.objects_by_name = {row.name: SECRET for row in SHOP}
    async with _screen(desk) as screen:
        await screen.press("y")
        await _until_laid_out(screen)
        assert not {SECRET_TEXT, SECRET_ENCODED} & set(_document(screen).split())
        assert desk.ops.revealed == []
        await screen.press("x")
        await _until_laid_out(screen)
        assert SECRET_TEXT in _document(screen)
        assert [seen[0] for seen in desk.ops.revealed] == ["alice@acme.example"]
        await screen.press("x")
        await _until_laid_out(screen)
        assert not {SECRET_TEXT, SECRET_ENCODED} & set(_document(screen).split())


async def test_an_object_that_is_gone_is_one_sentence() -> None:
    """Between looking and pressing Enter a pod may be deleted."""
    desk = _desk()
    desk.ops.objects_by_name = {}
    async with _screen(desk) as screen:
        await screen.press("d")
        await _until_laid_out(screen)
        assert "does not exist" in screen.says(Banner)


async def test_every_key_of_the_table_is_on_the_help_page() -> None:
    """A key nobody can find out about does not exist."""
    async with _screen() as screen:
        await screen.press("question_mark")
        assert isinstance(screen.app.screen, HelpScreen)
        page = str(screen.app.screen.query_one(Static).content)
        for word in ("Describe", "YAML", "First row", "Page down", "FILTER", "COMMAND"):
            assert word in page
        await screen.press("escape")
        assert not isinstance(screen.app.screen, HelpScreen)


async def _until_laid_out(screen: Screenful) -> None:
    # Fetching posts a message whose handler starts the layout, another worker.
    for _ in range(2):
        await screen.app.workers.wait_for_complete()
        await screen.settle()


def _document(screen: Screenful) -> str:
    return "\n".join(screen.app.screen.query_one(DocumentView).lines)
