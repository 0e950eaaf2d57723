"""Columns in the screen of tables: figures beside pods, what gives way, what is chosen by hand, containers."""

from __future__ import annotations

from textual.widgets import OptionList

from k8sops.core.plan import Target
from k8sops.core.tables import Column, Row, TableQuery
from k8sops.tui.column_set import ColumnChoice, ColumnSet
from k8sops.tui.columns import ColumnWidths
from k8sops.tui.columns_screen import ColumnsScreen
from k8sops.tui.describe_screen import DescribeScreen
from k8sops.tui.logs.screen import LogScreen
from k8sops.tui.status import ClusterLine, TableLine
from tests.tui.feeds import NODE_COLUMNS, POD_COLUMNS, Desk, DeskOps, Feed, FixedClock, node, pod
from tests.tui.scenes import SHOP, WEB_POD
from tests.tui.test_browse import Screenful, _screen

FIGURES = (
    Column(name="CPU", type="number"),
    Column(name="MEM", type="number"),
    Column(name="%CPU/R", type="number", spare=2),
    Column(name="%MEM/L", type="number", spare=1),
)


def _figured(row: Row, *cells: str) -> Row:
    return Row(
        uid=row.uid,
        name=row.name,
        namespace=row.namespace,
        cells=(*row.cells[:4], *cells, *row.cells[4:]),
        created=row.created,
        labels=row.labels,
    )


def _desk() -> Desk:
    columns = (*POD_COLUMNS[:4], *FIGURES, *POD_COLUMNS[4:])
    rows = [
        _figured(row, f"{number}00m", f"{number}Mi", f"{number}%", "n/a") for number, row in enumerate(SHOP)
    ]
    containers = (Column(name="Name"), Column(name="State"))
    app = pod("app", uid="uid-web/app")
    feeds = {
        "pods": Feed(columns, rows),
        "nodes": Feed(NODE_COLUMNS, [node("node-1")]),
        "containers": Feed(containers, [_figured(app)]),
    }
    return Desk(DeskOps(feeds, {row.name: WEB_POD for row in SHOP}))


def _top(screen: Screenful) -> object:
    return screen.app.screen


def _titles(screen: Screenful) -> list[str]:
    return [column.title for column in screen.table.columns]


async def test_what_uses_most_is_one_key_away_and_its_numbers_stand_under_each_other() -> None:
    """Nine and ten are told apart by where their digits stand."""
    async with _screen(_desk(), size=(160, 30)) as screen:
        assert [title for title in _titles(screen) if title.startswith(("%", "CPU"))] == [
            "CPU",
            "%CPU/R",
            "%MEM/L",
        ]
        await screen.press("C")
        assert screen.table.order == ("CPU", True)
        lines = [screen.table.render_line(y).text for y in range(1, 8)]
        ends = {line.index("00m ") for line in lines}
        assert len(ends) == 1
        assert screen.names()[0] == SHOP[-1].name


async def test_percentages_give_way_before_names_do_and_come_back_with_room() -> None:
    """A name cut to nothing is worse than a share one can ask for."""
    async with _screen(_desk(), size=(80, 24)) as screen:
        assert not {"%CPU/R", "%MEM/L"} & set(_titles(screen))
        assert "CPU" in _titles(screen)
        await screen.press("X")
        assert "%CPU/R" in _titles(screen)
        await screen.press("ctrl+w")
        assert "%MEM/L" in _titles(screen)
        await screen.press("ctrl+w")
        assert "%MEM/L" not in _titles(screen)
        await screen.pilot.resize_terminal(170, 24)
        await screen.settle()
        assert "%MEM/L" in _titles(screen)


async def test_columns_are_chosen_by_hand_and_kept_for_the_kind() -> None:
    """What one always looks for should not need a wide screen each time."""
    async with _screen(_desk(), size=(100, 30)) as screen:
        await screen.press("ctrl+o")
        assert isinstance(screen.app.screen, ColumnsScreen)
        listed = screen.app.screen.query_one(OptionList)
        wanted = [column.title for column in screen.table.every_column].index("NODE")
        listed.highlighted = wanted
        await screen.press("enter")
        assert "NODE" in _titles(screen)
        assert listed.highlighted == wanted
        await screen.press("escape")
        await screen.type(":nodes")
        await screen.press("enter")
        assert "NODE" not in _titles(screen)
        await screen.type(":po")
        await screen.press("enter")
        screen.desk.ops.feeds["po"] = screen.pods
        await screen.type(":po")
        await screen.press("enter")
        assert "NODE" in _titles(screen)
        await screen.press("ctrl+o", "r", "escape")
        assert "NODE" not in _titles(screen)


async def test_enter_leads_from_a_pod_into_its_containers_and_acts_on_the_pod_there() -> None:
    """A container is no object of the API: what is described, deleted or logged is its pod."""
    async with _screen(_desk()) as screen:
        await screen.press("enter")
        assert screen.desk.ops.queries[-1] == TableQuery(
            kind="containers", namespace=SHOP[0].namespace, name=SHOP[0].name
        )
        assert " › containers · 1 row" in screen.says(TableLine)
        kind, rows = screen.browse.chosen()
        assert (kind, rows[0].name, rows[0].uid) == ("pods", SHOP[0].name, "uid-web")
        assert screen.browse.container_chosen() == "app"
        await screen.press("enter")
        assert isinstance(_top(screen), LogScreen)
        await screen.press("q")
        await screen.press("d")
        assert isinstance(_top(screen), DescribeScreen)
        await screen.press("escape")
        assert screen.browse._target_of(screen.table.shown[0]) == Target(
            kind="pods", name=SHOP[0].name, namespace=SHOP[0].namespace, uid="uid-web"
        )
        await screen.press("escape")
        assert screen.table.selected_row is not None
        assert screen.table.selected_row.name == SHOP[0].name


async def test_several_namespaces_stand_in_one_table_with_their_names() -> None:
    """An application of two namespaces is looked at as one."""
    async with _screen(_desk()) as screen:
        await screen.type(":pods data,shop")
        await screen.press("enter")
        assert screen.desk.ops.queries[-1].namespace == "data,shop"
        assert "data,shop" in screen.says(ClusterLine)
        assert _titles(screen)[0] == "NAMESPACE"


async def test_what_cannot_be_measured_is_said_beside_the_count() -> None:
    """A column of nothing does not say why."""
    desk = _desk()
    desk.ops.feeds["pods"].note = "no metrics: this cluster does not serve metrics.k8s.io"
    async with _screen(desk) as screen:
        assert "! no metrics: this cluster does not" in screen.says(TableLine)


def test_what_was_chosen_by_hand_never_gives_way() -> None:
    """The next update must not take away what was just asked for."""
    columns = ColumnSet((*POD_COLUMNS, *FIGURES), with_namespace=True)
    columns.choice = ColumnChoice(shown=frozenset({"%CPU/R"}), hidden=frozenset({"AGE"}))
    widths = ColumnWidths(columns.shown())
    widths.grow_to(SHOP, FixedClock().now())
    while columns.give_way(widths, 60):
        pass
    titles = [column.title for column in columns.shown()]
    assert "%CPU/R" in titles
    assert "%MEM/L" not in titles
    assert "AGE" not in titles
