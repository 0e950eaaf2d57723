"""Windows of time as people write them: certain dates, hours of certain days, or from one weekday to another.

    {from: 2026-12-20, to: 2027-01-02, zone: Europe/Berlin}       both days whole
    {from: 2026-12-20 18:00, to: 2026-12-21 06:00}                UTC where no zone is named
    {days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"} `to` before `from` means the next day
    {from: fri 16:00, to: mon 07:00}                              each week

A window begins with its first moment and ends before its last. Hours are the zone's wall clock. Where a clock is put
back, an hour that is there twice belongs to the window both times: a freeze must not have a hole.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 24 * 60
WEEK_MINUTES: Final = 7 * DAY_MINUTES

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|(24):(00)")
_DATED: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2})(?::\d{2})?(Z|[+-]\d{2}:\d{2})?)?")


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A window that was understood: spans of minutes of the week in a zone, or one span between two moments."""

    zone: str = "UTC"
    weekly: tuple[tuple[int, int], ...] = ()
    """(first minute of the week from Monday 00:00, length in minutes)."""
    first: datetime | None = None
    last: datetime | None = None
    """In UTC; the window ends before it."""

    def holds(self, now: datetime) -> bool:
        """Whether the moment is within."""
        return self.end(now) is not None

    def end(self, now: datetime) -> datetime | None:
        """When the window around this moment ends, in UTC; None outside of it."""
        if self.first is not None and self.last is not None:
            return self.last if self.first <= now < self.last else None
        local = now.astimezone(ZoneInfo(self.zone))
        minute = local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute
        ends = [
            length - gone
            for start, length in self.weekly
            if (gone := (minute - start) % WEEK_MINUTES) < length
        ]
        if not ends:
            return None
        wall = local.replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=max(ends))
        return _instant(wall, self.zone, fold=1)


def parse_window(begin: str, end: str, days: tuple[str, ...], zone: str) -> Window:
    """A window from its texts. Raises ValueError, one sentence."""
    _zone(zone)
    if days:
        return Window(zone=zone, weekly=_hours_of_days(begin, end, days))
    if begin[:3].lower() in DAYS:
        start, stop = _week_minute(begin), _week_minute(end)
        return Window(
            zone=zone, weekly=((start % WEEK_MINUTES, (stop - start) % WEEK_MINUTES or WEEK_MINUTES),)
        )
    if _HOURS.fullmatch(begin):
        return Window(zone=zone, weekly=_hours_of_days(begin, end, DAYS))
    first, last = _moment(begin, zone, is_end=False), _moment(end, zone, is_end=True)
    if first >= last:
        raise ValueError(f"the window ends ({end}) before it begins ({begin})")
    return Window(zone=zone, first=first, last=last)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError) as error:
        # ZoneInfoNotFoundError is a KeyError; a folder or a path out of the database is one of these.
        raise ValueError(f"{name!r} is not a time zone; names are like Europe/Berlin") from error
    except KeyError:
        raise ValueError(f"{name!r} is not a time zone; names are like Europe/Berlin") from None


def _hours_of_days(begin: str, end: str, days: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    start, stop = _hours(begin), _hours(end)
    length = (stop - start) % DAY_MINUTES or DAY_MINUTES
    return tuple((_day(day) * DAY_MINUTES + start, length) for day in days)


def _hours(text: str) -> int:
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an hour of the day; write HH:MM from 00:00 to 24:00")
    hours, minutes = int(match[1] or match[3]), int(match[2] or match[4])
    return hours * 60 + minutes


def _day(text: str) -> int:
    if text not in DAYS:
        raise ValueError(f"{text!r} is not a day of the week; they are {', '.join(DAYS)}")
    return DAYS.index(text)


def _week_minute(text: str) -> int:
    day, _, hours = text.partition(" ")
    return _day(day.lower()) * DAY_MINUTES + _hours(hours.strip())


def _moment(text: str, zone: str, *, is_end: bool) -> datetime:
    match = _DATED.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is no moment; write 2026-12-20, 2026-12-20 18:00, or with days or as `fri 16:00` for each week"
        )
    day, hours, offset = match.groups()
    if offset:
        return datetime.fromisoformat(text.replace(" ", "T")).astimezone(UTC)
    wall = datetime.fromisoformat(f"{day}T{hours or '00:00'}")
    if is_end and not hours:
        wall += timedelta(days=1)
    return _instant(wall, zone, fold=int(is_end))


def _instant(wall: datetime, zone: str, *, fold: int) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
