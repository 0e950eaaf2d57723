"""The table of events, newest first, though each says only once how long ago it was."""

from __future__ import annotations

from datetime import datetime

from k8sops.core.tables import Column, Row
from tests.tui.feeds import START
from tests.tui.test_live_table import TableApp, _table

COLUMNS = tuple(Column(name=name) for name in ("Last Seen", "Type", "Reason", "Object", "Message"))


def _event(name: str, seen: str, read_at: datetime = START) -> Row:
    cells = (seen, "Warning", "BackOff", f"pod/{name}", "Back-off restarting")
    return Row(uid=name, name=name, namespace="shop", cells=cells, created=None, labels={}, read_at=read_at)


def _shown(app: TableApp, *rows: Row) -> list[str]:
    app.table.show(COLUMNS, rows, with_namespace=False)
    return [row.name for row in app.table.shown]


async def test_events_stand_newest_first_until_another_order_is_chosen() -> None:
    """What happened last is what one opens them for; by name they come in no order at all."""
    async with _table([]) as (app, pilot):
        app.table.clear()
        old, new, middle = _event("a", "5m12s"), _event("b", "3s"), _event("c", "60s")
        assert _shown(app, old, new, middle) == ["b", "c", "a"]
        assert app.table.order == ("LAST SEEN", False)
        await pilot.press("A")
        assert _shown(app, old, new, middle) == ["a", "c", "b"]
        app.table.sort_by("")
        assert _shown(app, old, new, middle) == ["a", "b", "c"]


async def test_an_event_that_comes_later_is_newer_than_what_was_seconds_old_before() -> None:
    """The API server prints `3s` once; an hour later that line still says so."""
    async with _table([]) as (app, _):
        app.table.clear()
        before = _event("before", "3s")
        _shown(app, before)
        app.clock.forward(3600)
        late = _event("late", "2m", app.clock.now())
        assert _shown(app, before, late) == ["late", "before"]
        assert [line[1:].split()[0] for line in app.lines()[1:3]] == ["2m", "60m"]
        app.clock.forward(90)
        app.table.tick()
        assert [line[1:].split()[0] for line in app.lines()[1:3]] == ["3m30s", "61m"]
