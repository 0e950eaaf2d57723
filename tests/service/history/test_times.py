"""Time and ids of a history: told by the script alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from k8sops.core.clock import UlidSource
from k8sops.service.history.moments import NightShift
from k8sops.service.history.script import SCRIPT
from k8sops.service.history.times import BEGINS, MORNING, StoryClock, StoryIds, last_midnight


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        (datetime(2026, 5, 4, 6, 0, tzinfo=UTC), datetime(2026, 5, 4, tzinfo=UTC)),
        (datetime(2026, 5, 4, 5, 59, 59, tzinfo=UTC), datetime(2026, 5, 3, tzinfo=UTC)),
        (datetime(2026, 5, 4, 23, 59, tzinfo=UTC), datetime(2026, 5, 4, tzinfo=UTC)),
    ],
)
def test_a_history_is_over_when_it_is_made(now: datetime, midnight: datetime) -> None:
    """A run that was proposed in the future would be shown with an age below zero, and its approval last too long."""
    assert last_midnight(now) == midnight
    assert last_midnight(now) + MORNING <= now


def test_moments_come_in_order_and_end_before_the_morning() -> None:
    """A chain whose times go back would look as if somebody had put records in."""
    times = [moment.at for moment in SCRIPT]
    assert times == sorted(times)
    assert times[0] >= BEGINS
    ends = [moment.until if isinstance(moment, NightShift) else moment.at for moment in SCRIPT]
    assert max(ends) < MORNING
    assert len({moment.name for moment in SCRIPT}) == len(SCRIPT)


def test_time_passes_by_the_script_and_by_commits_alone() -> None:
    """How often a carrier reads the clock differs from one time to the next."""
    clock = StoryClock(datetime(2026, 5, 4, tzinfo=UTC))
    clock.begin(timedelta(hours=2), timedelta(seconds=5))
    assert clock.now() == clock.now() == datetime(2026, 5, 4, 2, tzinfo=UTC)
    for boundary in ("before:step.done", "after:heartbeat", "after:progress"):
        clock.committed(boundary)
    assert clock.now() == datetime(2026, 5, 4, 2, tzinfo=UTC)
    clock.committed("after:step.done")
    assert clock.now() == datetime(2026, 5, 4, 2, 0, 5, tzinfo=UTC)


def test_the_clock_never_goes_back() -> None:
    """A moment whose run took long pushes the next one on."""
    clock = StoryClock(datetime(2026, 5, 4, tzinfo=UTC))
    clock.begin(timedelta(hours=2), timedelta(hours=1))
    clock.committed("after:step.done")
    clock.begin(timedelta(hours=2, minutes=30))
    assert clock.now() == datetime(2026, 5, 4, 3, tzinfo=UTC)


def test_ids_are_the_same_each_time_and_sort_by_their_moment() -> None:
    """Runs are listed by id, newest first."""

    def some(moment: str, hours: int) -> list[str]:
        ids = StoryIds()
        ids.begin(moment, timedelta(hours=hours))
        return [ids.new() for _ in range(3)]

    first, later = some("first", -10), some("later", 2)
    assert first == some("first", -10)
    assert [*first, *later] == sorted({*first, *later})
    assert {len(one) for one in first} == {26}
    assert later[-1] < UlidSource().new()
