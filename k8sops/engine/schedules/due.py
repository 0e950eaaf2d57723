"""What a schedule does at a moment, from its spec and the next due instant on record. No I/O, no clock.

Due instants are taken one after the other, each from the one before and never from the clock: a process whose clock is
wrong fires early or late, but can neither leave one out nor take one twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from k8sops.engine.schedules.spec import ScheduleSpec, jitter, next_in
from k8sops.engine.schedules.times import due_between, latest_between

COUNTED: Final = 1000


class NotYet(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is due."""


class Fire(msgspec.Struct, frozen=True, kw_only=True):
    """A due instant fires; `late` is empty unless it is made up for."""

    due: datetime
    next_due: datetime | None
    late: str = ""


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """The firings from `due` up to, not including, `next_due` were missed and are not made up for."""

    due: datetime
    next_due: datetime | None
    why: str


def turn(spec: ScheduleSpec, next_due: datetime, now: datetime) -> NotYet | Fire | Skip:
    """What is to be done with `next_due` at `now`: too early, fire it, or skip on to the first that is to fire."""
    goes_out = next_due + jitter(spec, next_due)
    if goes_out > now:
        return NotYet()
    cutoff = now - timedelta(seconds=spec.grace_s)
    if goes_out >= cutoff:
        return Fire(due=next_due, next_due=next_in(spec, next_due))
    bound = _bound(spec, next_due, cutoff)
    kept = latest_between(spec.timetable, next_due, bound, spec.made_up)
    if len(kept) < spec.made_up:
        return Fire(
            due=next_due, next_due=next_in(spec, next_due), late=f"made up for, {_long(now - goes_out)} late"
        )
    following = kept[0] if kept else next_in(spec, bound)
    until = following - timedelta(seconds=1) if following else bound
    missed = (next_due, *due_between(spec.timetable, next_due, until, COUNTED - 1))
    return Skip(due=next_due, next_due=following, why=_said(spec, len(missed), next_due, missed[-1]))


def _bound(spec: ScheduleSpec, first: datetime, cutoff: datetime) -> datetime:
    """Up to when due instants have been missed.

    Jitter is shorter than the time between firings, so only the last one before the cutoff can still be to come.
    """
    last = latest_between(spec.timetable, first, cutoff, 1)
    if last and last[0] + jitter(spec, last[0]) >= cutoff:
        cutoff = last[0] - timedelta(seconds=1)
    return max(first, min(cutoff, spec.valid_until or cutoff))


def _said(spec: ScheduleSpec, count: int, first: datetime, last: datetime) -> str:
    since = f"{first:%Y-%m-%d %H:%M:%S} UTC"
    policy = f"the policy is {spec.missed}"
    if count == 1:
        return f"the firing of {since} was missed by more than {spec.grace_s} s; {policy}"
    if count == COUNTED:
        return f"{COUNTED} or more firings from {since} on were missed; {policy}"
    return f"{count} firings from {since} to {last:%Y-%m-%d %H:%M:%S} UTC were missed; {policy}"


def _long(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
