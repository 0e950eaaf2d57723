"""Lines of errors and restarts over a window, as bars of equal spans, and where rollouts and runs stand among them.

Pure geometry for the page's drawing. Where only the first, the last and the number of several are known, they are drawn
evenly in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta, tzinfo
from typing import Final

import msgspec

from k8sops.core.logs import SECOND_NS, moment_of
from k8sops.core.moments import in_words
from k8sops.core.text import printable
from k8sops.core.timeline import Matter, Moment, Timeline
from k8sops.timeline.wording import clock, day_of

PANELS: Final[tuple[tuple[str, Matter], ...]] = (
    ("lines of errors", "log"),
    ("restarts", "restart"),
    ("warnings", "event"),
)
MOST_BARS: Final = 60
MOST_MARKS: Final = 80
SPANS_S: Final = (
    *(10, 20, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800),
)
MOST_TICKS: Final = 7
WIDTH: Final = 960
LEFT: Final = 52
RIGHT: Final = 12
LANE: Final = 24
"""The height of the lane of marks."""
PANEL: Final = 62
GAP: Final = 26
_DRAWN: Final = WIDTH - LEFT - RIGHT


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One span's bar."""

    x: float
    y: float
    width: float
    height: float
    said: str


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """The bars of one matter."""

    name: str
    style: str
    top: int
    bottom: int
    most: str
    """The highest bar's number; empty where there are none."""
    bars: tuple[Bar, ...]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout or a run."""

    x: float
    style: str
    said: str


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A time below the panels."""

    x: float
    said: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn, in units of the drawing."""

    width: int
    height: int
    left: int
    right: int
    lane: int
    panels: tuple[Panel, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    span: str
    """What one bar stands for."""
    said: str
    """The whole chart in a sentence, for who cannot see it."""


def chart_of(timeline: Timeline, zone: tzinfo | None = UTC) -> Chart:
    """The chart of a timeline."""
    since, length = timeline.since_ns, max(SECOND_NS, timeline.until_ns - timeline.since_ns)
    span_s = next((one for one in SPANS_S if length <= one * SECOND_NS * MOST_BARS), SPANS_S[-1])
    span = max(span_s * SECOND_NS, -(-length // MOST_BARS) if span_s == SPANS_S[-1] else 0)
    grid = _Grid(since, length, span, zone)
    panels = tuple(
        grid.panel(place, name, matter, timeline.moments) for place, (name, matter) in enumerate(PANELS)
    )
    said = "; ".join(
        f"{one.name}: at most {one.most or 'none'} in {in_words(span / SECOND_NS)}" for one in panels
    )
    return Chart(
        width=WIDTH,
        height=panels[-1].bottom + GAP,
        left=LEFT,
        right=WIDTH - RIGHT,
        lane=LANE,
        panels=panels,
        marks=tuple(grid.marks(timeline.moments)),
        ticks=tuple(grid.ticks()),
        span=in_words(span / SECOND_NS),
        said=said,
    )


class _Grid:
    """From times to places."""

    def __init__(self, since: int, length: int, span: int, zone: tzinfo | None) -> None:
        self._since, self._length, self._span, self._zone = since, length, span, zone

    def panel(self, place: int, name: str, matter: Matter, moments: Iterable[Moment]) -> Panel:
        counts = self._counts(one for one in moments if one.matter == matter and one.bad)
        most = max(counts.values(), default=0.0)
        top = LANE + place * (PANEL + GAP)
        bottom = top + PANEL
        bars = tuple(self._bar(number, name, many, most, bottom) for number, many in sorted(counts.items()))
        return Panel(
            name=name, style=matter, top=top, bottom=bottom, most=_number(most) if bars else "", bars=bars
        )

    def marks(self, moments: Iterable[Moment]) -> Iterator[Mark]:
        found = [
            one for one in moments if (one.matter == "rollout" or one.targets) and one.at_ns >= self._since
        ]
        for one in [one for one in found if one.at_ns >= self._since][-MOST_MARKS:]:
            said = f"{clock(one.at_ns, self._zone)} {printable(one.subject)}: {printable(one.text)}"
            yield Mark(x=self._x(one.at_ns), style=one.matter, said=said)

    def ticks(self) -> Iterator[Tick]:
        """At round times of the zone, no more than `MOST_TICKS`."""
        end = self._since + self._length
        days = day_of(self._since, self._zone) != day_of(end, self._zone)
        step = next((one for one in SPANS_S if self._length <= one * SECOND_NS * MOST_TICKS), 0) * SECOND_NS
        step = step or -(-self._length // MOST_TICKS)
        offset = moment_of(self._since).astimezone(self._zone).utcoffset() or timedelta()
        shift = int(offset.total_seconds()) * SECOND_NS
        form = "%m-%d %H:%M" if days else "%H:%M" if step >= 60 * SECOND_NS else "%H:%M:%S"
        for at in range(-(-(self._since + shift) // step) * step - shift, end + 1, step):
            yield Tick(x=self._x(at), said=moment_of(at).astimezone(self._zone).strftime(form))

    def _counts(self, moments: Iterable[Moment]) -> dict[int, float]:
        """How many in each span; of what began before the window, or lasts beyond it, its part."""
        counts: dict[int, float] = {}
        for one in moments:
            begin, end = one.at_ns - self._since, one.end_ns - self._since
            first, last = begin // self._span, end // self._span
            for number in range(max(0, first), min(last, (self._length - 1) // self._span) + 1):
                counts[number] = counts.get(number, 0) + one.count * self._share(number, begin, end)
        return counts

    def _share(self, number: int, begin: int, end: int) -> float:
        if end <= begin:
            return 1.0
        inside = min(end, (number + 1) * self._span) - max(begin, number * self._span)
        return max(0, inside) / (end - begin)

    def _bar(self, number: int, name: str, many: float, most: float, bottom: int) -> Bar:
        begin, end = number * self._span, min((number + 1) * self._span, self._length)
        x, right = self._x(self._since + begin), self._x(self._since + end)
        # A bar of one beside one of thousands is still to be seen.
        height = max(2.0, (PANEL - 14) * many / most) if most else 0.0
        return Bar(
            x=round(x + 0.5, 1),
            y=round(bottom - height, 1),
            width=round(max(1.0, right - x - 1.0), 1),
            height=round(height, 1),
            said=f"{clock(self._since + begin, self._zone)}: {_number(many)} {name}",
        )

    def _x(self, at_ns: int) -> float:
        return round(LEFT + _DRAWN * (at_ns - self._since) / self._length, 1)


def _number(many: float) -> str:
    return f"{round(many):,}" if many >= 0.95 else "fewer than 1"
