"""When a timetable is due, above all where the clocks change: a backup at 02:30 must run once on those nights too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from k8sops.core.errors import UsageError
from k8sops.engine.schedules.times import (
    Timetable,
    due_after,
    due_between,
    latest_between,
    next_due,
    next_five,
    timetable,
)
from k8sops.engine.schedules.words import in_words, shown

BERLIN = "Europe/Berlin"  # gap 2026-03-29 02:00 to 03:00, fold 2026-10-25 03:00 to 02:00
NEW_YORK = "America/New_York"  # gap 2026-03-08 02:00, fold 2026-11-01 02:00
LORD_HOWE = (
    "Australia/Lord_Howe"  # half an hour: fold 2026-04-05 02:00 to 01:30, gap 2026-10-04 02:00 to 02:30
)
CASABLANCA = (
    "Africa/Casablanca"  # fold 2026-02-15 03:00 to 02:00, gap 2026-03-22 02:00 to 03:00: around Ramadan
)
BEIRUT = "Asia/Beirut"  # at midnight: gap 2026-03-29 00:00 to 01:00, fold 2026-10-25 00:00 to 23:00

TABLE = [
    # A fixed time in the gap fires right after it; the days around are untouched.
    ("30 2 * * *", BERLIN, "2026-03-28T00:00+01:00", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
    ("30 2 * * *", NEW_YORK, "2026-03-07T00:00-05:00", ["03-07 07:30", "03-08 07:00", "03-09 06:30"]),
    ("15 2 * * *", LORD_HOWE, "2026-10-03T00:00+10:30", ["10-02 15:45", "10-03 15:30", "10-04 15:15"]),
    ("30 2 * * *", CASABLANCA, "2026-03-21T00:00+00:00", ["03-21 02:30", "03-22 02:00", "03-23 01:30"]),
    ("0 0 * * *", BEIRUT, "2026-03-28T00:00+02:00", ["03-28 22:00", "03-29 21:00", "03-30 21:00"]),
    ("30 2 * * *", "UTC", "2026-03-28T00:00+00:00", ["03-28 02:30", "03-29 02:30", "03-30 02:30"]),
    # Several in one gap, and the end of the gap itself, are one firing.
    ("15,45 2,3 * * *", BERLIN, "2026-03-29T00:00+01:00", ["03-29 01:00", "03-29 01:15", "03-29 01:45"]),
    ("0,30 2,3 * * *", BERLIN, "2026-03-29T00:00+01:00", ["03-29 01:00", "03-29 01:30", "03-30 00:00"]),
    # A fixed time that comes twice fires the first time only.
    ("30 2 * * *", BERLIN, "2026-10-24T00:00+02:00", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
    ("30 1 * * *", NEW_YORK, "2026-10-31T00:00-04:00", ["10-31 05:30", "11-01 05:30", "11-02 06:30"]),
    ("45 1 * * *", LORD_HOWE, "2026-04-04T00:00+11:00", ["04-03 14:45", "04-04 14:45", "04-05 15:15"]),
    ("30 2 * * *", CASABLANCA, "2026-02-14T00:00+01:00", ["02-14 01:30", "02-15 01:30", "02-16 02:30"]),
    ("30 23 * * *", BEIRUT, "2026-10-24T00:00+03:00", ["10-24 20:30", "10-25 21:30", "10-26 21:30"]),
    # From within the second pass of a fold, the times of the first pass are over.
    ("30 2 * * *", BERLIN, "2026-10-25T02:10+01:00", ["10-26 01:30", "10-27 01:30", "10-28 01:30"]),
    ("0 3 * * *", BERLIN, "2026-10-25T02:10+01:00", ["10-25 02:00", "10-26 02:00", "10-27 02:00"]),
    # Several hours a day, but not every hour: each wall-clock time once.
    ("0 */2 * * *", BERLIN, "2026-03-29T00:00+01:00", ["03-29 01:00", "03-29 02:00", "03-29 04:00"]),
    ("0 */2 * * *", BERLIN, "2026-10-25T00:00+02:00", ["10-25 00:00", "10-25 03:00", "10-25 05:00"]),
    # Every hour: by elapsed time, through gap and fold.
    ("*/30 * * * *", BERLIN, "2026-03-29T01:15+01:00", ["03-29 00:30", "03-29 01:00", "03-29 01:30"]),
    ("*/30 * * * *", BERLIN, "2026-10-25T02:15+02:00", ["10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 02:00"]),
    ("0 * * * *", NEW_YORK, "2026-11-01T00:30-04:00", ["11-01 05:00", "11-01 06:00", "11-01 07:00"]),
    ("0 * * * *", CASABLANCA, "2026-03-22T00:30+00:00", ["03-22 01:00", "03-22 02:00", "03-22 03:00"]),
    ("45 * * * *", BEIRUT, "2026-10-24T23:30+03:00", ["10-24 20:45", "10-24 21:45", "10-24 22:45"]),
    # Where the clocks move by half an hour, the full hour of the wall clock is half an hour off once.
    ("0 * * * *", LORD_HOWE, "2026-04-05T00:30+11:00", ["04-04 14:00", "04-04 15:30", "04-04 16:30"]),
    ("*/15 * * * *", LORD_HOWE, "2026-10-04T01:40+10:30", ["10-03 15:15", "10-03 15:30", "10-03 15:45"]),
    # Seconds come first of six fields.
    ("*/20 59 23 * * *", "UTC", "2026-12-31T00:00+00:00", ["12-31 23:59", "12-31 23:59:20", "12-31 23:59:40"]),
    ("@daily", "UTC", "2026-11-21T07:00+00:00", ["11-22 00:00", "11-23 00:00"]),
    ("0 0 L * *", "UTC", "2026-11-21T07:00+00:00", ["11-30 00:00", "12-31 00:00"]),
]  # fmt: skip


def _table(cron: str, zone: str = "UTC") -> Timetable:
    return timetable(cron, zone)


def _shown(due: datetime) -> str:
    return due.strftime("%m-%d %H:%M:%S").removesuffix(":00")


@pytest.mark.parametrize(("cron", "zone", "after", "expected"), TABLE)
def test_gaps_and_folds_fire_as_the_table_says(cron: str, zone: str, after: str, expected: list[str]) -> None:
    """The table is the documentation: UTC instants, one row for each rule and zone."""
    start = datetime.fromisoformat(after)

    found = [_shown(due) for due in islice(due_after(_table(cron, zone), start), len(expected))]

    assert expected == found


ZONES = st.sampled_from(
    [BERLIN, NEW_YORK, LORD_HOWE, CASABLANCA, BEIRUT, "Pacific/Apia", "America/Havana", "UTC"]
)
MINUTES = st.sampled_from(["0", "30", "59", "15,45", "*/20", "*/7", "*"])
HOURS = st.sampled_from(["*", "2", "0", "23", "1,2", "*/2", "0-5"])
STARTS = st.integers(0, 355 * 86_400).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
SPAN_H = 50


def _minutes(start: datetime, hours: int) -> list[datetime]:
    return [start.replace(second=0) + timedelta(minutes=index) for index in range(1, hours * 60)]


def _naive(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _values(field: str, most: int) -> set[int]:
    """A field by the rules of crontab(5), as far as the tests use them."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low, high = (0, most - 1) if span == "*" else (int(first), int(last or first))
        values |= set(range(low, high + 1, int(step or 1)))
    return values


def _expected_by_minute(minutes: str, hours: str, zone: ZoneInfo, start: datetime) -> list[datetime]:
    """Look at every minute there is: slow, and free of any thought about how to find a change of the clocks."""
    minute_set, hour_set = _values(minutes, 60), _values(hours, 24)

    def hit(wall: datetime) -> bool:
        return wall.minute in minute_set and wall.hour in hour_set

    expected = []
    seen = max(_naive(instant, zone) for instant in _minutes(start - timedelta(hours=26), 26))
    seen = max(seen, _naive(start.replace(second=0), zone))
    for instant in _minutes(start, SPAN_H):
        wall = _naive(instant, zone)
        passed = int((wall - seen).total_seconds() // 60)
        walls = [wall] if hours == "*" else [seen + timedelta(minutes=one) for one in range(1, passed + 1)]
        seen = max(seen, wall)
        if any(hit(one) for one in walls):
            expected.append(instant)
    return expected


@settings(max_examples=60, deadline=None)
@example("30", "2", BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC))
@example("*/7", "*", LORD_HOWE, datetime(2026, 4, 4, 0, tzinfo=UTC))
@example("*", "0-5", CASABLANCA, datetime(2026, 2, 14, 12, tzinfo=UTC))
@example("15,45", "1,2", BERLIN, datetime(2026, 10, 25, 1, 10, tzinfo=UTC))
@given(MINUTES, HOURS, ZONES, STARTS)
def test_due_instants_are_those_a_look_at_every_minute_finds(
    minutes: str, hours: str, zone: str, start: datetime
) -> None:
    """No zone, expression or starting point loses an instant or adds one."""
    cron = f"{minutes} {hours} * * *"
    expected = _expected_by_minute(minutes, hours, ZoneInfo(zone), start)

    found = due_between(_table(cron, zone), start, _minutes(start, SPAN_H)[-1], 10_000)

    assert expected == list(found)


@settings(max_examples=60, deadline=None)
@given(MINUTES, HOURS, ZONES, STARTS, st.integers(1, 40))
def test_going_on_from_any_due_instant_gives_the_same_ones(
    minutes: str, hours: str, zone: str, start: datetime, count: int
) -> None:
    """The scheduler goes from one due instant to the next, in whichever process: the chain must not depend on it."""
    table = _table(f"{minutes} {hours} * * *", zone)
    at_once = list(islice(due_after(table, start), count))

    one_by_one, after = [], start
    for _ in range(count):
        after = next_due(table, after)
        one_by_one.append(after)

    assert at_once == one_by_one


@settings(max_examples=60, deadline=None)
@given(MINUTES, HOURS, ZONES, STARTS, st.integers(0, 12), st.integers(0, 5000))
def test_the_latest_instants_are_the_end_of_the_list_of_all(
    minutes: str, hours: str, zone: str, start: datetime, count: int, length: int
) -> None:
    """Looking back in spans must not lose one at a border."""
    table, until = _table(f"{minutes} {hours} * * *", zone), start + timedelta(minutes=length)
    every = due_between(table, start, until, 100_000)

    assert every[len(every) - min(count, len(every)) :] == latest_between(table, start, until, count)


def test_a_leap_day_is_found_years_away() -> None:
    """29 February must neither be given up on nor be moved."""
    found = next_five(_table("0 12 29 2 *"), datetime(2026, 11, 21, tzinfo=UTC))

    assert [due.year for due in found] == [2028, 2032, 2036, 2040, 2044]


WRONG = [
    ("", "UTC", "0 fields"),
    ("* * * *", "UTC", "4 fields"),
    ("0 0 1 1 * 0 2026", "UTC", "7 fields"),
    ("61 * * * *", "UTC", "61"),
    ("0 24 * * *", "UTC", "24"),
    ("x * * * *", "UTC", "not valid"),
    ("*/90 * * * *", "UTC", "steps by 90"),
    ("*/0 * * * *", "UTC", "steps by 0"),
    ("R * * * *", "UTC", "differ between replicas"),
    ("0 H(1-5) * * *", "UTC", "differ between replicas"),
    ("@reboot", "UTC", "@reboot"),
    ("0 0 30 2 *", "UTC", "never fires"),
    ("0 0 31 4,6 *", "UTC", "never fires"),
    ("0 0 * * *", "Europe/Berln", "Europe/Berln"),
    ("0 0 * * *", "Europe", "time zone"),
    ("0 0 * * *", "../../etc/passwd", "time zone"),
    ("0 0 * * *", "", "time zone"),
]


@pytest.mark.parametrize(("cron", "zone", "said"), WRONG)
def test_what_cannot_be_followed_is_refused_in_one_sentence(cron: str, zone: str, said: str) -> None:
    """croniter takes some of these silently: a step of 90 minutes as hourly, R as another time in each replica."""
    with pytest.raises(UsageError) as refusal:
        timetable(cron, zone)

    assert said in refusal.value.message
    assert "\n" not in refusal.value.message


WORDS = [
    ("30 2 * * *", BERLIN, "at 02:30 every day in Europe/Berlin"),
    ("15 30 2 * * *", "UTC", "at 02:30:15 every day in UTC"),
    ("0 9 * * 1-5", "UTC", "at 09:00 every weekday in UTC"),
    ("0 9 * * mon,4", "UTC", "at 09:00 every Monday and Thursday in UTC"),
    ("0 4 1 * *", "UTC", "at 04:00 on day 1 of every month in UTC"),
    ("*/15 * * * *", "UTC", "every 15 minutes in UTC"),
    ("*/10 * * * * *", "UTC", "every 10 seconds in UTC"),
    ("* * * * *", "UTC", "every minute in UTC"),
    ("@hourly", "UTC", "every hour at minute 0 in UTC"),
    ("*/7 * * * *", "UTC", "at '*/7 * * * *' in UTC"),
    ("30 2 1 * 1", "UTC", "at '30 2 1 * 1' in UTC"),
    ("30 2,14 * * *", "UTC", "at '30 2,14 * * *' in UTC"),
]


@pytest.mark.parametrize(("cron", "zone", "words"), WORDS)
def test_a_timetable_is_echoed_in_words_that_are_true(cron: str, zone: str, words: str) -> None:
    """Who typed the fields in the wrong order sees it; what has no short name is quoted rather than guessed."""
    assert words == in_words(_table(cron, zone))


def test_shown_times_tell_the_two_sides_of_a_fold_apart() -> None:
    """02:30 alone would be shown twice that night."""
    table = _table("30 * * * *", BERLIN)
    times = shown(
        due_between(table, datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC), 5),
        table,
    )

    assert times == ("Sun 2026-10-25 02:30:00 +0200", "Sun 2026-10-25 02:30:00 +0100")
