"""When a schedule is due: cron on the wall clock of a zone, turned into instants of UTC.

croniter only enumerates wall-clock times here; what a change of the clocks means is decided in this module, because
croniter alone fires a fixed time twice when clocks go back. The rule is the one of Vixie cron, told by the hour field:

- not every hour (`30 2 * * *`, `0 */2 * * *`): each wall-clock time fires exactly once. One the clocks skip fires at
  the first instant after the gap, several in one gap as one firing; one that comes twice fires the first time.
- every hour (`*/15 * * * *`): by elapsed time, at each instant whose wall clock reads a matching time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from croniter import croniter
from croniter.croniter import CroniterBadDateError, CroniterError

from k8sops.core.errors import UsageError

ALIASES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_DAY: Final = 86_400
_FIELDS: Final = ("second", "minute", "hour", "day", "month", "weekday")
_SPANS: Final = (60, 60, 24, 31, 12, 7)
# croniter also knows H (hashed) and R (random, different in each replica); neither belongs in a shared timetable.
_RANDOM: Final = re.compile(r"(?:^|[\s,])[HhRr](?:$|[\s,/(])")
_STEP: Final = re.compile(r"/(\d+)")


class Timetable(msgspec.Struct, frozen=True):
    """A cron expression and the zone whose wall clock it speaks of. Made by `timetable`, which checks both."""

    cron: str
    """Five fields, or six with seconds first."""
    zone: str = "UTC"


def timetable(cron: str, zone: str = "UTC") -> Timetable:
    """Check a cron expression (or `@hourly` and its like) and a zone name. Raises UsageError in one sentence."""
    given = " ".join(cron.split())
    if given.startswith("@"):
        return timetable(_alias(given), zone)
    fields = given.split(" ") if given else []
    if len(fields) not in {5, 6}:
        raise UsageError(
            f"The cron expression {cron!r} has {len(fields)} fields; it needs 5, or 6 with seconds first.",
            hint="For example '30 2 * * *' is every day at 02:30.",
        )
    _check_fields(given, fields)
    checked = Timetable(given, zone)
    _zone(zone)
    next_due(checked, datetime(2024, 1, 1, tzinfo=UTC))
    return checked


def next_due(table: Timetable, after: datetime) -> datetime:
    """The first due instant later than `after`, in UTC. Raises UsageError where there is none in the next 50 years."""
    return next(due_after(table, after))


def next_five(table: Timetable, after: datetime) -> tuple[datetime, ...]:
    """The next five due instants, to be shown to who makes a schedule."""
    return tuple(islice(due_after(table, after), 5))


def due_between(table: Timetable, after: datetime, until: datetime, limit: int) -> tuple[datetime, ...]:
    """At most `limit` due instants later than `after` and not later than `until`, earliest first."""
    found: list[datetime] = []
    for due in islice(due_after(table, after), limit):
        if due > until:
            break
        found.append(due)
    return tuple(found)


def latest_between(table: Timetable, after: datetime, until: datetime, count: int) -> tuple[datetime, ...]:
    """The last `count` due instants later than `after` and not later than `until`, earliest first.

    Looks back over spans that double, so that the cost follows `count` and not the length of the time.
    """
    if count < 1 or until <= after:
        return ()
    start, end = after.timestamp(), until.timestamp()
    span = 60.0 * count
    while True:
        begin = max(start, end - span)
        found: list[datetime] = []
        for due in due_after(table, datetime.fromtimestamp(begin, UTC)):
            if due > until:
                break
            found.append(due)
        if len(found) >= count or begin <= start:
            return tuple(found[-count:])
        span *= 4


def due_after(table: Timetable, after: datetime) -> Iterator[datetime]:
    """All due instants later than `after`, earliest first, without end."""
    for instant in _instants(table, int(after.timestamp() // 1)):
        yield datetime.fromtimestamp(instant, UTC)


def _instants(table: Timetable, after: int) -> Iterator[int]:
    """Walk over spans of constant UTC offset; `low` is the first wall-clock second that has not been dealt with."""
    clock, walls = _Offsets(_zone(table.zone)), _Walls(table.cron)
    offset, last = clock.at(after), after
    low = after + offset + 1
    if not walls.every_hour and (before := clock.at(after - _DAY)) > offset:
        low = max(low, clock.change(after - _DAY, after) + before)
    cursor = after
    while True:
        end = cursor + _DAY
        turns = clock.at(end) != offset
        if turns:
            end = clock.change(cursor, end)
        while (wall := walls.at_or_after(low)) - offset < end:
            low = wall + 1
            if wall - offset > last:
                last = wall - offset
                yield last
        if turns:
            following = clock.at(end)
            if walls.every_hour:
                low = end + following
            elif walls.at_or_after(low) < end + following:
                low, last = end + following, end
                yield end
            else:
                low = max(low, end + offset)
            offset = following
        cursor = end


class _Walls:
    """The wall-clock seconds that match, counted as if the wall clock were UTC: no zone, hence no gaps or folds."""

    def __init__(self, cron: str) -> None:
        self._cron = cron
        self._from, self._next = 0, -1
        self._iterator = croniter(cron, 0.0, second_at_beginning=True)
        self.every_hour = croniter.expand(cron, second_at_beginning=True)[0][1] == ["*"]

    def at_or_after(self, wall: int) -> int:
        """The first matching second not before `wall`."""
        if not self._from <= wall <= self._next:
            try:
                self._from, self._next = wall, int(self._iterator.get_next(float, start_time=float(wall - 1)))
            except CroniterBadDateError as error:
                raise UsageError(
                    f"The cron expression {self._cron!r} never fires: no date matches it.",
                    hint="Check the day and the month: 30 February does not exist.",
                ) from error
        return self._next


class _Offsets:
    """The UTC offsets of a zone, in seconds."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def at(self, instant: int) -> int:
        """The offset at an instant."""
        offset = datetime.fromtimestamp(instant, self._zone).utcoffset()
        return 0 if offset is None else int(offset.total_seconds())

    def change(self, low: int, high: int) -> int:
        """The first instant after `low` with another offset; `high` must have another."""
        old = self.at(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self.at(middle) == old:
                low = middle
            else:
                high = middle
        return high


def _alias(given: str) -> str:
    try:
        return ALIASES[given.lower()]
    except KeyError:
        raise UsageError(
            f"There is no schedule alias {given!r}.", hint=f"Known are {', '.join(sorted(ALIASES))}."
        ) from None


def _check_fields(cron: str, fields: list[str]) -> None:
    if _RANDOM.search(cron):
        raise UsageError(
            f"The cron expression {cron!r} uses H or R, whose times differ between replicas.",
            hint="Give the times; jitter_s spreads the load.",
        )
    first = len(_FIELDS) - len(fields)
    for name, span, field in zip(_FIELDS[first:], _SPANS[first:], fields, strict=True):
        for step in _STEP.findall(field):
            if not 1 <= int(step) <= span:
                raise UsageError(
                    f"The {name} field {field!r} of {cron!r} steps by {step}, outside 1 to {span}."
                )
    try:
        croniter.expand(cron, second_at_beginning=True)
    except (CroniterError, ValueError, KeyError) as error:
        raise UsageError(
            f"The cron expression {cron!r} is not valid: {_reason(error)}.",
            hint="Five fields are minute, hour, day, month, weekday; a sixth, in front, is the second.",
        ) from error


def _reason(error: Exception) -> str:
    return str(error).strip().rstrip(".") or "it cannot be read"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"There is no time zone {name!r}.", hint="Name one as the IANA database does: Europe/Berlin, UTC."
        ) from error
