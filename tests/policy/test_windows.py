"""Windows of time, at their edges and where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.policy.windows import Window, parse_window

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        (("2026-12-20", "2027-01-02", ()), "2026-12-20 00:00, 2027-01-02 23:59:59", "2026-12-19 23:59, 2027-01-03"),
        (("2026-12-20", "2026-12-20", ()), "2026-12-20 12:00", "2026-12-21"),
        (("2026-12-20 18:00", "2026-12-21 06:00", ()), "2026-12-20 18:00", "2026-12-20 17:59, 2026-12-21 06:00"),
        (("2026-12-20T18:00+02:00", "2026-12-20T18:00Z", ()), "2026-12-20 16:00", "2026-12-20 15:59, 2026-12-20 18:00"),
        (("fri 16:00", "mon 07:00", ()), "2026-11-20 16:00, 2026-11-23 06:59", "2026-11-20 15:59, 2026-11-23 07:00"),
        (("mon 00:00", "mon 00:00", ()), "2026-11-25 12:00", ""),
        (("sun 00:00", "sun 24:00", ()), "2026-11-22 23:59", "2026-11-23, 2026-11-21 23:59"),
        (("09:00", "17:00", ("mon",)), "2026-11-23 09:00", "2026-11-23 08:59, 2026-11-23 17:00, 2026-11-24 10:00"),
        (("22:00", "06:00", ("sun",)), "2026-11-22 22:00, 2026-11-23 05:59", "2026-11-22 05:00, 2026-11-23 06:00"),
        (("22:00", "06:00", ()), "2026-11-25 23:00, 2026-11-25 03:00", "2026-11-25 12:00"),
        (("00:00", "24:00", ("tue",)), "2026-11-24 00:00, 2026-11-24 23:59", "2026-11-25 00:00"),
    ],
)  # fmt: skip
def test_what_is_within(window: tuple[str, str, tuple[str, ...]], inside: str, outside: str) -> None:
    """Each form, at its first and last moment; a date alone is the whole day, as people mean it."""
    found = parse_window(*window, "UTC")
    assert all(found.holds(at(text)) for text in inside.split(", "))
    assert not any(found.holds(at(text)) for text in outside.split(", ") if text)


@pytest.mark.parametrize(
    "window",
    [("", "", ()), ("16:00", "mon 07:00", ()), ("fri", "mon", ()), ("fri 7:00", "mon 07:00", ()),
     ("2026-13-01", "2027-01-01", ()), ("2027-01-02", "2027-01-01", ()), ("09:00", "17:00", ("Mon",)),
     ("24:01", "25:00", ()), ("tomorrow", "later", ()), ("2026-12-20 24:00", "2026-12-22", ())],
)  # fmt: skip
def test_what_is_no_window_is_refused(window: tuple[str, str, tuple[str, ...]]) -> None:
    """A freeze that was misread is a freeze that does not hold."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_window(*window, "UTC")


def test_hours_are_those_of_the_zone_summer_and_winter() -> None:
    """16:00 in Berlin is 14:00 or 15:00 UTC."""
    found = parse_window("fri 16:00", "fri 17:00", (), "Europe/Berlin")
    assert found.holds(at("2026-07-03 14:30"))
    assert found.holds(at("2026-11-20 15:30"))
    assert not found.holds(at("2026-07-03 15:30"))


def test_an_hour_that_is_there_twice_is_frozen_twice() -> None:
    """Berlin, 25 October 2026: 02:30 comes at 00:30 and at 01:30 UTC."""
    hours = parse_window("02:00", "03:00", ("sun",), "Europe/Berlin")
    assert [hours.holds(at(f"2026-10-25 0{hour}:30")) for hour in range(3)] == [True, True, False]
    dated = parse_window("2026-10-25 02:30", "2026-10-25 02:45", (), "Europe/Berlin")
    assert (dated.first, dated.last) == (at("2026-10-25 00:30"), at("2026-10-25 01:45"))


def test_an_hour_that_is_skipped_does_not_end_a_freeze_early() -> None:
    """Berlin, 29 March 2026: 02:30 does not exist; the day is 23 hours long."""
    whole = parse_window("2026-03-29", "2026-03-29", (), "Europe/Berlin")
    assert (whole.first, whole.last) == (at("2026-03-28 23:00"), at("2026-03-29 22:00"))
    weekend = parse_window("sat 12:00", "mon 07:00", (), "Europe/Berlin")
    assert weekend.end(at("2026-03-28 12:00")) == at("2026-03-30 05:00")


@given(
    st.integers(0, 10_079),
    st.integers(0, 10_079),
    st.integers(0, 10_080 * 2),
    st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]),
)
def test_a_window_ends_when_it_says(start: int, stop: int, minute: int, zone: str) -> None:
    """Whoever waits for the end told in a denial must not be denied once more; clocks do not change in these weeks."""

    def text(minutes: int) -> str:
        day, rest = divmod(minutes, 24 * 60)
        return f"{('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')[day]} {rest // 60:02}:{rest % 60:02}"

    window: Window = parse_window(text(start), text(stop), (), zone)
    now = MONDAY + timedelta(minutes=minute)
    end = window.end(now)
    assert (end is not None) == window.holds(now)
    if end is not None and start != stop:
        assert now < end
        assert window.holds(end - timedelta(minutes=1))
        assert not window.holds(end)
