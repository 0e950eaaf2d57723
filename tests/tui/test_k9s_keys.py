"""Every key that the page for people from k9s promises, pressed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from k8sops.core.tables import TableQuery
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.acting.edit_screen import EditScreen
from k8sops.tui.context_screen import ContextScreen
from k8sops.tui.describe_screen import DescribeScreen
from k8sops.tui.desk.aliases_screen import AliasesScreen
from k8sops.tui.detail import DetailScreen
from k8sops.tui.document.uses_screen import UsesScreen
from k8sops.tui.helm.releases_screen import ReleasesScreen
from k8sops.tui.help import HelpScreen
from k8sops.tui.k9s_keys import KEYS
from k8sops.tui.logs.screen import LogScreen
from k8sops.tui.overview.screen import OverviewScreen
from k8sops.tui.sessions.choosing import FilesScreen, PortScreen
from k8sops.tui.sessions.forwards_screen import ForwardsScreen
from k8sops.tui.status import Banner, TableLine
from tests.tui.scenes import SHOP
from tests.tui.test_browse import Screenful
from tests.tui.test_browse_moves import _screen, _until

_SHOWN: dict[str, Callable[[Screenful], object]] = {
    ":kind": lambda screen: screen.names() == ["node-1", "node-2"],
    ":kind /filter": lambda screen: screen.table.filter.text == "web",
    ":ctx": lambda screen: isinstance(screen.app.screen, ContextScreen),
    "?": lambda screen: isinstance(screen.app.screen, HelpScreen),
    "/text": lambda screen: len(screen.names()) == 3,
    "/!text": lambda screen: len(screen.names()) == len(SHOP) - 3,
    "/-f text": lambda screen: 0 < len(screen.names()) < len(SHOP),
    "Esc": lambda screen: screen.table.filter.text == "",
    "Enter": lambda screen: screen.names() == ["app"],
    "Shift-J": lambda screen: "has no owner" in screen.says(Banner),
    "-": lambda screen: screen.says(TableLine).startswith("pods"),
    "[ ]": lambda screen: screen.says(TableLine).startswith("pods"),
    "0–9": lambda screen: screen.desk.ops.queries[-1].namespace == "",
    "d": lambda screen: isinstance(screen.app.screen, DescribeScreen),
    "y": lambda screen: isinstance(screen.app.screen, DetailScreen),
    "Space": lambda screen: len(screen.table.marked) == 1,
    "Ctrl-Space": lambda screen: len(screen.table.marked) == 1,
    "Ctrl-\\": lambda screen: screen.table.marked == (),
    "Ctrl-Z": lambda screen: screen.table.faults_only,
    "Ctrl-W": lambda screen: screen.table.wide,
    "w": lambda screen: screen.desk.ops.queries[-1].namespace == "data",
    "n": lambda screen: screen.app.clipboard == "data",
    "o (pods)": lambda screen: screen.desk.ops.queries[-1].field_selector == "metadata.name=node-1",
    "z (Deployments)": lambda screen: screen.desk.ops.queries[-1].kind == "replicasets",
    "Ctrl-D": lambda screen: isinstance(screen.app.screen, ActionDialog),
    "Ctrl-K": lambda screen: isinstance(screen.app.screen, ActionDialog),
    "Ctrl-R": lambda screen: len(screen.desk.ops.queries) == 2,
    "Ctrl-A": lambda screen: isinstance(screen.app.screen, AliasesScreen),
    "Shift-N": lambda screen: screen.table.order == ("NAME", False),
    "Shift-A": lambda screen: screen.table.order == ("AGE", False),
    "Shift-P": lambda screen: screen.table.order == ("NAMESPACE", False),
    "Shift-S": lambda screen: screen.table.order == ("STATUS", False),
    "Shift-R": lambda screen: screen.table.order == ("READY", False),
    "Shift-T": lambda screen: screen.table.order == ("RESTARTS", True),
    "Shift-I": lambda screen: screen.table.order == ("IP", False),
    "Shift-C": lambda screen: screen.table.order == ("CPU", True),
    "Shift-M": lambda screen: screen.table.order == ("MEM", True),
    "Shift-X": lambda screen: screen.table.order == ("%CPU/R", True),
    "Shift-Z": lambda screen: screen.table.order == ("%MEM/R", True),
    "Shift-O": lambda screen: screen.table.order == ("NODE", False),
    # Pods have no such column: the order stays.
    "Shift-U": lambda screen: screen.table.order == ("", False),
    "Shift-L": lambda screen: screen.table.order == ("", False),
    "e": lambda screen: isinstance(screen.app.screen, EditScreen),
    "x": lambda screen: isinstance(screen.app.screen, DetailScreen),
    "c": lambda screen: screen.app.clipboard == screen.names()[0],
    "u": lambda screen: isinstance(screen.app.screen, UsesScreen),
    "l": lambda screen: isinstance(screen.app.screen, LogScreen),
    "p": lambda screen: isinstance(screen.app.screen, LogScreen),
    "s (pods)": lambda screen: screen.desk.ops.sessions.asked[-1][0].kind == "exec",
    "a (pods)": lambda screen: screen.desk.ops.sessions.asked[-1][0].kind == "attach",
    "Shift-F": lambda screen: isinstance(screen.app.screen, PortScreen),
    ":pf": lambda screen: isinstance(screen.app.screen, ForwardsScreen),
    "t (pods)": lambda screen: isinstance(screen.app.screen, FilesScreen),
    "Shift-D (plugin)": lambda screen: screen.desk.ops.sessions.asked[-1][0].kind == "debug",
    ":helm": lambda screen: isinstance(screen.app.screen, ReleasesScreen),
    ":pulses": lambda screen: isinstance(screen.app.screen, OverviewScreen),
    "j k g G": lambda screen: screen.table.selected_row is screen.table.shown[1],
    "Ctrl-F Ctrl-B": lambda screen: screen.table.selected_row is screen.table.shown[-1],
}


async def _pressed(screen: Screenful, keys: Awaitable[None]) -> None:
    await keys
    await screen.settle()


async def test_every_key_the_page_for_k9s_users_names_does_what_it_says() -> None:
    """A page that promises a key must not be trusted to memory."""
    pressed = [key for key in KEYS if key.press]
    assert {key.theirs for key in pressed} == set(_SHOWN)
    for chunk in range(0, len(pressed), 40):
        async with _screen() as screen:
            for key in pressed[chunk : chunk + 40]:
                await _afresh(screen)
                await _pressed(screen, screen.pilot.press(*key.press))
                await _until(screen, lambda key=key: bool(_SHOWN[key.theirs](screen)))  # type: ignore[misc]


async def _afresh(screen: Screenful) -> None:
    """The first table as it was opened, whatever the last key did."""
    while screen.app.screen is not screen.browse:
        await screen.press("escape")
    table = screen.table
    table.clear()
    table.wide = False
    screen.browse._obey("pods -A")
    await screen.settle()
    screen.desk.ops.queries.clear()
    screen.desk.ops.queries.append(TableQuery(kind="pods"))
    if table.faults_only:
        table.action_faults()
