"""What a key makes the screen do: how little is drawn, laid out and styled again, and that it looks as Textual's own.

On a screen of fifty lines these are most of what a key costs, and a machine under load multiplies it.
"""

from __future__ import annotations

import pytest
from textual.geometry import Region
from textual.screen import Screen
from textual.scrollbar import ScrollBar

from k8sops.core.tables import Row
from k8sops.tui.key_line import KeyLine
from k8sops.tui.row_painter import RowPainter
from k8sops.tui.row_view import RowView
from k8sops.tui.thumb_bar import ThumbBar
from tests.tui.at_rest import at_rest, until
from tests.tui.feeds import POD_COLUMNS, Desk, DeskOps, Feed, many_pods
from tests.tui.test_browse import _screen
from tests.tui.test_live_table import TableApp, _table


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the rows painted, as they are."""
    names: list[str] = []
    paint = RowPainter._paint

    def noted(self: RowPainter, row: Row, *arguments: object, **named: object) -> object:
        names.append(row.name)
        return paint(self, row, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(RowPainter, "_paint", noted)
    return names


def _drawn(app: TableApp) -> list[list[object]]:
    """Every line of the screen."""
    return [list(strip) for strip in app.screen._compositor.render_strips()]


async def test_scrolling_by_a_line_paints_the_line_that_comes_and_the_one_the_cursor_left(
    painted: list[str],
) -> None:
    """A held key scrolls at every repeat: what was in sight and stays must not be made anew."""
    rows = many_pods(600)
    async with _table(rows, size=(100, 20)) as (_, pilot):
        await pilot.press(*"j" * 30)
        await at_rest(pilot)
        painted.clear()
        await pilot.press("j")
        await at_rest(pilot)
        assert painted == [rows[30].name, rows[31].name]


async def test_lines_that_were_kept_go_out_as_they_are() -> None:
    """A strip holds its terminal codes; a copy of it would have to find them out again."""
    async with _table(many_pods(600), size=(100, 20)) as (app, pilot):
        await pilot.press(*"j" * 30)
        await at_rest(pilot)
        whole = Region(0, 0, *app.table.size)
        before = app.table.render_lines(whole)
        await pilot.press("j")
        await at_rest(pilot)
        after = app.table.render_lines(whole)
        assert all(now is then for now, then in zip(after[1:-2], before[2:-1], strict=True))


@pytest.mark.parametrize("index", [0, 7, 300, 598])
async def test_the_scrollbar_looks_as_textuals_own(index: int) -> None:
    """It is drawn otherwise so that it can be drawn less, not so that it looks otherwise."""
    async with _table(many_pods(600), size=(100, 20)) as (app, pilot):
        app.table._select(index)
        await at_rest(pilot)
        bar = app.table.vertical_scrollbar
        assert isinstance(bar, ThumbBar)
        own = [list(bar.render_line(y)) for y in range(bar.size.height)]
        bar._dirty_regions.add(bar.size.region)
        textuals = [list(ScrollBar.render_line(bar, y)) for y in range(bar.size.height)]
        assert own == textuals
        assert len({repr(line) for line in own}) > 1


async def test_the_scrollbar_draws_only_where_its_thumb_came_or_went() -> None:
    """Among many rows it stands still for most moves."""
    async with _table(many_pods(5000), size=(100, 20)) as (app, pilot):
        await pilot.press(*"j" * 30)
        await at_rest(pilot)
        bar = app.table.vertical_scrollbar
        bar._repaint_regions.clear()
        app.table.scroll_to(y=app.table.scroll_offset.y + 1, animate=False, immediate=True)
        assert not bar._repaint_regions
        app.table.scroll_to(y=2500, animate=False, immediate=True)
        moved = {region.y for region in bar._repaint_regions}
        assert moved
        assert len(moved) < bar.size.height


async def test_a_filter_that_takes_rows_away_moves_the_thumb_on_the_screen() -> None:
    """What is drawn less often must still be drawn."""
    async with _table(many_pods(600), size=(100, 20)) as (app, pilot):
        before = [line[-1] for line in _drawn(app)]
        app.table.set_filter("web-000")
        await at_rest(pilot)
        after = [line[-1] for line in _drawn(app)]
        bar = app.table.vertical_scrollbar
        assert after != before
        assert after == [*(segment for y in range(bar.size.height) for segment in bar.render_line(y))]


async def test_a_terminal_made_lower_keeps_what_was_painted(painted: list[str]) -> None:
    """The prompt takes a line of the table whenever it opens: no column is wider or narrower for that."""
    async with _table(many_pods(600), size=(100, 20)) as (app, pilot):
        await at_rest(pilot)
        painted.clear()
        await pilot.resize_terminal(100, 15)
        await at_rest(pilot)
        assert painted == []
        assert len(app.lines()) == 15
        await pilot.resize_terminal(90, 15)
        await at_rest(pilot)
        assert painted


async def test_the_prompt_opens_and_closes_with_one_layout_each_and_no_row_painted(
    painted: list[str],
) -> None:
    """It was two layouts, three drawings of everything and new styles for the whole table."""
    desk = Desk(DeskOps({"pods": Feed(POD_COLUMNS, many_pods(100))}))
    async with _screen(desk) as screen:
        await screen.press("slash")
        await screen.press("escape")
        layouts: list[Screen[object]] = []
        screen.browse.screen_layout_refresh_signal.subscribe(screen.browse.query_one(KeyLine), layouts.append)
        painted.clear()
        await screen.press("slash")
        await until(screen.pilot, lambda: layouts)
        await at_rest(screen.pilot)
        assert len(layouts) == 1
        await screen.press("escape")
        await until(screen.pilot, lambda: len(layouts) > 1)
        await at_rest(screen.pilot)
        assert len(layouts) == 2
        assert painted == []


def test_what_is_known_of_all_rows_takes_no_step_to_learn() -> None:
    """The prompt is opened again and again over rows that did not change."""
    rows, view = tuple(many_pods(100)), RowView()
    assert len(list(view.learn(rows, 25))) == 4
    assert list(view.learn(rows, 25)) == []


async def test_a_theme_chosen_later_looks_as_one_chosen_at_the_start() -> None:
    """Lines that are kept hold their colours."""
    looks: list[list[list[object]]] = []
    for theme in ("textual-light", "textual-dark"):
        async with _table(many_pods(600), size=(100, 20)) as (app, pilot):
            app.theme = theme
            await at_rest(pilot)
            app.theme = "textual-light"
            await at_rest(pilot)
            looks.append(_drawn(app))
    assert looks[0] == looks[1]
    dark = "textual-dark"
    async with _table(many_pods(600), size=(100, 20)) as (app, pilot):
        app.theme = dark
        await at_rest(pilot)
        own = _drawn(app)
    assert all(one != other for one, other in zip(own, looks[0], strict=True))
