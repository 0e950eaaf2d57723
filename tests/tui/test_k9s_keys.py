"""Every key that the page for people from k9s promises, pressed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from textual.widgets import Input

from k8sops.core.tables import TableQuery
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.acting.edit_screen import EditScreen
from k8sops.tui.context_screen import ContextScreen
from k8sops.tui.describe_screen import DescribeScreen
from k8sops.tui.desk.aliases_screen import AliasesScreen
from k8sops.tui.detail import DetailScreen
from k8sops.tui.document.uses_screen import UsesScreen
from k8sops.tui.document.view import DocumentView
from k8sops.tui.helm.releases_screen import ReleasesScreen
from k8sops.tui.help import HelpScreen
from k8sops.tui.k9s_keys import KEYS
from k8sops.tui.key_line import KeyLine
from k8sops.tui.logs.screen import LogScreen
from k8sops.tui.logs.view import LogView
from k8sops.tui.overview.screen import OverviewScreen
from k8sops.tui.prompt import Prompt
from k8sops.tui.sessions.choosing import FilesScreen, PortScreen
from k8sops.tui.sessions.forwards_screen import ForwardsScreen
from k8sops.tui.status import Banner, ClusterLine, TableLine
from tests.tui.feeds import Desk, Feed
from tests.tui.scenes import SHOP
from tests.tui.test_browse import Screenful
from tests.tui.test_browse_moves import PLAIN_COLUMNS, _desk, _named, _screen, _until

Seen = Callable[[Screenful], object]

PARTS = (("tail", 0), ("head", 0), *(("since", minutes * 60) for minutes in (1, 5, 15, 30, 60)))


def _at(index: int) -> Seen:
    return lambda screen: screen.table.selected_row is screen.table.shown[index]


def _sorted_by(column: int) -> Seen:
    return lambda screen: screen.table.order[0] == screen.table.columns[column].title


def _dialog(action: str) -> Seen:
    def seen(screen: Screenful) -> bool:
        found = screen.app.screen
        return isinstance(found, ActionDialog) and found._doing.action == action

    return seen


def _favourite(digit: int) -> Seen:
    """The namespace that has the digit, or that none has it."""

    def seen(screen: Screenful) -> bool:
        namespace = screen.browse._favourites.at(digit)
        if namespace is None:
            return f"No namespace has the digit {digit}" in screen.says(Banner)
        return screen.desk.ops.queries[1:] == [TableQuery(kind="pods", namespace=namespace)]

    return seen


def _part(part: str, since_s: int) -> Seen:
    def seen(screen: Screenful) -> bool:
        found = screen.app.screen
        if not isinstance(found, LogScreen):
            return False
        return (found._feed.wanted.part, found._feed.wanted.since_s) == (part, since_s)

    return seen


def _logs(screen: Screenful) -> LogView:
    return screen.app.screen.query_one(LogView)


def _text(screen: Screenful) -> DocumentView:
    return screen.app.screen.query_one(DocumentView)


def _prompt(screen: Screenful) -> str:
    return screen.browse.query_one(Prompt).query_one(Input).value


_SHOWN: dict[str, tuple[Seen, ...]] = {
    ":kind": (lambda screen: screen.names() == ["node-1", "node-2"],),
    ":kind /filter": (lambda screen: screen.table.filter.text == "web",),
    ":ctx": (lambda screen: isinstance(screen.app.screen, ContextScreen),),
    "?": (lambda screen: isinstance(screen.app.screen, HelpScreen),),
    "/text": (lambda screen: len(screen.names()) == 3,),
    "/!text": (lambda screen: len(screen.names()) == len(SHOP) - 3,),
    "/-f text": (lambda screen: 0 < len(screen.names()) < len(SHOP),),
    "Esc": (lambda screen: screen.table.filter.text == "" and len(screen.names()) == len(SHOP),),
    "Enter": (lambda screen: screen.names() == ["app"],),
    "Shift-J": (lambda screen: "has no owner" in screen.says(Banner),),
    "-": (lambda screen: screen.says(TableLine).startswith("pods"),),
    "d": (lambda screen: isinstance(screen.app.screen, DescribeScreen),),
    "y": (lambda screen: isinstance(screen.app.screen, DetailScreen),),
    "Space": (lambda screen: len(screen.table.marked) == 1,),
    "Ctrl-Space": (lambda screen: len(screen.table.marked) == 3,),
    "Ctrl-\\": (lambda screen: screen.table.marked == (),),
    "Ctrl-Z": (lambda screen: screen.table.faults_only,),
    "Ctrl-W": (lambda screen: screen.table.wide,),
    "w": (lambda screen: screen.desk.ops.queries[-1].namespace == "data",),
    "n": (lambda screen: screen.app.clipboard == "data",),
    "o (pods)": (lambda screen: screen.desk.ops.queries[-1].field_selector == "metadata.name=node-1",),
    "z (Deployments)": (lambda screen: screen.desk.ops.queries[-1].kind == "replicasets",),
    "Ctrl-D": (_dialog("delete"),),
    "Ctrl-K": (_dialog("delete"),),
    "Ctrl-R": (lambda screen: len(screen.desk.ops.queries) == 2,),
    "Ctrl-A": (lambda screen: isinstance(screen.app.screen, AliasesScreen),),
    "Shift-N": (lambda screen: screen.table.order == ("NAME", False),),
    "Shift-A": (lambda screen: screen.table.order == ("AGE", False),),
    "Shift-P": (lambda screen: screen.table.order == ("NAMESPACE", False),),
    "Shift-S": (lambda screen: screen.table.order == ("STATUS", False),),
    "Shift-R": (lambda screen: screen.table.order == ("READY", False),),
    "Shift-T": (lambda screen: screen.table.order == ("RESTARTS", True),),
    "Shift-I": (lambda screen: screen.table.order == ("IP", False),),
    "Shift-C": (lambda screen: screen.table.order == ("CPU", True),),
    "Shift-M": (lambda screen: screen.table.order == ("MEM", True),),
    "Shift-X": (lambda screen: screen.table.order == ("%CPU/R", True),),
    "Shift-Z": (lambda screen: screen.table.order == ("%MEM/R", True),),
    "Shift-U": (lambda screen: screen.table.order == ("", False),),
    "Shift-L": (lambda screen: screen.table.order == ("", False),),
    "e": (lambda screen: isinstance(screen.app.screen, EditScreen),),
    "x": (lambda screen: isinstance(screen.app.screen, DetailScreen),),
    "c": (lambda screen: screen.app.clipboard == screen.names()[0],),
    "u": (lambda screen: isinstance(screen.app.screen, UsesScreen),),
    "l": (lambda screen: isinstance(screen.app.screen, LogScreen),),
    "p": (lambda screen: isinstance(screen.app.screen, LogScreen),),
    "s (pods)": (lambda screen: screen.desk.ops.sessions.asked[-1][0].kind == "exec",),
    "a (pods)": (lambda screen: screen.desk.ops.sessions.asked[-1][0].kind == "attach",),
    "Shift-F": (lambda screen: isinstance(screen.app.screen, PortScreen),),
    ":pf": (lambda screen: isinstance(screen.app.screen, ForwardsScreen),),
    "t (pods)": (lambda screen: isinstance(screen.app.screen, FilesScreen),),
    "Shift-D (plugin)": (lambda screen: screen.desk.ops.sessions.asked[-1][0].kind == "debug",),
    ":helm": (lambda screen: isinstance(screen.app.screen, ReleasesScreen),),
    ":pulses": (lambda screen: isinstance(screen.app.screen, OverviewScreen),),
    ":kind ns": (lambda screen: screen.desk.ops.queries[-1] == TableQuery(kind="pods", namespace="data"),),
    ":kind a=b": (lambda screen: screen.desk.ops.queries[-1].label_selector == "app=web",),
    ":kind @ctx": (lambda screen: screen.says(ClusterLine).startswith("beta"),),
    ":q": (lambda screen: screen.app.return_value == 0,),
    "/-l a=b": (lambda screen: len(screen.names()) == 3,),
    "q": (lambda screen: screen.table.filter.text == "" and len(screen.names()) == len(SHOP),),
    "Tab": (lambda screen: _prompt(screen) == "nodes",),
    "Ctrl-U": (lambda screen: _prompt(screen) == "",),
    "u (namespaces)": (
        lambda screen: screen.desk.ops.queries[-1] == TableQuery(kind="pods", namespace="payments"),
    ),
    "r (workloads)": (_dialog("restart"),),
    "s (workloads)": (_dialog("scale"),),
    "i": (_dialog("set-image"),),
    "t (CronJobs)": (_dialog("trigger"),),
    "s (CronJobs)": (_dialog("suspend"),),
    ":workload": (lambda screen: isinstance(screen.app.screen, OverviewScreen),),
    "a (logs)": (lambda screen: "only one container" in screen.says(Banner),),
    "f (logs)": (
        lambda screen: (
            [screen.app.screen.query_one(each).display for each in (ClusterLine, KeyLine)] == [True, False]
        ),
    ),
    "Ctrl-S": (lambda screen: any(notice.title == "Saved" for notice in screen.app._notifications),),
    "Shift-O (before 0.50.17)": (lambda screen: screen.table.order == ("NODE", False),),
    "[ ]": (
        lambda screen: screen.says(TableLine).startswith("pods"),
        lambda screen: screen.says(TableLine).startswith("nodes"),
    ),
    "c u r (nodes)": (_dialog("cordon"), _dialog("uncordon"), _dialog("drain")),
    "Shift-← Shift-→": (_sorted_by(-1), _sorted_by(0)),
    "Shift-O": (_sorted_by(-1), _sorted_by(0)),
    "j k g G": (_at(1), _at(1), _at(0), _at(-1)),
    "Ctrl-F Ctrl-B": (_at(-1), _at(0)),
    "s w t (logs)": (
        lambda screen: not _logs(screen).follows,
        lambda screen: _logs(screen).buffer.look.wrap,
        lambda screen: _logs(screen).buffer.look.timestamps,
    ),
    "m Shift-C (logs)": (
        lambda screen: any("marked at" in text for text in _logs(screen).texts),
        lambda screen: not len(_logs(screen).buffer),
    ),
    "n Shift-N (texts)": (
        lambda screen: _text(screen).found[2] == 2,
        lambda screen: _text(screen).found[2] == _text(screen).found[1] > 2,
    ),
    "0–9": tuple(_favourite(digit) for digit in range(10)),
    "0–6 (logs)": tuple(_part(part, since) for part, since in PARTS),
}

_LEAVING = frozenset({":q", ":kind @ctx"})


async def test_every_key_the_page_for_k9s_users_names_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that promises a key must not be trusted to memory: each key of a line by itself, and no line without."""
    monkeypatch.setenv("K8SOPS_DATA", str(tmp_path))
    assert {key.theirs for key in KEYS if key.ours} == set(_SHOWN)
    assert len({key.theirs for key in KEYS}) == len(KEYS)
    pressed = [
        (keys, seen)
        for key in KEYS
        if key.theirs not in _LEAVING
        for keys, seen in zip(key.press, _SHOWN.get(key.theirs, ()), strict=True)
    ]
    for chunk in range(0, len(pressed), 40):
        async with _screen(_desks()) as screen:
            for keys, seen in pressed[chunk : chunk + 40]:
                await _afresh(screen)
                await _press(screen, keys)
                await _until(screen, partial(_holds, seen, screen))


@pytest.mark.parametrize("theirs", sorted(_LEAVING))
async def test_the_keys_that_leave_the_cluster_do_so(theirs: str) -> None:
    """Behind them there is no table for the next key."""
    (key,) = (key for key in KEYS if key.theirs == theirs)
    ((keys,), (seen,)) = key.press, _SHOWN[theirs]
    async with _screen(_desks()) as screen:
        await screen.pilot.press(*keys)
        await _until(screen, partial(_holds, seen, screen))


def test_a_line_with_several_keys_presses_each() -> None:
    """Of `j k g G` one was pressed, and the page vouched for four."""
    for key in KEYS:
        if not key.ours.startswith((":", "/")) and key.ours != "a Enter":
            named = 10 if key.ours == "0–9" else 7 if key.ours == "0–6" else len(key.ours.split())
            assert len(key.press) == named, key.theirs


async def _press(screen: Screenful, keys: tuple[str, ...]) -> None:
    """One after another, each on what the one before has brought."""
    for key in keys:
        if isinstance(screen.app.screen, DetailScreen):
            await _until(screen, lambda: bool(_text(screen).lines))
        await screen.press(key)


def _holds(seen: Seen, screen: Screenful) -> bool:
    return bool(seen(screen))


def _desks() -> dict[str, Desk]:
    here = _desk()
    here.ops.feeds["cronjobs"] = Feed(PLAIN_COLUMNS, [_named("night")])
    return {"acme-staging": here, "beta": _desk("beta")}


async def _afresh(screen: Screenful) -> None:
    """The first table as it was opened, whatever the last key did."""
    while screen.app.screen is not screen.browse:
        await screen.press("escape")
    screen.browse.query_one(Prompt).close()
    screen.app.clear_notifications()
    table = screen.table
    table.clear()
    table.wide = False
    screen.browse._obey("pods -A")
    await screen.settle()
    screen.desk.ops.queries.clear()
    screen.desk.ops.queries.append(TableQuery(kind="pods"))
    if table.faults_only:
        table.action_faults()
