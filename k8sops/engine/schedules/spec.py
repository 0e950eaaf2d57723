"""What a user says of a schedule, checked where it enters, and the frozen struct everything behind works on.

The spec is stored as JSON; its `format` is raised when its meaning changes. Jitter is computed from the schedule's name
and the due instant, so that every replica comes to the same moment.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.engine.schedules.times import Timetable, due_between, next_five, timetable

Concurrency = Literal["forbid", "queue", "replace"]

SPEC_FORMAT: Final = 1
MOST_MADE_UP: Final = 100
_NAME: Final = r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$"
_MISSED: Final = re.compile(r"skip|once|catch_up\((\d{1,3})\)")
_HORIZON: Final = timedelta(days=366 * 8)


class ScheduleInput(BaseModel):
    """The fields a user may give; anything else is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=_NAME)]
    action: Annotated[str, Field(min_length=1, max_length=64)]
    cron: Annotated[str, Field(min_length=1, max_length=200)]
    params: dict[str, JsonValue] = {}
    zone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"
    reason: Annotated[str, Field(max_length=1000)] = ""
    jitter_s: Annotated[int, Field(ge=0, le=21_600)] = 0
    concurrency: Concurrency = "forbid"
    missed: Annotated[str, Field(max_length=20)] = "skip"
    grace_s: Annotated[int, Field(ge=5, le=86_400)] | None = None
    alert_after_s: Annotated[int, Field(ge=10, le=366 * 86_400)] | None = None
    rpo_s: Annotated[int, Field(ge=10, le=366 * 86_400)] | None = None
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None


class ScheduleSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A checked schedule. Made by `schedule_spec`."""

    name: str
    action: str
    params: JsonObject
    timetable: Timetable
    reason: str = ""
    jitter_s: int = 0
    concurrency: Concurrency = "forbid"
    made_up: int = 0
    """How many of the latest missed firings are made up for: 0 skips them all, 1 runs once."""
    grace_s: int = 60
    """Seconds a firing may be late before it counts as missed; where none are given, a quarter of the time between two
    firings, but at least a minute and at most a quarter of an hour."""
    alert_after_s: int | None = None
    """Seconds without a success after which an event is raised, and again after as many."""
    rpo_s: int | None = None
    """Of a backup: seconds that the newest complete one in its repository may be old."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    format: int = SPEC_FORMAT

    @property
    def missed(self) -> str:
        """The missed-firing policy as the user writes it."""
        return {0: "skip", 1: "once"}.get(self.made_up, f"catch_up({self.made_up})")


def schedule_spec(given: Mapping[str, Any], *, now: datetime) -> ScheduleSpec:
    """Check what a user gave, as of `now`. Raises UsageError with every wrong field in one sentence."""
    try:
        checked = ScheduleInput.model_validate(dict(given))
    except ValidationError as error:
        raise UsageError(
            f"The schedule {str(given.get('name', ''))!r} is not valid: {_told(error)}.",
            hint="docs/schedules.md lists the fields.",
        ) from error
    table = timetable(checked.cron, checked.zone)
    spec = ScheduleSpec(
        name=checked.name,
        action=checked.action,
        params=checked.params,
        timetable=table,
        reason=checked.reason,
        jitter_s=checked.jitter_s,
        concurrency=checked.concurrency,
        made_up=_made_up(checked.missed),
        grace_s=checked.grace_s or _grace_s(table, now),
        alert_after_s=checked.alert_after_s,
        rpo_s=checked.rpo_s,
        valid_from=_utc(checked.valid_from),
        valid_until=_utc(checked.valid_until),
    )
    _check_validity(spec, now)
    _check_jitter(spec, _gap_s(table, now))
    return spec


def next_in(spec: ScheduleSpec, after: datetime) -> datetime | None:
    """The first due instant later than `after` within the time the schedule is valid; None where there is none."""
    if spec.valid_from is not None:
        after = max(after, spec.valid_from - timedelta(seconds=1))
    found = due_between(spec.timetable, after, spec.valid_until or after + _HORIZON, 1)
    return found[0] if found else None


def jitter(spec: ScheduleSpec, due: datetime) -> timedelta:
    """How long after its due instant a firing goes out: 0 to `jitter_s`, the same in every replica."""
    if not spec.jitter_s:
        return timedelta(0)
    seed = hashlib.sha256(f"{spec.name}\n{int(due.timestamp())}".encode()).digest()
    return timedelta(milliseconds=int.from_bytes(seed[:8], "big") % (spec.jitter_s * 1000))


def _made_up(missed: str) -> int:
    match = _MISSED.fullmatch(missed)
    count = -1 if match is None else {"skip": 0, "once": 1}.get(missed, int(match[1] or 0))
    if not (count >= 0 and (missed == "skip" or 1 <= count <= MOST_MADE_UP)):
        raise UsageError(
            f"The missed-firing policy {missed!r} is not known.",
            hint=f"Give skip, once, or catch_up(N) with N from 1 to {MOST_MADE_UP}.",
        )
    return count


def _check_validity(spec: ScheduleSpec, now: datetime) -> None:
    if spec.valid_from and spec.valid_until and spec.valid_from >= spec.valid_until:
        raise UsageError(
            f"The schedule {spec.name!r} ends before it begins: valid_until is not after valid_from."
        )
    if next_in(spec, now) is None:
        raise UsageError(
            f"The schedule {spec.name!r} would never fire: no due time lies before valid_until.",
            hint="Give a later valid_until, or another cron expression.",
        )


def _gap_s(table: Timetable, now: datetime) -> int:
    """The shortest time between the next firings."""
    times = pairwise(next_five(table, now))
    return min(int((later - earlier).total_seconds()) for earlier, later in times)


def _grace_s(table: Timetable, now: datetime) -> int:
    return min(max(_gap_s(table, now) // 4, 60), 900)


def _check_jitter(spec: ScheduleSpec, gap_s: int) -> None:
    if spec.jitter_s > gap_s:
        raise UsageError(
            f"The schedule {spec.name!r} has a jitter of {spec.jitter_s} s, longer than the time between two firings.",
            hint=f"Give at most {gap_s} s.",
        )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


def _told(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
        for one in error.errors(include_input=False)
    )
