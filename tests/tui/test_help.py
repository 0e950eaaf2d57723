"""The help page: what works on the rows below, what does not apply to them, and what would be refused."""

from __future__ import annotations

from textual.widgets import Static

from k8sops.tui.acting.edit_screen import EditScreen
from k8sops.tui.help import HelpScreen
from k8sops.tui.shell.offered import offered
from k8sops.tui.status import Banner
from tests.tui.acting_desk import ActingOps, acting
from tests.tui.at_rest import until
from tests.tui.feeds import pod
from tests.tui.session_desk import stage
from tests.tui.test_browse import Screenful
from tests.tui.test_browse_moves import _desk, _screen

READ_ONLY = "this is read-only"


def _page(screen: Screenful) -> str:
    assert isinstance(screen.app.screen, HelpScreen)
    return str(screen.app.screen.query_one(Static).content)


async def test_help_sets_apart_what_would_be_refused_and_says_why() -> None:
    """Menu and palette said that it is read-only; the page of keys listed them as in any session."""
    desk = _desk()
    desk.ops.refused = {
        "session.exec": READ_ONLY,
        "delete": READ_ONLY,
        "evict": "RBAC: you may not " + "x " * 60,
    }
    async with _screen({"acme-staging": desk}) as screen:
        await screen.press("question_mark")
        await until(screen.pilot, lambda: "REFUSED" in _page(screen))
        works, _, refused = _page(screen).split("HERE")[0].partition("REFUSED")
        assert "Attach" in works
        assert not {"Shell", "Delete", "Evict"} & set(works.split())
        assert "✗ this is read-only\n  s            Shell                    ^d           Delete\n" in refused
        assert max(map(len, refused.splitlines())) <= 76, "a long reason is not cut off"


async def test_help_and_palette_tell_the_keys_that_do_something_on_these_rows() -> None:
    """On pods `z` and `x` do nothing; `c` and `u`, which act on nodes alone, are the table's own there."""
    async with _screen() as screen:
        for kind, has, lacks in (
            ("pods", {"Copy name", "Used by", "To the node", "Logs"}, {"ReplicaSets", "Decode"}),
            ("deploy", {"Copy name", "ReplicaSets", "Logs"}, {"Decode", "Debug container", "To the node"}),
            (
                "nodes",
                {"Cordon", "Events"},
                {"Copy name", "Used by", "Logs", "To the namespace", "ReplicaSets"},
            ),
            ("secrets", {"Decode"}, {"Logs", "Forward a port"}),
        ):
            screen.browse._obey(kind)
            await screen.settle()
            here = {one.label for one in offered(screen.app, screen.browse)}
            await screen.press("question_mark")
            page = _page(screen)
            await screen.press("escape")
            for label in has:
                assert label in page, (kind, label)
                assert label in here, (kind, label)
            for label in lacks:
                assert f" {label}" not in page, (kind, label)
                assert label not in here, (kind, label)


async def test_the_editor_of_what_may_not_be_edited_says_so_and_has_no_text() -> None:
    """Ten minutes of typing were refused at the end of them."""
    ops = ActingOps()
    ops.objects_by_name["web"] = {"kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"a": "b"}}
    ops.refused = {"edit": READ_ONLY}
    async with acting("configmaps", pod("web"), ops=ops) as seen:
        await seen.press("e")
        assert isinstance(seen.app.screen, EditScreen)
        await seen.until(lambda: "This is read-only" in str(seen.app.screen.query_one(Banner).content))
        assert seen.app.screen._text.text == ""
        assert seen.app.screen._text.read_only
        assert ops.asked_of is not None
        assert ops.asked_of[:3] == ("configmaps", "shop", ("web",))


async def test_no_form_of_a_session_is_filled_in_in_vain() -> None:
    """Ports and paths were asked for, and only then was it said that nothing is forwarded or copied here."""
    async with stage() as on:
        on.ops.refused = {"session.port_forward": READ_ONLY, "session.copy": READ_ONLY}
        table = on.app.screen
        await on.press("F")
        await on.until(lambda: any("orwarding a port of" in said for said in on.notices))
        await on.press("t")
        await on.until(lambda: len(on.notices) == 2)
        assert all(said.endswith(f": {READ_ONLY}.") for said in on.notices)
        assert on.app.screen is table
        assert on.ops.sessions.asked == []
