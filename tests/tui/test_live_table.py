"""The virtual table under a pilot: what it draws, where its cursor stays, and how little it redraws."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen

from k8sops.core.tables import Row
from k8sops.tui.live_table import LiveTable
from k8sops.tui.row_table import HEADER
from tests.tui.at_rest import at_rest, until
from tests.tui.feeds import POD_COLUMNS, START, FixedClock, many_pods, pod


class TableApp(App[None]):
    """A screen that is all table."""

    CSS = "LiveTable { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.clock = FixedClock()
        self.opened: list[str] = []

    def compose(self) -> ComposeResult:
        yield LiveTable(clock=self.clock)

    def on_live_table_opened(self, message: LiveTable.Opened) -> None:
        self.opened.append(message.row.name)

    @property
    def table(self) -> LiveTable:
        return self.query_one(LiveTable)

    def show(self, rows: list[Row], *, with_namespace: bool = False) -> None:
        """Give the table these rows."""
        self.table.show(POD_COLUMNS, rows, with_namespace=with_namespace)

    def lines(self) -> list[str]:
        """What the viewport says, line by line."""
        return [self.table.render_line(y).text.rstrip() for y in range(self.table.size.height)]


@asynccontextmanager
async def _table(
    rows: list[Row], size: tuple[int, int] = (100, 12)
) -> AsyncIterator[tuple[TableApp, Pilot[None]]]:
    app = TableApp()
    async with app.run_test(size=size) as pilot:
        app.table.focus()
        app.show(rows)
        await pilot.pause()
        yield app, pilot


def _selected(app: TableApp) -> str:
    row = app.table.selected_row
    assert row is not None
    return row.name


ABC = [pod("a"), pod("b"), pod("c")]


async def test_rows_stand_under_the_servers_columns() -> None:
    """The table is kubectl's, with a sign before each status."""
    async with _table([pod("web-0", age_s=90)]) as (app, _):
        header, row = app.lines()[:2]
        assert header.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        assert row.split() == ["▌web-0", "1/1", "✓", "Running", "0", "90s"]


async def test_markup_in_a_cell_is_text() -> None:
    """A status of `[b]odd[/b]` is an object's business, not the screen's."""
    async with _table([pod("web-0", status="[b]odd[/b]")]) as (app, _):
        assert "[b]odd[/b]" in app.lines()[1]


async def test_the_cursor_stays_on_its_object_when_rows_come_and_go_above_it() -> None:
    """Acting on the wrong object because a line moved is the worst a live table can do."""
    async with _table(ABC) as (app, pilot):
        await pilot.press("j")
        assert _selected(app) == "b"
        app.show([pod("0"), *ABC])
        assert _selected(app) == "b"
        app.show(ABC[1:])
        assert _selected(app) == "b"


async def test_a_new_object_of_the_same_name_is_another_object() -> None:
    """A recreated pod has another uid: the cursor must not pretend it is the one chosen."""
    async with _table(ABC) as (app, pilot):
        await pilot.press("j")
        app.show([pod("a"), pod("a-new", uid="other"), pod("b"), pod("c")])
        assert _selected(app) == "b"


async def test_when_the_selected_object_is_deleted_its_neighbour_is_selected() -> None:
    """The cursor stays where the eye is."""
    async with _table(ABC) as (app, pilot):
        await pilot.press("j")
        app.show([ABC[0], ABC[2]])
        assert _selected(app) == "c"


async def test_until_it_is_moved_the_cursor_rests_at_the_top() -> None:
    """While pages arrive in any order, the screen must not run away."""
    async with _table([pod("m")]) as (app, _):
        app.show([pod("a"), pod("m"), pod("z")])
        assert _selected(app) == "a"
        assert app.table.scroll_offset.y == 0


async def test_a_filter_that_hides_the_selected_object_gives_it_back() -> None:
    """Looking at something else for a moment should not lose the place."""
    async with _table(ABC) as (app, pilot):
        await pilot.press("G")
        app.table.set_filter("a")
        assert _selected(app) == "a"
        app.table.set_filter("")
        assert _selected(app) == "c"


async def test_what_a_filter_found_stays_selected_when_the_filter_goes() -> None:
    """It was looked at: the next key must not act on whatever happens to stand first."""
    async with _table(ABC) as (app, _):
        app.table.set_filter("[bc]")
        app.table.set_filter("[b-c]")
        assert _selected(app) == "b"
        app.table.set_filter("")
        assert _selected(app) == "b"


async def test_sorting_keeps_the_selected_object() -> None:
    """Order is a way of looking, not a choice of object."""
    rows = [pod("a", restarts="3"), pod("b", restarts="20"), pod("c", restarts="1")]
    async with _table(rows) as (app, pilot):
        await pilot.press("j")
        app.table.sort_by("RESTARTS", reverse=True)
        assert [row.name for row in app.table.shown] == ["b", "a", "c"]
        assert _selected(app) == "b"
        assert app.lines()[1].startswith("▌b")


async def test_rows_without_a_value_stay_last_in_both_orders() -> None:
    """Sorting by IP is asked to find addresses, not their absence."""
    async with _table([pod("a", ip="<none>"), pod("b", ip="10.0.0.10"), pod("c", ip="10.0.0.9")]) as (app, _):
        app.table.wide = True
        app.table.sort_by("IP")
        assert [row.name for row in app.table.shown] == ["c", "b", "a"]
        app.table.sort_by("IP", reverse=True)
        assert [row.name for row in app.table.shown] == ["b", "c", "a"]


async def test_sorting_by_age_goes_by_creation_and_is_stable() -> None:
    """A printed age is rounded; two of equal age keep the server's order."""
    rows = [pod("a", age_s=5000), pod("b", age_s=4999), pod("c", age_s=5000)]
    async with _table(rows) as (app, _):
        app.table.sort_by("AGE")
        assert [row.name for row in app.table.shown] == ["b", "a", "c"]


async def test_keys_choose_the_sort_column_and_turn_it_round() -> None:
    """Past the last column lies the server's own order again."""
    async with _table(ABC) as (app, pilot):
        await pilot.press("N")
        assert app.table.order == ("NAME", False)
        await pilot.press("N")
        assert app.table.order == ("NAME", True)
        await pilot.press("less_than_sign")
        assert app.table.order == ("", True)
        await pilot.press("less_than_sign")
        assert app.table.order == ("AGE", True)


async def test_ages_grow_with_the_clock_and_redraw_only_lines_that_read_differently() -> None:
    """Every byte counts over SSH: a second passing changes one age out of two here."""
    async with _table([pod("a", age_s=50), pod("b", age_s=50 * 86400)]) as (app, pilot):
        app.clock.forward(3)
        redrawn = _redraws(app)
        app.table.tick()
        assert redrawn == [1]
        await pilot.pause()
        assert app.lines()[1].split()[-1] == "53s"


async def test_when_a_container_last_restarted_counts_on_as_an_age_does() -> None:
    """`5m ago` that stands still for an hour sends one looking for a crash that is long over."""
    quiet = pod("b", age_s=50 * 86400)
    crashed = msgspec.structs.replace(pod("a", restarts="3 (50s ago)", age_s=50 * 86400), read_at=START)
    async with _table([crashed, quiet]) as (app, _):
        assert "3 (50s ago)" in app.lines()[1]
        app.clock.forward(8)
        redrawn = _redraws(app)
        app.table.tick()
        assert redrawn == [1]
        assert "3 (58s ago)" in app.lines()[1]
        app.clock.forward(69)
        app.table.tick()
        assert "3 (2m7s ago)" in app.lines()[1], "the column grows with it"


async def test_of_equal_restart_counts_the_one_of_now_is_the_greater_trouble() -> None:
    """`3s ago` as it was printed an hour ago is no longer the latest."""
    before = msgspec.structs.replace(pod("before", restarts="5 (3s ago)"), read_at=START)
    now = msgspec.structs.replace(pod("now", restarts="5 (2m ago)"), read_at=START + timedelta(hours=1))
    async with _table([before, now, pod("calm")]) as (app, _):
        app.table.sort_by("RESTARTS", reverse=True)
        assert [row.name for row in app.table.shown] == ["now", "before", "calm"]


async def test_an_update_redraws_only_the_rows_that_changed() -> None:
    """A thousand updates a second over ten thousand rows must not repaint the screen."""
    rows = many_pods(1000)
    async with _table(rows) as (app, pilot):
        redrawn = _redraws(app)
        changed = msgspec.structs.replace(rows[2], cells=("x", *rows[2].cells[1:]))
        app.show([*rows[:2], changed, *rows[3:]])
        assert redrawn == [3]
        await pilot.pause()
        redrawn.clear()
        app.show([*rows[:2], changed, *rows[3:-1], pod("far-away")])
        assert redrawn == []


def _redraws(app: TableApp) -> list[int]:
    """Lines asked to be redrawn from now on; -1 for everything."""
    lines: list[int] = []
    refresh = app.table.refresh

    def noted(
        *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> LiveTable:
        lines.extend([region.y for region in regions] or [-1])
        refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return app.table

    app.table.refresh = noted  # type: ignore[method-assign]
    return lines


async def test_scrolling_follows_the_cursor_to_either_end() -> None:
    """Ten thousand rows: the ends are one key away and the last line is really the last row."""
    rows = many_pods(10_000)
    async with _table(rows) as (app, pilot):
        await pilot.press("G")
        assert _selected(app) == rows[-1].name
        assert app.lines()[-1].startswith("▌")
        await pilot.press("ctrl+u")
        assert _selected(app) == rows[-1 - 11].name
        await pilot.press("g")
        assert app.lines()[1].startswith("▌")


async def test_rows_inserted_above_do_not_move_what_is_being_read() -> None:
    """The line under the eye stays under the eye."""
    rows = many_pods(200)
    async with _table(rows) as (app, pilot):
        for _ in range(5):
            await pilot.press("ctrl+f")
        before = app.lines()
        app.show([*many_pods(200)[:1], *rows])
        app.show([pod("aaa"), pod("aab"), *rows])
        await pilot.pause()
        assert app.lines() == before


async def test_all_columns_fit_eighty_cells_by_shortening_names() -> None:
    """AGE is at the right end, and needed."""
    async with _table(many_pods(50), size=(80, 24)) as (app, _):
        app.show(many_pods(50), with_namespace=True)
        assert app.lines()[0].split()[-1] == "AGE"
        assert "…" in app.lines()[1]


async def test_wide_columns_are_reached_by_scrolling_sideways() -> None:
    """The cursor's mark stays in sight while the line moves under it."""
    async with _table(many_pods(50), size=(60, 10)) as (app, pilot):
        await pilot.press("ctrl+w")
        assert app.lines()[0].endswith("›")
        for _ in range(12):
            await pilot.press("right")
        assert app.lines()[0].split()[-1] == "NODE"
        assert app.lines()[1].startswith("▌")


async def test_a_click_selects_a_double_click_opens_and_a_header_sorts() -> None:
    """All of it works without a keyboard."""
    async with _table(ABC) as (app, pilot):
        await pilot.click(LiveTable, offset=(3, 2))
        assert _selected(app) == "b"
        await pilot.click(LiveTable, offset=(3, 3), times=2)
        assert app.opened == ["c"]
        await pilot.click(LiveTable, offset=(3, 0))
        assert app.table.order == ("NAME", False)
        await pilot.click(LiveTable, offset=(3, 0))
        assert app.table.order == ("NAME", True)


async def test_the_wheel_scrolls_and_leaves_the_cursor_on_its_object() -> None:
    """Looking further down is no choice of another object."""
    rows = many_pods(200)
    async with _table(rows) as (app, pilot):
        for _ in range(3):
            await pilot._post_mouse_events([MouseScrollDown], LiveTable, offset=(5, 5))
        await pilot.pause()
        assert app.table.scroll_offset.y > 0
        assert _selected(app) == rows[0].name
        await pilot.press("j")
        assert app.table.scroll_offset.y <= 1


async def test_a_terminal_made_smaller_keeps_the_cursor_in_sight() -> None:
    """A split pane must not hide what is selected."""
    async with _table(many_pods(50), size=(100, 40)) as (app, pilot):
        for _ in range(30):
            await pilot.press("j")
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert any(line.startswith("▌") for line in app.lines())


async def test_enter_opens_the_selected_row_and_nothing_where_there_is_none() -> None:
    """An empty table has nothing to open."""
    async with _table(ABC) as (app, pilot):
        await pilot.press("j", "enter")
        assert app.opened == ["b"]
        app.table.set_filter("nothing like it")
        await pilot.press("enter")
        assert app.opened == ["b"]


async def test_an_empty_table_says_why() -> None:
    """A blank screen leaves open whether something is broken."""
    async with _table([]) as (app, _):
        app.table.placeholder = "There are no pods in namespace shop."
        assert app.lines()[2].strip() == "There are no pods in namespace shop."


async def test_a_filters_letters_lay_the_screen_out_anew_only_where_the_scrollbar_comes_or_goes() -> None:
    """On a full screen a layout is most of what a keystroke costs, and what a table holds does not move it."""
    async with _table(many_pods(600), size=(100, 20)) as (app, pilot):
        layouts: list[Screen[object]] = []
        app.screen.screen_layout_refresh_signal.subscribe(app.table, layouts.append)
        for text in ("w", "crash", "crashloop", "web-000"):
            app.table.set_filter(text)
            await at_rest(pilot)
            assert app.table.vertical_scrollbar.window_virtual_size == len(app.table.shown) + HEADER
        assert layouts == []
        app.table.set_filter("web-00001")
        await at_rest(pilot)
        assert layouts
        assert not app.table.show_vertical_scrollbar
        app.table.set_filter("")
        await until(pilot, lambda: app.table.show_vertical_scrollbar)


async def test_a_filter_typed_far_down_shows_what_it_finds() -> None:
    """Rows scrolled away with nothing left below them would be an empty table that says it found some."""
    async with _table(many_pods(600), size=(100, 20)) as (app, pilot):
        await pilot.press("G")
        await until(pilot, lambda: app.table.scroll_offset.y == 600 + HEADER - 20)
        app.table.set_filter("web-0002")
        await until(pilot, lambda: app.table.scroll_offset.y == 0)
        assert app.lines()[1].split()[0].lstrip("▌").startswith("web-0002")


async def test_a_filter_that_is_made_ready_holds_up_nobody() -> None:
    """Texts of very many rows are made between keys."""
    async with _table(many_pods(5000)) as (app, pilot):
        turns = 0
        app.table.prepare_filter()
        (worker,) = app.workers
        while not worker.is_finished:
            turns += 1
            await asyncio.sleep(0)
        assert turns >= 5000 // 250
        app.table.set_filter("web-04999")
        await pilot.pause()
        assert _selected(app).startswith("web-04999")
