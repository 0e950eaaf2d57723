"""A timetable in a person's words, echoed when a schedule is made, so that a slip in the cron expression is seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from k8sops.engine.schedules.times import Timetable

_WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT: Final = {day[:3].lower(): day for day in _WEEKDAYS}
_EVERY: Final = re.compile(r"\*/(\d+)")


def in_words(table: Timetable) -> str:
    """Such as `at 02:30 every day in Europe/Berlin`; an expression with no short name is quoted as it is."""
    fields = table.cron.split(" ")
    second = fields.pop(0) if len(fields) == 6 else "0"
    said = _said(second, *fields)
    return f"{said} in {table.zone}" if said else f"at '{table.cron}' in {table.zone}"


def shown(instants: Sequence[datetime], table: Timetable) -> tuple[str, ...]:
    """Due instants as the zone's wall clock reads them, with the offset that tells the two sides of a change apart."""
    zone = ZoneInfo(table.zone)
    return tuple(instant.astimezone(zone).strftime("%a %Y-%m-%d %H:%M:%S %z") for instant in instants)


def _said(second: str, minute: str, hour: str, day: str, month: str, weekday: str) -> str:
    if (hour, day, month, weekday) == ("*", "*", "*", "*"):
        return _within_the_hour(second, minute)
    if not (minute.isdecimal() and hour.isdecimal() and second.isdecimal() and month == "*"):
        return ""
    clock = f"at {int(hour):02}:{int(minute):02}" + (f":{int(second):02}" if int(second) else "")
    if (day, weekday) == ("*", "*"):
        return f"{clock} every day"
    if day == "*":
        names = _days(weekday)
        return f"{clock} every {names}" if names else ""
    if weekday == "*" and day.isdecimal():
        return f"{clock} on day {day} of every month"
    return ""


def _within_the_hour(second: str, minute: str) -> str:
    said = ""
    if minute == "*":
        said = "every minute" if second == "0" else _steps(second, "second")
    elif second == "0" and minute.isdecimal():
        said = f"every hour at minute {int(minute)}"
    elif second == "0":
        said = _steps(minute, "minute")
    return said


def _steps(field: str, unit: str) -> str:
    if field == "*":
        return f"every {unit}"
    step = _EVERY.fullmatch(field)
    # A step that does not divide the hour starts again at each full one: calling that "every 7 minutes" would be wrong.
    return f"every {step[1]} {unit}s" if step and 60 % int(step[1]) == 0 else ""


def _days(field: str) -> str:
    if field.lower() in {"1-5", "mon-fri"}:
        return "weekday"
    names = [_SHORT.get(one.lower()) or _numbered(one) for one in field.split(",")]
    return " and ".join(names) if all(names) else ""


def _numbered(day: str) -> str:
    return _WEEKDAYS[int(day)] if re.fullmatch("[0-7]", day) else ""
