"""A storm of events told in little room."""

from __future__ import annotations

from typing import Any

from k8sops.actions.collecting.gathering import Window
from k8sops.actions.collecting.sources.event_digest import EventDigest, span_of
from k8sops.core.logs import SECOND_NS, stamp_ns
from k8sops.core.plan import JsonObject

NOON = stamp_ns("2026-11-22T12:00:00Z")
HOUR = Window(NOON, NOON + 3600 * SECOND_NS)


def event(number: int, at: str, *, kind: str = "Normal", **more: Any) -> JsonObject:
    """An Event as the API server has it."""
    return {
        "metadata": {"uid": f"{number:08}", "creationTimestamp": at},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": f"web-{number}"},
        "type": kind,
        "reason": "BackOff",
        "message": "Back-off restarting failed container",
        "firstTimestamp": at,
        "lastTimestamp": at,
        **more,
    }


def test_of_a_storm_the_newest_are_kept_and_the_rest_is_told_by_reason() -> None:
    """A hundred thousand events are an ordinary hour of a large cluster in trouble."""
    digest = EventDigest(HOUR, most=50)
    for number in range(3000):
        at = f"2026-11-22T12:{number // 60:02}:{number % 60:02}Z"
        assert digest.take(event(number, at, kind="Warning"))
    text = digest.text()
    assert text.startswith("The newest 50 of 3000 events")
    assert "web-2999" in text
    assert "web-2949" not in text
    *told, crowd = digest.moments("Namespace shop")
    assert len(told) == 50
    assert (crowd.count, crowd.bad, crowd.subject) == (2950, True, "Namespace shop")
    assert (crowd.at_ns, crowd.until_ns) == (NOON + 50 * SECOND_NS, NOON + 2999 * SECOND_NS)


def test_the_table_is_by_time_whatever_the_order_of_the_list() -> None:
    """The API server lists by name."""
    digest = EventDigest(HOUR, most=10)
    for number, minute in ((1, 30), (2, 10), (3, 20)):
        digest.take(event(number, f"2026-11-22T12:{minute}:00Z"))
    rows = digest.text().splitlines()[1:]
    assert [row.split()[3] for row in rows] == ["Pod/web-2", "Pod/web-3", "Pod/web-1"]


def test_an_event_that_goes_on_into_the_window_is_part_of_it() -> None:
    """It began before the incident that is looked at, and was told again in it."""
    digest = EventDigest(HOUR, most=10)
    before, within = "2026-11-22T11:00:00Z", "2026-11-22T12:30:00Z"
    assert digest.take(event(1, before, lastTimestamp=within, count=7))
    assert not digest.take(event(2, before))
    assert not digest.take(event(3, "2026-11-22T13:30:00Z"))
    (moment,) = digest.moments("Namespace shop")
    assert moment.count == 7


def test_both_forms_of_an_event_say_when() -> None:
    """A series has no first and last timestamp, and one without any time has at least been made."""
    series = {"count": 3, "lastObservedTime": "2026-11-22T12:00:05.000001Z"}
    new = event(1, "2026-11-22T11:59:00Z", firstTimestamp=None, lastTimestamp=None)
    new |= {"eventTime": "2026-11-22T12:00:00.000001Z", "series": series}
    assert span_of(new) == (NOON + 1000, NOON + 5 * SECOND_NS + 1000)
    bare = event(1, "2026-11-22T12:00:00Z", firstTimestamp=None, lastTimestamp=None)
    assert span_of(bare) == (NOON, NOON)
