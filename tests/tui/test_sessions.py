"""Sessions from the table under a pilot: what is asked before one begins, refusals, forwarded ports, the way out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events
from textual.containers import Vertical
from textual.widgets import DataTable, Input, OptionList

from k8sops.core.errors import DeniedError
from k8sops.tui.acting.menu import ActionMenu
from k8sops.tui.browse import BrowseScreen
from k8sops.tui.running.asking import AskScreen
from k8sops.tui.sessions.bare_terminal import Escape
from k8sops.tui.sessions.choosing import ChooseScreen, FilesScreen, PortScreen
from k8sops.tui.sessions.forwards_screen import ForwardsScreen
from k8sops.tui.sessions.opening_screen import OpeningScreen
from tests.tui.session_desk import LogStage, stage, wants_name, wants_reason, wants_yes


def _opening(on: LogStage) -> str:
    """What is told of a session that is being opened."""
    screen = on.app.screen
    return screen.told if isinstance(screen, OpeningScreen) else ""


async def _forwards(on: LogStage) -> None:
    await on.press("F")
    await on.until(lambda: isinstance(on.app.screen, PortScreen))


async def test_a_port_is_forwarded_listed_and_stopped() -> None:
    """A forward one forgot is an open door."""
    async with stage() as on:
        await _forwards(on)
        fields = [box.value for box in on.app.screen.query(Input)]
        # A port below 1024 takes rights here that nobody has.
        assert fields == ["80", "8080"]
        await on.press("enter")
        await on.until(lambda: on.ops.desk.open)
        wanted, _ = on.ops.desk.asked[0]
        assert (wanted.kind, wanted.of, wanted.port, wanted.local_port) == ("port_forward", "pods", 80, 8080)
        await on.until(lambda: any("127.0.0.1:8080 leads to port 80" in told for told in on.notices))
        await on.press("colon", *"pf", "enter")
        await on.until(lambda: isinstance(on.app.screen, ForwardsScreen))
        forwards = on.app.screen.query_one(DataTable)
        assert forwards.row_count == 1
        told = [str(cell) for cell in forwards.get_row_at(0)]
        assert told[0] == "127.0.0.1:8080"
        assert told[3] == "✓ open", "before the long names, which 80 columns cut"
        await on.press("c")
        assert on.app.clipboard == "127.0.0.1:8080"
        await on.press("ctrl+d")
        await on.until(lambda: on.ops.desk.stopped == ["session-0"])
        await on.until(lambda: "No port is forwarded here" in on.banner)
        await on.press("escape")
        assert isinstance(on.app.screen, BrowseScreen)


async def test_a_port_that_is_none_is_refused_where_it_was_typed() -> None:
    """Nothing is begun with a slip of the hand."""
    async with stage() as on:
        await _forwards(on)
        await on.press("x", "enter")
        assert isinstance(on.app.screen, PortScreen)
        assert not on.ops.desk.asked
        await on.press("escape")
        await on.until(lambda: isinstance(on.app.screen, BrowseScreen))


async def test_policy_may_want_a_reason_and_the_clusters_name_before_anything_begins() -> None:
    """The same demands as for a change, without a plan."""
    async with stage() as on:
        on.ops.desk.refusals = [wants_reason(), wants_name("acme-staging")]
        await _forwards(on)
        await on.press("enter")
        await on.until(lambda: isinstance(on.app.screen, AskScreen))
        await on.press(*"INC-7", "enter")
        await on.until(lambda: len(on.ops.desk.asked) == 2 and isinstance(on.app.screen, AskScreen))
        await on.press(*"acme", "minus", *"staging", "enter")
        await on.until(lambda: on.ops.desk.open)
        assert [(consent.reason, consent.typed_name) for _, consent in on.ops.desk.asked] == [
            ("", ""),
            ("INC-7", ""),
            ("INC-7", "acme-staging"),
        ]


async def test_a_refusal_says_why_and_begins_nothing() -> None:
    """Read-only means shells, too."""
    async with stage() as on:
        on.ops.desk.refusals = [DeniedError("policy refuses a shell in shop/web: the policy is read-only")]
        await on.press("s")
        await on.until(lambda: "the policy is read-only" in _opening(on))
        (wanted, _) = on.ops.desk.asked[0]
        assert (wanted.kind, wanted.container) == ("exec", "app")
        await on.press("escape")
        await on.until(lambda: isinstance(on.app.screen, BrowseScreen))


async def test_what_is_typed_for_a_shell_that_is_not_open_yet_does_nothing_to_the_table() -> None:
    """`s` and a command typed at once: its letters are keys of the table, and `e`, `s` or `d` change things there."""
    async with stage() as on:
        asked = asyncio.Event()
        on.ops.desk.before = asked.wait
        await on.press("s", *"kubectl delete", "enter", "ctrl+d")
        assert isinstance(on.app.screen, OpeningScreen)
        on.ops.desk.refusals = [DeniedError("policy refuses a shell in shop/web")]
        asked.set()
        await on.until(lambda: "policy refuses" in _opening(on))
        await on.press(*"reset", "enter", "ctrl+d")
        assert "policy refuses" in _opening(on)
        assert isinstance(on.app.screen_stack[-2], BrowseScreen), "nothing was opened in between"
        await on.press("escape")
        await on.until(lambda: isinstance(on.app.screen, BrowseScreen))
        assert len(on.ops.desk.asked) == 1


async def test_a_shell_that_does_not_come_is_given_up() -> None:
    """A debug container may take a minute and a half; nobody is held that long."""
    async with stage() as on:
        never = asyncio.Event()
        on.ops.desk.before = never.wait
        await on.press("D")
        await on.until(lambda: isinstance(on.app.screen, OpeningScreen) and on.ops.desk.asked)
        await on.press("escape")
        await on.until(lambda: isinstance(on.app.screen, BrowseScreen))
        await on.until(lambda: on.ops.desk.given_up == 1)


async def test_policy_may_want_a_yes_which_is_asked_once_with_no_in_focus() -> None:
    """Enter, typed for a shell that is thought open, must not be the yes."""
    async with stage() as on:
        on.ops.desk.refusals = [wants_yes(), DeniedError("and no")]
        await on.press("s")
        await on.until(lambda: isinstance(on.app.screen, AskScreen))
        await on.press("enter")
        await on.until(lambda: isinstance(on.app.screen, BrowseScreen))
        on.ops.desk.refusals = [wants_yes(), DeniedError("and no")]
        await on.press("s")
        await on.until(lambda: isinstance(on.app.screen, AskScreen))
        await on.press("y")
        await on.until(lambda: "and no" in _opening(on))
        assert [consent.confirmed for _, consent in on.ops.desk.asked] == [False, False, True]


async def test_of_several_containers_one_is_chosen_and_leaving_that_begins_nothing() -> None:
    """A shell in the wrong container looks like the right one."""
    async with stage() as on:
        on.ops.desk.running = ("app", "proxy")
        on.ops.desk.refusals = [DeniedError("no")]
        await on.press("s")
        await on.until(lambda: isinstance(on.app.screen, ChooseScreen))
        await on.press("escape")
        await on.until(lambda: isinstance(on.app.screen, BrowseScreen))
        assert not on.ops.desk.asked
        await on.press("s")
        await on.until(lambda: isinstance(on.app.screen, ChooseScreen))
        await on.press("j", "enter")
        await on.until(lambda: on.ops.desk.asked)
        assert on.ops.desk.asked[0][0].container == "proxy"


async def test_attach_is_the_first_entry_of_the_pods_menu_and_keys_of_the_menu_work() -> None:
    """k9s attaches by `a`; here that is `a` and Enter."""
    async with stage() as on:
        on.ops.desk.refusals = [DeniedError("no"), DeniedError("no")]
        await on.press("a")
        await on.until(lambda: isinstance(on.app.screen, ActionMenu))
        first = on.app.screen.query_one(OptionList).get_option_at_index(0)
        assert "Attach" in str(first.prompt)
        await on.press("enter")
        await on.until(lambda: len(on.ops.desk.asked) == 1 and "no" in _opening(on))
        await on.press("escape")
        await on.until(lambda: isinstance(on.app.screen, BrowseScreen))
        await on.press("D")
        await on.until(lambda: len(on.ops.desk.asked) == 2)
        assert [wanted.kind for wanted, _ in on.ops.desk.asked] == ["attach", "debug"]


async def test_a_key_typed_twice_in_the_menu_opens_its_session_once() -> None:
    """Over a slow line keys come in bursts: the second one met a table that the first had not covered yet."""
    async with stage() as on:
        await on.press("a")
        await on.until(lambda: isinstance(on.app.screen, ActionMenu))
        for key in ("t", "t"):
            on.app.post_message(events.Key(key, key))
        await on.until(lambda: isinstance(on.app.screen, FilesScreen))
        await on.pilot.pause()
        assert sum(isinstance(screen, FilesScreen) for screen in on.app.screen_stack) == 1
        await on.press("escape")
        assert isinstance(on.app.screen, BrowseScreen)


async def test_files_are_copied_out_of_the_pod_and_into_it(tmp_path: Path) -> None:
    """Which side is the pod's is told by the colon, as with kubectl cp."""
    async with stage() as on:
        await on.press("F")
        await on.until(lambda: isinstance(on.app.screen, PortScreen))
        box = on.app.screen.query_one(Vertical).region
        await on.press("escape", "t")
        await on.until(lambda: isinstance(on.app.screen, FilesScreen))
        await on.until(lambda: on.app.screen.query_one(Vertical).region == box)
        await on.press("enter")
        assert isinstance(on.app.screen, FilesScreen)
        await on.type("/var/log/app.log")
        source, target = on.app.screen.query(Input)
        assert source.value == ":/var/log/app.log", "the colon that says it is in the pod is not typed away"
        target.value = str(tmp_path)
        await on.press("enter")
        await on.until(lambda: any("2 files, 1,234 bytes" in told for told in on.notices))
        wanted, _ = on.ops.desk.asked[0]
        assert (wanted.direction, wanted.path, wanted.local) == ("from", "/var/log/app.log", tmp_path)


@pytest.mark.parametrize(
    ("typed", "passed", "left"),
    [
        (b"ls ~/x\r", b"ls ~/x\r", False),
        (b"ls\r~.", b"ls\r", True),
        (b"~.", b"", True),
        (b"~~.", b"~.", False),
        (b"~x", b"~x", False),
        (b"echo ~.\r", b"echo ~.\r", False),
    ],
)
def test_the_way_out_of_a_session_that_hangs_is_sshs(typed: bytes, passed: bytes, left: bool) -> None:
    """Whoever is stuck must not have to kill the whole program; nothing else that is typed may be lost."""
    whole, piecewise = Escape(), Escape()
    assert (whole.passes(typed), whole.is_left) == (passed, left)
    assert b"".join(piecewise.passes(bytes((byte,))) for byte in typed) == passed
