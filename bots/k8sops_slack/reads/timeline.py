"""What happened, as a table for a phone: the rows that tell most, in order of time; the whole of it as a file."""

from __future__ import annotations

from k8sops.core.timeline import Timeline
from k8sops.service.timing.rendering import (
    TimelineRow,
    timeline_lines,
    timeline_rows,
    timeline_sum,
    unknown_lines,
)
from k8sops_slack.reads.table import ROWS, Listing


class TimelineListing(Listing, frozen=True, kw_only=True):
    """Rows, and the timeline they are of."""

    timeline: Timeline

    def text(self) -> str:
        """All of it, in order of time."""
        return "".join(f"{line}\n" for line in timeline_lines(self.timeline))


def timeline_listing(found: Timeline) -> TimelineListing:
    """Trouble before changes before the rest, of each the latest, as many as are shown; then what is left."""
    rows = timeline_rows(found)
    places = sorted(range(len(rows)), key=lambda place: (rows[place].bad, rows[place].matters, place))
    first = set(places[-ROWS:])
    missing = list(unknown_lines(found.unknown))
    ordered = [*(row for place, row in enumerate(rows) if place in first), *_others(rows, first)]
    return TimelineListing(
        title=found.title,
        heads=("UTC", "", "OF", "WHAT"),
        rows=[(row.time[:5], "!" if row.bad else "", _name(row), row.text) for row in ordered],
        note="; ".join(part for part in (timeline_sum(found), *missing) if part),
        nothing="; ".join(["Nothing happened that is still on record.", *missing]),
        named=2,
        timeline=found,
    )


def _others(rows: list[TimelineRow], first: set[int]) -> list[TimelineRow]:
    return [row for place, row in enumerate(rows) if place not in first]


def _name(row: TimelineRow) -> str:
    """The object's own name: kind and namespace leave no room for what happened to it."""
    kind, _, rest = row.subject.partition(" ")
    name = rest.partition("/")[2] or rest
    return f"run {name[:10]}" if kind == "run" else name
