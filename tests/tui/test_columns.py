"""Cells are judged by words, made safe, and fitted into their columns."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import pytest
from rich.cells import cell_len
from rich.style import Style

from k8sops.core.severity import Severity, severity_of
from k8sops.core.tables import Column, Row
from k8sops.tui.columns import ColumnWidths, cell_severity, shown_cell, view_columns
from k8sops.tui.row_painter import RowPainter, fit
from tests.tui.feeds import POD_COLUMNS, START, pod

NARROW = view_columns(POD_COLUMNS, wide=False, with_namespace=True)
STATUS = next(column for column in NARROW if column.role == "status")
NAME = next(column for column in NARROW if column.role == "name")


@pytest.mark.parametrize(
    ("status", "severity"),
    [
        ("Running", Severity.OK),
        ("Completed", Severity.DONE),
        ("Init:1/3", Severity.BUSY),
        ("Init:CrashLoopBackOff", Severity.BAD),
        ("ErrImagePull", Severity.BAD),
        ("Init:ExitCode:137", Severity.BAD),
        ("CreateContainerConfigError", Severity.BAD),
        ("Pending", Severity.WARN),
        ("Ready,SchedulingDisabled", Severity.WARN),
        ("NotReady,SchedulingDisabled", Severity.BAD),
        ("Frobnicating", Severity.NEUTRAL),
        ("", Severity.NEUTRAL),
    ],
)
def test_a_status_is_judged_by_its_worst_word(status: str, severity: Severity) -> None:
    """A cordoned node that is Ready is still one to look at; an unknown word is not guessed at."""
    assert severity_of(status) is severity


def test_a_pod_that_runs_without_being_ready_is_not_shown_as_well() -> None:
    """Running with 0/1 ready serves nobody."""
    lame = pod("web-0", ready="0/1")
    assert cell_severity(lame, STATUS) is Severity.WARN
    assert shown_cell(lame, STATUS, START) == "! Running"
    assert shown_cell(pod("web-0"), STATUS, START) == "✓ Running"


def test_an_object_being_deleted_says_so_in_words() -> None:
    """Dimmed text alone says nothing without colour; pods say Terminating already."""
    assert shown_cell(pod("web-0", deleting=True), NAME, START) == "web-0 (deleting)"
    assert shown_cell(pod("web-0", deleting=True, status="Terminating"), NAME, START) == "web-0"


def test_wide_columns_appear_only_when_asked_for() -> None:
    """The server's priority decides, as in kubectl's -o wide."""
    assert [column.title for column in NARROW] == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    wide = view_columns(POD_COLUMNS, wide=True, with_namespace=False)
    assert [column.title for column in wide][-2:] == ["IP", "NODE"]


def test_an_event_type_is_a_status_and_a_service_type_is_not() -> None:
    """Both columns are called TYPE; only one tells good from bad."""
    events = view_columns(
        [Column(name=name) for name in ("Last Seen", "Type", "Reason")], wide=False, with_namespace=False
    )
    services = view_columns(
        [Column(name=name) for name in ("Name", "Type")], wide=False, with_namespace=False
    )
    assert events[1].role == "status"
    assert services[1].role == "plain"


def test_how_long_something_took_does_not_count_on() -> None:
    """A Job that took two minutes an hour ago took two minutes; its last schedule is an hour further away."""
    columns = [Column(name="Duration"), Column(name="Last Schedule"), Column(name="Renewed", type="date")]
    cells = ("2m5s", "3m", "20m")
    row = Row(
        uid="u",
        name="n",
        namespace="",
        cells=cells,
        created=None,
        labels={},
        read_at=START - timedelta(hours=1),
    )
    shown = view_columns(columns, wide=False, with_namespace=False)
    assert [shown_cell(row, column, START) for column in shown] == ["2m5s", "63m", "80m"]


def test_control_characters_are_shown_and_not_sent_to_the_terminal() -> None:
    """Annotations and CRD columns hold whatever somebody put there."""
    assert shown_cell(pod("a\x1b[2J\nb"), NAME, START) == "a\\x1b[2J\\x0ab"


def test_a_row_shorter_than_its_header_has_empty_cells() -> None:
    """A CRD's columns change while it is watched."""
    short = pod("web-0").__class__(uid="u", name="n", namespace="", cells=("n",), created=None, labels={})
    assert shown_cell(short, NARROW[-2], START) == ""


@pytest.mark.parametrize("text", ["short", "x" * 50, "数据库" * 9, "a" * 9 + "数据", "é" * 30])
@pytest.mark.parametrize("width", [1, 7, 8, 13, 20])
@pytest.mark.parametrize("middle", [False, True])
def test_any_text_is_fitted_to_exactly_its_width(text: str, width: int, middle: bool) -> None:
    """One cell too many shifts the whole line, and wide characters take two."""
    assert cell_len(fit(text, width, middle=middle)) == width


def test_a_long_name_keeps_both_ends() -> None:
    """Pods of one deployment differ only in their last letters."""
    assert fit("checkout-6f5c9d7b88-2xk4p", 16, middle=True) == "checkout…8-2xk4p"


def test_widths_grow_and_never_shrink() -> None:
    """A column that narrows while one reads makes the whole line jump."""
    widths = ColumnWidths(NARROW)
    assert widths.grow_to([pod("a-rather-long-name")], START)
    wide = widths.fitted(200, shrink=True)
    assert not widths.grow_to([pod("short")], START)
    assert widths.fitted(200, shrink=True) == wide


def test_names_give_way_so_that_all_columns_fit() -> None:
    """At 80 columns the age still has to be in sight."""
    widths = ColumnWidths(NARROW)
    widths.grow_to([pod("n" * 60, namespace="s" * 20, restarts="14 (2m ago)")], START)
    fitted = widths.fitted(79, shrink=True)
    assert sum(fitted) + 2 * (len(fitted) - 1) <= 79
    assert sum(widths.fitted(79, shrink=False)) > 79


def test_how_long_ago_a_restart_was_gives_way_before_a_name_is_cut() -> None:
    """Two pods whose names are cut look alike; when one of them restarted can be had by making room."""
    columns = tuple(Column(name=name) for name in ("Name", "Ready", "Status", "Restarts", "Age"))
    name = "checkout-7d9f8b6c5d-x2x4q-canary"
    row = Row(
        uid="1", name=name, namespace="", created=None, labels={},
        cells=(name, "0/1", "CrashLoopBackOff", "12 (4m31s ago)", "3d"),
    )  # fmt: skip
    shown = view_columns(columns, wide=False, with_namespace=False)
    widths = ColumnWidths(shown)
    widths.grow_to([row], START)

    def line(viewport: int) -> str:
        fitted = widths.fitted(viewport, shrink=True)
        painter = RowPainter(shown, fitted, defaultdict(Style.null))
        return painter.row(row, START, "row", 0, viewport + 2).text.strip()

    assert "12 (4m31s ago)" in line(90)
    assert line(77).split() == [name, "0/1", "✗", "CrashLoopBackOff", "12", "3d"]
    assert "…" in line(60)
    assert "…" not in line(60).split()[-2], "a count is shown whole"


def _troubled(columns: tuple[Column, ...], *cells: str) -> set[str]:
    row = Row(uid="web", name="web", namespace="shop", cells=cells, created=None, labels={})
    shown = view_columns(columns, wide=False, with_namespace=False)
    return {column.title for column in shown if cell_severity(row, column) is Severity.WARN}


def test_a_rollout_that_has_not_replaced_all_is_in_trouble_though_all_are_ready() -> None:
    """The old pods stay ready while the new ones fail: READY 2/2 hides a stuck rollout."""
    titles = ("Name", "Ready", "Up-to-date", "Available", "Age")
    columns = tuple(Column(name=title) for title in titles)
    assert _troubled(columns, "gateway", "2/2", "1", "2", "5m") == {"UP-TO-DATE"}
    assert _troubled(columns, "gateway", "2/2", "2", "1", "5m") == {"AVAILABLE"}
    assert _troubled(columns, "gateway", "2/2", "2", "2", "5m") == set()
    assert _troubled(columns, "gateway", "2/2", "3", "3", "5m") == set()


def test_a_daemon_set_is_judged_by_how_many_it_wants() -> None:
    """It prints bare numbers, each of which has to reach DESIRED."""
    titles = ("Name", "Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector", "Age")
    columns = tuple(Column(name=title) for title in titles)
    assert _troubled(columns, "agent", "3", "3", "2", "1", "2", "<none>", "5m") == {
        "READY",
        "UP-TO-DATE",
        "AVAILABLE",
    }
    assert _troubled(columns, "agent", "3", "3", "3", "3", "3", "<none>", "5m") == set()


def _shown(titles: str, *cells: str, wide: str = "") -> list[str]:
    numbers = {"Desired", "Current", "Ready"} if "Desired" in titles else set()
    columns = [
        Column(name=title, type="integer" if title in numbers else "string", priority=int(title == wide))
        for title in titles.split()
    ]
    row = Row(uid="web", name="web", namespace="shop", cells=cells, created=None, labels={})
    return [
        shown_cell(row, column, START) for column in view_columns(columns, wide=False, with_namespace=False)
    ]


def test_a_stuck_rollout_is_told_by_a_sign_and_not_by_colour_alone() -> None:
    """Without colour, a yellow 1 among white ones is a 1 among others."""
    deployments = "Name Ready Up-to-date Available Age"
    assert _shown(deployments, "gateway", "2/2", "1", "2", "5m") == ["gateway", "2/2", "! 1", "2", "5m"]
    assert _shown(deployments, "gateway", "0/2", "2", "0", "5m") == ["gateway", "0/2 !", "2", "! 0", "5m"]
    assert _shown(deployments, "gateway", "2/2", "2", "2", "5m") == ["gateway", "2/2", "2", "2", "5m"]
    assert _shown("Name Desired Current Ready", "web", "3", "3", "0") == ["web", "3", "3", "! 0"]


def test_what_a_status_says_with_its_own_sign_is_not_said_twice() -> None:
    """Two signs in one row look like two troubles."""
    assert _shown("Name Ready Status", "web-0", "0/1", "Running") == ["web-0", "0/1", "! Running"]
    assert _shown("Name Ready Status", "web-0", "0/1", "ContainerCreating")[1] == "0/1"
    assert _shown("Name Ready Status", "cert", "False", "Issuing") == ["cert", "False ✗", "  Issuing"]
    assert _shown("Name Ready State", "app", "False", "Running") == ["app", "False ✗", "✓ Running"]
    assert _shown("Name Ready Status", "db", "False", "Failed", wide="Status") == ["db", "False ✗"]


def test_a_column_that_counts_nothing_is_not_judged_as_a_count() -> None:
    """Kinds of one's own call other things AVAILABLE and READY."""
    columns = tuple(Column(name=title) for title in ("Name", "Ready", "Available"))
    assert _troubled(columns, "db", "True", "1") == set()
    assert _troubled(columns, "db", "2/2", "yes") == set()
    assert _troubled(columns, "db", "2/2") == set()
