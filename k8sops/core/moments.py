"""Moments and spans of time as people type them: `2h`, `7d`, `2026-11-21`, `2026-11-21T03:00:00Z`.

Everything without a time zone is UTC, as everything printed is. A span alone means that long ago.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from k8sops.core.errors import UsageError

_SPAN: Final = re.compile(r"(?:(\d{1,4})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,8})s)?")
_FORMS: Final = "2h, 7d, 2026-11-21, or 2026-11-21T03:00:00Z"


def parse_span(text: str, flag: str) -> timedelta:
    """A length of time from `90s`, `30m`, `2h`, `7d`, `2w` or several of these together; longer than nothing.

    Raises UsageError naming the flag.
    """
    found = _span(text)
    if found is None or not found:
        raise UsageError(f"{flag} {text!r} is no length of time", hint="write it as in 30m, 2h, 7d or 2w")
    return found


def parse_moment(text: str, now: datetime, flag: str) -> datetime:
    """A moment: a date, a date with time (RFC 3339), or a span before `now`. Raises UsageError naming the flag."""
    span = _span(text)
    if span is not None:
        return now - span
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{flag} {text!r} is no moment", hint=f"write it as in {_FORMS}") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def in_words(seconds: float) -> str:
    """A length of time as people say it, in at most two units: `1 min 50 s`, `2 h 5 min`, `less than a second`."""
    whole = round(seconds)
    if whole < 1:
        return "less than a second"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (left, "s")]
    first = next(place for place, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def _span(text: str) -> timedelta | None:
    match = _SPAN.fullmatch(text.strip())
    if match is None or not text.strip():
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
