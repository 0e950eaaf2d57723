"""What is typed after the slash finds what a reader would expect, at every keystroke."""

from __future__ import annotations

import msgspec
import pytest

from k8sops.core.tables import Row
from k8sops.tui import search_texts
from k8sops.tui.row_filter import RowFilter
from k8sops.tui.row_view import RowView
from k8sops.tui.search_texts import search_text
from tests.tui.feeds import pod

ROWS = [
    pod("api-0", labels={"app": "api", "tier": "back"}),
    pod("web-0", labels={"app": "web"}, node="node-7"),
    pod("web-1", status="CrashLoopBackOff", labels={"app": "web", "tier": "front"}),
    pod("Web.b", labels={}),
]


def _found(text: str, rows: list[Row] | None = None) -> list[str]:
    view = RowView()
    view.filter = RowFilter(text)
    view.refresh(ROWS if rows is None else rows)
    return [row.name for row in view.shown]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["api-0", "web-0", "web-1", "Web.b"]),
        ("web", ["web-0", "web-1", "Web.b"]),
        ("Web", ["Web.b"]),
        ("crash", ["web-1"]),
        ("node-7", ["web-0"]),
        ("shop", ["api-0", "web-0", "web-1", "Web.b"]),
        ("!web", ["api-0"]),
        ("!", ["api-0", "web-0", "web-1", "Web.b"]),
        ("^web-.$", ["web-0", "web-1"]),
        ("!^web-.$", ["api-0", "Web.b"]),
        ("api|crash", ["api-0", "web-1"]),
        ("b.b", ["Web.b"]),
        ("-l app=web", ["web-0", "web-1"]),
        ("-l app==web,tier", ["web-1"]),
        ("-l app!=web", ["api-0", "Web.b"]),
        ("-l !app", ["Web.b"]),
        ("-l tier in (back, front)", ["api-0", "web-1"]),
        ("-l tier notin (back),app", ["web-0", "web-1"]),
        ("-l", ["api-0", "web-0", "web-1", "Web.b"]),
    ],
)
def test_a_filter_finds_what_it_says(text: str, names: list[str]) -> None:
    """Each form the help page names."""
    assert _found(text) == names


def test_a_pattern_that_does_not_compile_is_taken_literally_and_says_so() -> None:
    """Between `(` and `)` there is a keystroke at which no pattern is valid."""
    odd = pod("odd(name")
    assert _found("odd(", [*ROWS, odd]) == ["odd(name"]
    assert "plain text" in RowFilter("odd(").notice


def test_a_selector_half_typed_hides_nothing_and_says_so() -> None:
    """A screen that goes blank while one types looks broken."""
    assert len(_found("-l app in (we")) == len(ROWS)
    assert "selector" in RowFilter("-l app in (we").notice


def test_without_a_filter_the_rows_themselves_are_shown() -> None:
    """Fifty thousand rows are shared with the live view, not copied."""
    view = RowView()
    view.refresh(ROWS)
    assert view.shown is ROWS


def test_an_age_printed_at_listing_time_is_not_searched() -> None:
    """`1s` stands in every row's stale AGE cell; what is on the screen is another number."""
    view = RowView()
    view.filter = RowFilter("1s")
    view.unsearched_cell = 4
    view.refresh(ROWS)
    assert not view.shown


def test_a_row_that_changed_is_searched_anew() -> None:
    """Search texts are kept; a stale one would keep a recovered pod in a filtered list of crashes."""
    view = RowView()
    view.filter = RowFilter("crash")
    view.refresh(ROWS)
    assert [row.name for row in view.shown] == ["web-1"]
    view.refresh([*ROWS[:2], pod("web-1"), ROWS[3]])
    assert not view.shown


def test_what_was_made_ready_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first letter of a filter over very many rows finds their texts there, but for what changed since."""
    made: list[str] = []

    def counted(row: Row, skipped: int | None, *, fold: bool) -> str:
        made.append(row.name)
        return search_text(row, skipped, fold=fold)

    monkeypatch.setattr(search_texts, "search_text", counted)
    view = RowView()
    view.unsearched_cell = 4
    list(view.learn(ROWS[:3], 2))
    view.filter = RowFilter("web")
    changed = [msgspec.structs.replace(ROWS[0], cells=("web-9",)), *ROWS[1:]]
    view.refresh(changed)
    assert made == [row.name for row in (*ROWS[:3], ROWS[0], ROWS[3])]
    assert [row.name for row in view.shown] == ["api-0", "web-0", "web-1", "Web.b"]
    view.filter = RowFilter("^web[-.]")
    view.refresh(changed)
    assert len(made) == 5, "an expression in lower case is looked for in the same texts"
    assert [row.name for row in view.shown] == ["api-0", "web-0", "web-1", "Web.b"]


def test_what_was_made_ready_while_ages_were_searched_is_not_believed_when_they_are_not() -> None:
    """Columns may become known after rows were looked at."""
    view = RowView()
    list(view.learn(ROWS, 2))
    view.unsearched_cell = 4
    list(view.learn(ROWS, 2))
    view.filter = RowFilter("1s")
    view.refresh(ROWS)
    assert view.shown == []
