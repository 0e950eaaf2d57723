"""Keys that act on rows and are bound anew: they act, are told as they are, and take nothing along."""

from __future__ import annotations

from textual.binding import Binding, BindingsMap
from textual.widgets import OptionList, Static

from k8sops.core.screen import ScreenChoice
from k8sops.core.tables import TableQuery
from k8sops.tui.acting.key_bindings import SharedKeys
from k8sops.tui.acting.menu import ActionMenu
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.help import HelpScreen
from tests.tui.acting_desk import ActingOps
from tests.tui.at_rest import at_rest, until
from tests.tui.feeds import POD_COLUMNS, Desk, Feed, FixedClock, pod


async def test_keys_bound_anew_act_and_are_told_in_menu_and_help() -> None:
    """What a screen bound once more to the same key stayed where it was: `act.s` had no effect on a table."""
    ops = ActingOps()
    ops.feeds = {"pods": Feed(POD_COLUMNS, [pod("web-0")])}
    choice = ScreenChoice(keys={"act.s": "f11", "act.c": "f10"})
    app = K8sOpsApp(
        Desk(ops).open, TableQuery(kind="pods"), all_namespaces=True, clock=FixedClock(), choice=choice
    )
    async with app.run_test(size=(120, 32)) as pilot:
        await at_rest(pilot, "web-0")
        await pilot.press("c")
        assert app.clipboard == "web-0", "cordoning went to another key, copying did not"
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        page = str(app.screen.query_one(Static).content)
        assert "f11          Shell" in page
        assert "s            Shell" not in page
        await pilot.press("escape", "s")
        await at_rest(pilot, "web-0")
        assert ops.sessions.asked == []
        await pilot.press("a")
        assert isinstance(app.screen, ActionMenu)
        lines = [str(option.prompt) for option in app.screen.query_one(OptionList).options]
        assert any(line.startswith("f11") and "Shell" in line for line in lines)
        await pilot.press("f11")
        await until(pilot, lambda: len(ops.sessions.asked) == 1)
        await pilot.press("escape")
        await at_rest(pilot, "web-0")
        await pilot.press("f11")
        await until(pilot, lambda: len(ops.sessions.asked) == 2)


def test_a_key_that_is_taken_anew_is_no_other_bindings_any_more() -> None:
    """Two actions behind one key, of which one never comes: it is told who lost it."""
    act, copy = Binding("c", "act", id="act.c"), Binding("c", "copy", id="look.copy")
    save, leave = Binding("x", "save", id="look.save"), Binding("escape,q", "leave", id="leave")
    keys = SharedKeys.in_front([act], BindingsMap([copy, save, leave])).copy()
    clash = keys.apply_keymap({"act.c": "x, y", "leave": "z", "look.copy": ""})
    bound = {key: [one.action for one in several] for key, several in keys.key_to_bindings.items()}
    assert bound == {"c": ["copy"], "x": ["act"], "y": ["act"], "z": ["leave"]}
    assert {one.id for one in clash.clashed_bindings} == {"look.save"}
