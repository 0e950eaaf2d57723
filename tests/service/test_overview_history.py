"""Restarts and warnings of the last hour, counted from rows alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from k8sops.core.overview import Gauge
from k8sops.core.tables import Column, Row
from k8sops.service.overview_history import BUCKETS, Restarts, Warnings, duration, last_hour

NOW = datetime(2026, 11, 22, 12, 2, tzinfo=UTC)
PODS = tuple(Column(name=name) for name in ("Name", "Ready", "Status", "Restarts"))
EVENTS = tuple(Column(name=name) for name in ("Last Seen", "Type", "First Seen", "Count"))


def _row(uid: str, *cells: str) -> Row:
    return Row(uid=uid, name=uid, namespace="shop", cells=cells, created=NOW, labels={})


def _pod(uid: str, restarts: str) -> Row:
    return _row(uid, uid, "1/1", "Running", restarts)


def test_the_last_restart_of_a_pod_counts_where_it_was_and_later_ones_when_they_are_seen() -> None:
    """Twelve restarts since last week are not twelve of this hour."""
    restarts = Restarts()
    crashing = _pod("a", "12 (7m ago)")
    restarts.see(PODS, [crashing, _pod("b", "0"), _pod("c", "3 (5h ago)"), _pod("d", "2")], NOW)
    counts = restarts.hour.counts(NOW)
    assert len(counts) == BUCKETS
    assert (sum(counts), counts[-2]) == (1, 1)
    restarts.see(PODS, [crashing], NOW + timedelta(minutes=1))
    assert sum(restarts.hour.counts(NOW)) == 1, "a row that has not changed is no news"
    restarts.see(PODS, [_pod("a", "14 (30s ago)"), _pod("b", "1 (2s ago)")], NOW)
    assert restarts.hour.counts(NOW)[-1] == 3
    assert sum(restarts.hour.counts(NOW + timedelta(hours=2))) == 0


def test_a_warning_that_came_often_is_spread_over_its_time_and_counted_on_from_there() -> None:
    """An event of forty times in twenty minutes is no single moment."""
    warnings = Warnings()
    warnings.see(
        EVENTS, [_row("e", "2m", "Warning", "22m", "40"), _row("f", "1m", "Warning", "1m", "1")], NOW
    )
    counts = warnings.hour.counts(NOW)
    assert sum(counts) == 41
    assert max(counts) < 20
    warnings.see(EVENTS, [_row("e", "0s", "Warning", "22m", "43")], NOW)
    assert sum(warnings.hour.counts(NOW)) == 44
    warnings.see(EVENTS, [_row("g", "<unknown>", "Warning", "<unknown>", "")], NOW)
    assert sum(warnings.hour.counts(NOW)) == 45


def test_a_table_without_the_columns_is_told_nothing_of() -> None:
    """Somebody's own kind may be called pods."""
    restarts = Restarts()
    restarts.see(EVENTS, [_row("e", "2m")], NOW)
    assert sum(restarts.hour.counts(NOW)) == 0


def test_spans_are_read_as_the_server_prints_them() -> None:
    """`3h12m` and `5d` come from the same printer."""
    assert duration("3h12m") == timedelta(hours=3, minutes=12)
    assert duration("5d") == timedelta(days=5)
    assert duration("<unknown>") is None


def test_what_may_not_be_read_is_said_and_the_rest_is_told() -> None:
    """Somebody who may not list events still sees restarts."""
    tile = last_hour((0,) * 11 + (2,), None, ["not permitted: list events"])
    assert (tile.gauge, tile.text) == (Gauge.WARN, "2 restarts; not permitted: list events")
    assert [one.name for one in tile.series] == ["restarts"]
    assert last_hour((3,) + (0,) * 11, (0,) * 12, []).gauge is Gauge.OK
    assert last_hour(None, None, ["not permitted: list pods"]).gauge is Gauge.DENIED
