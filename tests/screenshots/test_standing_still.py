"""Time and ids on the stage: the same at every look."""

from __future__ import annotations

from datetime import UTC, datetime

from screenshots.standing_still import StillClock, StillIds, event_times, pod_times

MOMENT = datetime(2026, 11, 21, 9, 20, tzinfo=UTC)


def test_clock_and_ids_are_the_same_each_time() -> None:
    """A plan's id is on its screen, and every age is told against the clock."""
    assert StillClock(MOMENT).now() == MOMENT
    first, again = StillIds(MOMENT), StillIds(MOMENT)
    ids = [first.new(), first.new()]
    assert ids == [again.new(), again.new()]
    assert len(set(ids)) == 2


def test_a_pod_tells_its_last_restart() -> None:
    """The latest end of any container, and nothing where none has ended."""
    ends = ("2026-11-21T09:18:00Z", "2026-11-21T09:19:00Z")
    statuses = [{"lastState": {"terminated": {"finishedAt": end}}} for end in ends]
    assert pod_times({"status": {"containerStatuses": statuses}}) == {
        "Restarts": datetime(2026, 11, 21, 9, 19, tzinfo=UTC)
    }
    assert pod_times({"status": {"containerStatuses": [{"lastState": {}}]}}) == {}
    assert pod_times({"status": {}}) == {}


def test_an_event_tells_its_first_and_last_time_in_either_version() -> None:
    """The older version counts in its own fields, the newer one in a series."""
    first, last = "2026-11-21T09:10:00Z", "2026-11-21T09:19:00Z"
    known = {name: datetime.fromisoformat(at) for name, at in (("First Seen", first), ("Last Seen", last))}
    assert event_times({"firstTimestamp": first, "lastTimestamp": last, "eventTime": None}) == known
    assert event_times({"eventTime": first, "series": {"lastObservedTime": last}}) == known
