"""Which backups stay and which go, and why: counts by period, an age, and never the last good one. Pure.

A backup goes only if no rule holds it. Only complete backups fill a period or are counted; an incomplete one is held
where its period has no complete one, and is counted apart, so that a run of failures never pushes out what is good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from k8sops.core.errors import UsageError


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How many to keep: the last ones, the newest of each of the last periods (UTC), and all that are younger."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    ttl_s: int = 0
    """Seconds; all that are younger stay."""

    def __post_init__(self) -> None:
        if min(self.as_json().values(), default=0) < 0:
            raise UsageError("how many backups are kept is a number from 0 on")

    @property
    def keeps_everything(self) -> bool:
        """Whether nothing was said, and so nothing ever goes."""
        return not self.as_json()

    def as_json(self) -> dict[str, Any]:
        """What was said, as a tombstone records it."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value}


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A backup as retention sees it: its number, when it was made (UTC), whether it is complete."""

    seq: int
    made_at: datetime
    complete: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a backup stays, and every reason for it."""

    seq: int
    keep: bool
    why: str


_PERIODS: Final[tuple[tuple[str, str, Callable[[datetime], tuple[int, ...]]], ...]] = (
    ("hourly", "hour", lambda at: (at.year, at.month, at.day, at.hour)),
    ("daily", "day", lambda at: (at.year, at.month, at.day)),
    ("weekly", "week", lambda at: tuple(at.isocalendar()[:2])),
    ("monthly", "month", lambda at: (at.year, at.month)),
    ("yearly", "year", lambda at: (at.year,)),
)


def decide(backups: Iterable[Candidate], retention: Retention, now: datetime) -> tuple[Verdict, ...]:
    """What becomes of each of these backups, which are of one cluster and one selection; newest first.

    The newest complete one stays whatever was said, and the newest of all where none is complete.
    """
    ordered = sorted(backups, key=lambda backup: backup.seq, reverse=True)
    reasons: dict[int, list[str]] = {backup.seq: [] for backup in ordered}
    good = next((backup for backup in ordered if backup.complete), None)
    if good is not None:
        reasons[good.seq].append("the newest complete one")
    elif ordered:
        reasons[ordered[0].seq].append("the newest, and none is complete")
    if retention.keeps_everything:
        for backup in ordered:
            reasons[backup.seq].append("nothing was said about what may go")
    for backup in _last(ordered, retention.last):
        reasons[backup.seq].append(f"one of the last {retention.last}")
    for name, word, period in _PERIODS:
        for backup in _newest_of_each(ordered, getattr(retention, name), period):
            reasons[backup.seq].append(f"the newest of its {word}")
    if retention.ttl_s:
        for backup in ordered:
            if now - backup.made_at < timedelta(seconds=retention.ttl_s):
                reasons[backup.seq].append("younger than the time to live")
    return tuple(
        Verdict(
            seq=backup.seq,
            keep=bool(reasons[backup.seq]),
            why=", ".join(reasons[backup.seq]) or _gone(backup, good),
        )
        for backup in ordered
    )


def _last(ordered: Sequence[Candidate], count: int) -> list[Candidate]:
    """The last complete ones, and those since the newest of them that are not, as many again at most."""
    complete = [backup for backup in ordered if backup.complete][:count]
    newest = complete[0].seq if complete else 0
    since = [backup for backup in ordered if not backup.complete and backup.seq > newest]
    return [*complete, *since[:count]]


def _newest_of_each(
    ordered: Sequence[Candidate], count: int, period: Callable[[datetime], tuple[int, ...]]
) -> list[Candidate]:
    """Of each of the last `count` periods that have a complete backup the newest such; between them, of those without.

    Those without are as many at most; older than what is counted they go.
    """
    complete: dict[tuple[int, ...], Candidate] = {}
    other: dict[tuple[int, ...], Candidate] = {}
    for backup in ordered:
        chosen = complete if backup.complete else other
        chosen.setdefault(period(backup.made_at.astimezone(UTC)), backup)
    counted = list(complete.values())[:count]
    oldest = counted[-1].seq if len(counted) == count and counted else 0
    alone = [backup for when, backup in other.items() if when not in complete and backup.seq > oldest]
    return [*counted, *alone[:count]]


def _gone(backup: Candidate, good: Candidate | None) -> str:
    if not backup.complete and good is not None and good.seq > backup.seq:
        return "incomplete, and a newer one is complete"
    return "no rule holds it"
