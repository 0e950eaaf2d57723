"""Several contexts in one table: what is seen of which, and that no key acts on the wrong cluster."""

from __future__ import annotations

from k8sops.core.errors import UnreachableError
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.browse import BrowseScreen
from k8sops.tui.status import Banner, ClusterLine, TableLine
from tests.tui.feeds import POD_COLUMNS, Desk, Feed, pod
from tests.tui.test_browse_moves import _command, _desk, _screen, _until


def _desks() -> dict[str, Desk]:
    desks = {"acme-staging": _desk(), "beta": _desk("beta")}
    # Clusters restored from one snapshot have objects of the same names and uids.
    for name, desk in desks.items():
        desk.ops.feeds["pods"] = Feed(POD_COLUMNS, [pod("web-1", uid="u1"), pod(f"only-{name}")])
    return desks


async def test_pods_of_two_contexts_stand_in_one_table() -> None:
    """Where does it still run, is asked of clusters, not of one."""
    desks = _desks()
    async with _screen(desks) as screen:
        await _command(screen, "pods @acme-staging,beta")
        await _until(screen, lambda: len(screen.names()) == 4)
        assert [column.title for column in screen.table.columns][:3] == ["NAMESPACE", "CONTEXT", "NAME"]
        assert "pods @acme-staging,beta · 4 rows" in screen.says(TableLine)
        assert screen.says(ClusterLine).startswith("acme-staging")
        desks["beta"].ops.feeds["pods"].put(pod("web-9"))
        await _until(screen, lambda: "web-9" in screen.names())
        await screen.type("/beta")
        await screen.press("enter")
        assert len(screen.names()) == 3


async def test_a_key_never_acts_on_the_same_name_in_another_cluster() -> None:
    """`web-1` here and there have one name and, after a restore, one uid: the worst mistake there is."""
    async with _screen(_desks()) as screen:
        await _command(screen, "pods @*")
        await _until(screen, lambda: len(screen.names()) == 4)
        own = [row.uid for row in screen.table.shown].index("acme-staging\x1fu1")
        await screen.press("g", *["j"] * own)
        assert [row.uid for row in screen.browse.chosen().rows] == ["u1"]
        theirs = [row.uid for row in screen.table.shown].index("beta\x1fu1")
        await screen.press("g", *["j"] * theirs)
        assert screen.browse.chosen().rows == ()
        for key in ("ctrl+d", "a", "d", "y", "J"):
            await screen.press(key)
            assert screen.app.screen is screen.browse
            assert "web-1 is in context beta" in screen.says(Banner)
        await screen.press("space", "g", *["j"] * own, "space")
        assert screen.browse.chosen().rows == ()
        await screen.press("ctrl+d")
        assert not isinstance(screen.app.screen, ActionDialog)
        assert "Rows of other contexts are marked" in screen.says(Banner)


async def test_enter_on_a_row_of_another_context_goes_there_with_the_cursor_on_it() -> None:
    """The way to act is one key away, and the header says where one is by then."""
    async with _screen(_desks()) as screen:
        await _command(screen, "pods @*")
        await _until(screen, lambda: len(screen.names()) == 4)
        await screen.press("G")
        last = screen.table.selected_row
        assert last is not None
        assert last.uid.startswith("beta")
        await screen.press("enter")
        await _until(screen, lambda: screen.says(ClusterLine).startswith("beta"))
        await screen.settle()
        assert screen.table.selected_row is not None
        assert screen.table.selected_row.name == last.name
        assert screen.browse.chosen().rows


async def test_a_context_that_is_away_is_named_and_the_others_are_shown() -> None:
    """Nine clusters of ten are an answer; nine that pass for ten are a trap."""
    desks = _desks()
    desks["beta"].failure = UnreachableError("https://beta does not answer")
    async with _screen(desks) as screen:
        await _command(screen, "pods @acme-staging,beta")
        await _until(screen, lambda: len(screen.names()) == 2)
        assert "· ! missing: beta" in screen.says(TableLine)
        await _until(screen, lambda: "! beta: https://beta does not answer." in screen.says(Banner))
        assert isinstance(screen.app.screen, BrowseScreen)


async def test_a_context_that_hangs_holds_back_no_rows_but_its_own() -> None:
    """A credential plugin that waits for a browser takes half a minute, and the fleet is looked at now."""
    desks = _desks()
    desks["beta"].answers.clear()
    desks["dead"] = _desk("dead")
    desks["dead"].failure = UnreachableError("connection refused")
    async with _screen(desks) as screen:
        await _command(screen, "pods @acme-staging,beta,dead")
        await _until(screen, lambda: len(screen.names()) == 2)
        await _until(screen, lambda: "! missing: dead; still reaching: beta" in screen.says(TableLine))
        assert "2 rows so far · ~ loading" in screen.says(TableLine)
        desks["beta"].answers.set()
        await _until(screen, lambda: len(screen.names()) == 4)
        await _until(screen, lambda: "✓ live" in screen.says(TableLine))
        assert "reaching" not in screen.says(TableLine)


async def test_where_no_context_can_be_reached_the_first_says_why() -> None:
    """What was shown before stays, with the reason."""
    desks = _desks()
    desks["dead"] = _desk("dead")
    desks["dead"].failure = UnreachableError("connection refused")
    async with _screen(desks) as screen:
        await _command(screen, "pods @dead")
        await _until(screen, lambda: "✗ connection refused." in screen.says(Banner))
