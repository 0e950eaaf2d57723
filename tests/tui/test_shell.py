"""What goes round every screen: who and where one is, help and palette from the keys in force, looks, leaving."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from k8sops.core.errors import CredentialsError
from k8sops.core.screen import ScreenChoice, TryThis
from k8sops.core.tables import FeedState, TableQuery
from k8sops.service.screen_memory import FileMemory
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.browse import BrowseScreen
from k8sops.tui.describe_screen import DescribeScreen
from k8sops.tui.help import HelpScreen
from k8sops.tui.running.approvals_screen import ApprovalsScreen
from k8sops.tui.shell.offered import offered
from k8sops.tui.shell.try_panel import TryPanel
from k8sops.tui.status import Banner, ClusterLine
from tests.tui.at_rest import until
from tests.tui.feeds import POD_COLUMNS, START, Desk, DeskOps, Feed, FixedClock
from tests.tui.scenes import SHOP, WEB_POD
from tests.tui.test_browse import Screenful


def _desk() -> Desk:
    return Desk(DeskOps({"pods": Feed(POD_COLUMNS, SHOP)}, {row.name: WEB_POD for row in SHOP}))


@asynccontextmanager
async def _screen(
    desk: Desk, choice: ScreenChoice | None = None, size: tuple[int, int] = (120, 32)
) -> AsyncIterator[Screenful]:
    clock = FixedClock()
    app = K8sOpsApp(desk.open, TableQuery(kind="pods"), all_namespaces=True, clock=clock, choice=choice)
    async with app.run_test(size=size) as pilot:
        found = Screenful(app, pilot, desk, clock)
        await found.settle()
        yield found


def _page(pilot: Pilot[int]) -> str:
    return "\n".join(str(each.content) for each in pilot.app.screen.query(Static))


async def _prompts(seen: Screenful, text: str) -> list[str]:
    """What the palette lists for a text, once it lists something with it."""
    assert isinstance(seen.app.screen, CommandPalette)
    seen.app.screen.query_one(Input).value = text

    def listed() -> list[str]:
        found = seen.app.screen.query_one(OptionList)
        options: list[Option] = [found.get_option_at_index(index) for index in range(found.option_count)]
        return [str(option.prompt).split("\n")[0] for option in options]

    for _ in range(2000):
        if any(text.lower() in each.lower() for each in listed()):
            break
        await seen.pilot.pause(0.01)
    return listed()


async def test_a_screen_that_is_ended_before_anything_is_on_it_asks_no_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A signal in the first moments was told as a defect of the program."""
    monkeypatch.setattr(BrowseScreen, "compose", lambda _: iter(()))
    desk = _desk()
    app = K8sOpsApp(desk.open, TableQuery(kind="pods"), clock=FixedClock())
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, BrowseScreen)
    assert desk.opened == 0


async def test_help_and_palette_tell_the_keys_that_are_in_force() -> None:
    """A page of keys that are bound otherwise misleads the hands; the registry of keys is the only source."""
    choice = ScreenChoice(keys={"browse.describe": "D", "app.palette": "f2"})
    async with _screen(_desk(), choice) as seen:
        await seen.press("question_mark")
        assert isinstance(seen.app.screen, HelpScreen)
        page = _page(seen.pilot)
        assert "D            Describe" in page
        assert "d            Describe" not in page
        assert "Evict" in page
        assert ":approvals" in page
        await seen.press("escape", "D")
        assert isinstance(seen.app.screen, DescribeScreen)
        await seen.press("escape", "f2")
        assert "Describe" in await _prompts(seen, "Describe")
        assert "Evict" in await _prompts(seen, "Evict")


async def test_the_palette_says_of_what_would_be_refused_why() -> None:
    """Offering in good faith what is refused afterwards wastes the time of whoever is in a hurry."""
    desk = _desk()
    desk.ops.refused = {"evict": "RBAC: you may not create pods/eviction in shop"}
    async with _screen(desk) as seen:
        await seen.press("ctrl+p")
        assert "✗ Evict" in await _prompts(seen, "Evict")
        listed = seen.app.screen.query_one(OptionList).options
        assert any("RBAC: you may not create pods/eviction" in str(option.prompt) for option in listed)


async def test_the_palette_offers_no_key_that_has_no_row_to_act_on() -> None:
    """What is chosen by name and then does nothing is taken for broken."""
    async with _screen(_desk()) as seen:
        here = {one.label for one in offered(seen.app, seen.app.screen)}
        assert {"Describe", "YAML", "Logs", "Events", "Columns"} <= here
        assert not {"Decode"} & here, "a pod has nothing to decode"
        await seen.press("slash", *"nosuchpod", "enter")
        assert not seen.browse.chosen().rows
        empty = {one.label for one in offered(seen.app, seen.app.screen)}
        assert not {"Describe", "YAML", "Logs", "Events", "Debug container"} & empty
        assert {"Columns", "Filter", ":runs"} <= empty


async def test_a_place_is_gone_to_by_its_name_and_a_theme_is_taken() -> None:
    """Somebody who does not know the key yet must find everything by its name."""
    async with _screen(_desk(), ScreenChoice(theme="colour-blind")) as seen:
        assert seen.app.theme == "colour-blind"
        await seen.press("ctrl+p")
        assert ":runs" in await _prompts(seen, ":runs")
        assert "Theme: high-contrast" in await _prompts(seen, "Theme: high")
        await seen.pilot.press("down", "enter")
        await seen.pilot.pause()
        assert seen.app.theme == "high-contrast"


async def test_the_header_names_cluster_context_environment_namespace_person_and_limits() -> None:
    """Whoever looks for two seconds before pressing a key must see where it would land."""
    desk = _desk()
    desk.ops.call_it("acme-prod", "production")
    desk.ops.is_read_only = True
    async with _screen(desk) as seen:
        said = seen.says(ClusterLine)
        for part in ("acme-prod @acme-staging", "!! PRODUCTION !!", "all namespaces", "READ-ONLY", "alice"):
            assert part in said
        assert seen.app.screen.query_one(ClusterLine).has_class("-production")


async def test_at_eighty_columns_a_long_name_gives_way_to_the_rest() -> None:
    """Cloud contexts are whole resource paths; environment, identity and limits must not fall off the edge."""
    desk = _desk()
    desk.ops.call_it("arn:aws:eks:eu-central-1:123456789012:cluster/acme-prod", "production")
    desk.ops.is_read_only = True
    async with _screen(desk, size=(80, 24)) as seen:
        said = seen.says(ClusterLine)
        assert len(said) <= 78
        for part in ("PRODUCTION", "READ-ONLY", "alice", "acme-p", "@acme"):
            assert part in said


async def test_ctrl_q_and_ctrl_c_leave_as_q_does_also_from_another_screen() -> None:
    """Two keys that hands press without looking; neither may skip the question about what is carried here."""
    for key in ("ctrl+q", "ctrl+c"):
        desk = _desk()
        async with _screen(desk) as seen:
            await seen.press("y")
            await seen.pilot.press(key)
            await seen.pilot.pause()
        assert seen.app.return_value == 0
        assert desk.closed == 1


async def test_an_unknown_theme_and_keys_given_twice_are_said() -> None:
    """A setting that is silently ignored is worse than none."""
    choice = ScreenChoice(theme="mauve", keys={"browse.yaml": "d", "browse.nothing": "n"})
    async with _screen(_desk(), choice) as seen:
        said = [each.message for each in seen.app._notifications]
        assert any("no theme mauve" in each for each in said)
        await seen.app.workers.wait_for_complete()
        said = [each.message for each in seen.app._notifications]
        assert "browse.yaml takes the key d from browse.describe." in said
        assert "No key has the id browse.nothing; docs/keys.md lists them." in said


async def test_credentials_that_ended_name_the_key_that_renews_them() -> None:
    """The banner of a table that went stale for want of a login must lead out of it."""
    desk = _desk()
    async with _screen(desk) as seen:
        seen.pods.become(FeedState.STALE, "credential plugin 'sso' failed with status 1: log in first", START)
        await seen.settle()
        assert "log in first" in seen.says(Banner)
        assert "Ctrl-L" in seen.says(Banner)


async def test_a_refused_login_at_the_start_leads_to_the_key_too() -> None:
    """There is no table yet, so the sentence stands in its place."""
    desk = _desk()
    desk.failure = CredentialsError("credential plugin 'sso' failed with status 1: log in first")
    async with _screen(desk) as seen:
        assert "Ctrl-L" in seen.table.placeholder


async def test_a_demonstration_suggests_what_to_try_and_each_key_leads_there() -> None:
    """The first five minutes decide; whoever knows no key yet gets three, and can put them away for good."""
    desk = _desk()
    tries = (
        TryThis("Why is it down?", "look", "pods shop /checkout"),
        TryThis("Who waits?", "see", "approvals /nobody"),
    )
    app = K8sOpsApp(desk.open, TableQuery(kind="pods"), all_namespaces=True, clock=FixedClock(), tries=tries)
    async with app.run_test(size=(80, 24)) as pilot:
        seen = Screenful(app, pilot, desk, FixedClock())
        await seen.settle()
        await until(seen.pilot, lambda: app.screen.query(TryPanel))
        panel = app.screen.query_one(TryPanel)
        assert "F2 Why is it down?" in str(panel.content)
        await seen.press("f2")
        assert seen.table.filter.text == "checkout"
        await seen.pilot.press("f3")
        await seen.pilot.pause()
        approvals = app.screen
        assert isinstance(approvals, ApprovalsScreen)
        await until(seen.pilot, lambda: approvals.query(TryPanel))
        assert approvals.table.filter.text == "nobody", "the row it is about, and no other"
        await seen.press("f2")
        assert app.screen_stack[-1] is seen.browse, (
            "the next suggestion is a key away from where the last one led"
        )
        await seen.pilot.press("f3")
        await until(
            seen.pilot, lambda: app.screen.query(TryPanel) and app.screen_stack[-1] is not seen.browse
        )
        await seen.pilot.press("f8")
        await until(seen.pilot, lambda: not app.screen.query(TryPanel))
        await seen.press("f2")
        assert isinstance(app.screen, ApprovalsScreen)
        await seen.press("escape", "escape")
        assert not seen.browse.query(TryPanel)


async def test_the_last_namespace_and_the_columns_of_a_kind_are_there_again(tmp_path: Path) -> None:
    """Whoever works in one namespace all day says so once; a file that is damaged costs comfort, not the start."""
    columns = {"pods": {"shown": [], "hidden": ["RESTARTS"]}}
    (tmp_path / "screen.json").write_text(
        json.dumps({"namespaces": {"acme-staging": "data"}, "columns": columns})
    )
    for namespace in ("data", "payments", "payments"):
        desk = _desk()
        app = K8sOpsApp(desk.open, TableQuery(kind="pods"), clock=FixedClock(), memory=FileMemory(tmp_path))
        async with app.run_test() as pilot:
            seen = Screenful(app, pilot, desk, FixedClock())
            await seen.settle()
            assert desk.ops.queries[-1].namespace == namespace
            assert "RESTARTS" not in [column.title for column in seen.table.columns]
            await seen.press("colon", *"pods", "space", *"payments", "enter")
    held = json.loads((tmp_path / "screen.json").read_text())
    assert held["context"] == "acme-staging"
    assert held["columns"] == columns
    (tmp_path / "screen.json").write_text("{")
    assert await FileMemory(tmp_path).recall() == {}
