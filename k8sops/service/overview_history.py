"""Restarts and warnings of the last hour, from the rows of pods and events: what a sparkline is drawn from.

Pure. A pod's row tells its last restart, an event's row its first and last time and how often; what came between is
taken as evenly spread. Rows that have not changed are not read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from k8sops.core.overview import Fact, Gauge, Series, Tile
from k8sops.core.tables import Column, Row
from k8sops.core.text import counted

BUCKET: Final = timedelta(minutes=5)
BUCKETS: Final = 12
_RESTARTS: Final = re.compile(r"(\d+)(?: \(([0-9dhms]+) ago\))?$")
_DURATION: Final = re.compile(r"(\d+)([dhms])")
_SECONDS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_MOST_POINTS: Final = 60

LAST_HOUR: Final = "last hour"
RECENT: Final = 2
"""So many of the last spans make restarts a warning."""


class LastHour:
    """How often something happened, in spans of five minutes."""

    def __init__(self) -> None:
        self._by_span: dict[int, float] = {}

    def add(self, at: datetime, times: float = 1) -> None:
        """Count it."""
        span = _span(at)
        self._by_span[span] = self._by_span.get(span, 0) + times

    def counts(self, now: datetime) -> tuple[int, ...]:
        """Of the last hour, the oldest span first; what is older is forgotten."""
        last = _span(now)
        self._by_span = {span: times for span, times in self._by_span.items() if span > last - BUCKETS}
        return tuple(round(self._by_span.get(last - BUCKETS + 1 + place, 0)) for place in range(BUCKETS))


class Restarts:
    """Restarts of containers, from the rows of pods."""

    def __init__(self) -> None:
        self.hour: Final = LastHour()
        self._seen: dict[str, tuple[Row, int]] = {}

    def see(self, columns: Sequence[Column], rows: Iterable[Row], now: datetime) -> None:
        """Count what is new in these rows."""
        place = _place(columns, "restarts")
        if place < 0:
            return
        seen: dict[str, tuple[Row, int]] = {}
        for row in rows:
            cell = row.cells[place]
            if cell == "0":
                continue
            known = self._seen.get(row.uid)
            if known is None or known[0] is not row:
                known = (row, self._count(cell, known[1] if known is not None else None, now))
            seen[row.uid] = known
        self._seen = seen

    def _count(self, cell: str, before: int | None, now: datetime) -> int:
        match = _RESTARTS.match(cell)
        if match is None:
            return before or 0
        times, ago = int(match[1]), duration(match[2] or "")
        # Of a pod that was not looked at before only the last restart has a known time.
        new = (1 if ago is not None else 0) if before is None else times - before
        if new > 0:
            self.hour.add(now - (ago or timedelta()), new)
        return times


class Warnings:
    """Events of type Warning, from their rows."""

    def __init__(self) -> None:
        self.hour: Final = LastHour()
        self._seen: dict[str, tuple[Row, int]] = {}

    def see(self, columns: Sequence[Column], rows: Iterable[Row], now: datetime) -> None:
        """Count what is new in these rows."""
        last, first, count = (_place(columns, title) for title in ("last seen", "first seen", "count"))
        if last < 0:
            return
        seen: dict[str, tuple[Row, int]] = {}
        for row in rows:
            known = self._seen.get(row.uid)
            if known is None or known[0] is not row:
                times = int(row.cells[count]) if count >= 0 and row.cells[count].isdigit() else 1
                ended = now - (duration(row.cells[last]) or timedelta())
                ago = duration(row.cells[first]) if first >= 0 else None
                began = min(ended, now - ago) if ago is not None else ended
                self._spread(began, ended, times, known[1] if known is not None else None)
                known = (row, times)
            seen[row.uid] = known
        self._seen = seen

    def _spread(self, began: datetime, ended: datetime, times: int, before: int | None) -> None:
        if before is not None:
            self.hour.add(ended, max(0, times - before))
            return
        points = min(times, _MOST_POINTS)
        for point in range(points):
            part = (point + 1) / points
            self.hour.add(began + (ended - began) * part, times / points)


def last_hour(restarts: Sequence[int] | None, warnings: Sequence[int] | None, notes: Sequence[str]) -> Tile:
    """What the last hour was like; None for what cannot be told, which `notes` say why."""
    parts, series = [], []
    for name, counts in (("restart", restarts), ("warning", warnings)):
        if counts is not None:
            parts.append(counted(sum(counts), name))
            series.append(Series(name=f"{name}s", counts=tuple(counts)))
    gauge = Gauge.WARN if restarts is not None and any(restarts[-RECENT:]) else Gauge.OK
    if not series:
        return Tile(name=LAST_HOUR, gauge=Gauge.DENIED, text="; ".join(notes))
    facts = tuple(
        Fact(
            label=f"{one.name}, {(BUCKETS - place) * 5}-{(BUCKETS - place - 1) * 5} min ago",
            text=str(many),
            gauge=Gauge.WARN,
        )
        for one in series
        for place, many in enumerate(one.counts)
        if many
    )
    text = "; ".join((", ".join(parts), *dict.fromkeys(notes)))
    return Tile(
        name=LAST_HOUR, gauge=gauge, text=text, series=tuple(series), facts=(("in spans of 5 min", facts),)
    )


def duration(text: str) -> timedelta | None:
    """A span as the API server prints it, `2m5s`; None where it is none."""
    parts = _DURATION.findall(text)
    return timedelta(seconds=sum(int(many) * _SECONDS[unit] for many, unit in parts)) if parts else None


def _span(at: datetime) -> int:
    return int(at.timestamp() // BUCKET.total_seconds())


def _place(columns: Sequence[Column], title: str) -> int:
    return next((place for place, one in enumerate(columns) if one.name.lower() == title), -1)
