"""What a schedule does after the worker was away: the missed-firing policy, without any store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.engine.schedules.due import Fire, NotYet, Skip, turn
from k8sops.engine.schedules.spec import ScheduleSpec, jitter
from k8sops.engine.schedules.times import due_between
from tests.engine.schedules.stage import a_spec

START = datetime(2026, 11, 21, tzinfo=UTC)


def _hourly(**fields: Any) -> ScheduleSpec:
    return a_spec(**{"cron": "0 * * * *", "now": START, "grace_s": 60, **fields})


def _all_turns(
    spec: ScheduleSpec, first: datetime, now: datetime
) -> tuple[list[datetime], list[Skip], datetime]:
    """Take turns until nothing is due: what fired, what was skipped, and what comes next."""
    fired, skipped, following = [], [], first
    while not isinstance(decided := turn(spec, following, now), NotYet):
        if isinstance(decided, Fire):
            fired.append(decided.due)
        else:
            skipped.append(decided)
        assert decided.next_due is not None
        assert decided.next_due > following
        following = decided.next_due
    return fired, skipped, following


def test_nothing_happens_before_the_time_and_a_firing_in_good_time_is_no_late_one() -> None:
    """Jitter belongs to the time: before it has passed there is nothing to do."""
    spec = _hourly(jitter_s=1200)
    goes_out = START + jitter(spec, START)

    assert isinstance(turn(spec, START, goes_out - timedelta(milliseconds=1)), NotYet)
    assert turn(spec, START, goes_out) == Fire(due=START, next_due=START + timedelta(hours=1))


@pytest.mark.parametrize(
    ("missed", "fired"),
    [("skip", []), ("once", [8]), ("catch_up(3)", [6, 7, 8]), ("catch_up(50)", list(range(9)))],
)
def test_after_a_night_away_the_policy_says_how_many_are_made_up(missed: str, fired: list[int]) -> None:
    """The latest are made up, not the oldest: what they would have done is still of use."""
    found, _, following = _all_turns(_hourly(missed=missed), START, START + timedelta(hours=8, minutes=30))

    assert [START + timedelta(hours=hour) for hour in fired] == found
    assert following == START + timedelta(hours=9)


def test_what_is_skipped_is_told_once_with_count_and_span() -> None:
    """A schedule of every second must not fill the ledger after a night away."""
    spec = a_spec(cron="* * * * * *", missed="once", now=START)

    fired, skipped, _ = _all_turns(spec, START, START + timedelta(hours=8))

    assert len(skipped) == 1
    assert "1000 or more firings from 2026-11-21 00:00:00 UTC" in skipped[0].why
    # One made up for, and those of the last minute, which are within the grace.
    assert len(fired) == 1 + 61


def test_a_skip_names_its_span_and_its_policy() -> None:
    """Whoever asks in the morning why nothing ran reads it there."""
    _, skipped, _ = _all_turns(_hourly(missed="skip"), START, START + timedelta(hours=3, minutes=10))

    assert [skip.why for skip in skipped] == [
        "4 firings from 2026-11-21 00:00:00 UTC to 2026-11-21 03:00:00 UTC were missed; the policy is skip"
    ]


def test_a_firing_whose_jitter_still_runs_has_not_been_missed() -> None:
    """Its due instant is long past the grace, the moment it goes out is not."""
    spec = next(
        found
        for index in range(100)
        if jitter(found := _hourly(name=f"j{index}", jitter_s=3000), START + timedelta(hours=3))
        > timedelta(minutes=30)
    )
    now = START + timedelta(hours=3, minutes=20)

    fired, skipped, following = _all_turns(spec, START, now)

    assert fired == []
    assert len(skipped) == 1
    assert following == START + timedelta(hours=3)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["* * * * *", "*/7 * * * *", "0 */5 * * *", "30 2 * * *"]),
    st.sampled_from(["skip", "once", "catch_up(2)", "catch_up(30)"]),
    st.sampled_from([0, 30, 60]),
    st.integers(0, 100_000),
)
def test_every_due_instant_is_fired_or_accounted_for_exactly_once(
    cron: str, missed: str, jitter_s: int, away_s: int
) -> None:
    """However long the worker was away: fired ones and skipped spans together are the timetable, without overlap."""
    spec = a_spec(cron=cron, missed=missed, jitter_s=jitter_s, now=START)
    first, now = (
        due_between(spec.timetable, START, START + timedelta(days=2), 1)[0],
        START + timedelta(seconds=away_s),
    )

    fired, skipped, following = _all_turns(spec, first, now)

    every = due_between(spec.timetable, START, following - timedelta(seconds=1), 100_000)
    in_spans = [due for due in every for skip in skipped if skip.due <= due < (skip.next_due or now)]
    assert sorted([*fired, *in_spans]) == list(every)
    late = [due for due in fired if due + jitter(spec, due) < now - timedelta(seconds=spec.grace_s)]
    assert len(late) <= spec.made_up
    assert len(skipped) <= 1
