"""A timeline as doors print it: lines of text, a document, a page; and one that a bundle or a file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from k8sops.bundle.opening import open_bundle
from k8sops.core.timeline import Timeline
from k8sops.timeline.as_html import timeline_html
from k8sops.timeline.as_json import read_timeline, timeline_json
from k8sops.timeline.as_text import timeline_lines, unknown_lines
from k8sops.timeline.folding import rows_of
from k8sops.timeline.merging import matters
from k8sops.timeline.summing import sum_of
from k8sops.timeline.wording import clock, subject_said, text_said

__all__ = [
    "TimelineRow",
    "bundled_timeline",
    "only_trouble",
    "timeline_html",
    "timeline_json",
    "timeline_lines",
    "timeline_rows",
    "timeline_sum",
    "unknown_lines",
]

BUNDLED: Final = "timeline.json"


def only_trouble(timeline: Timeline) -> Timeline:
    """Without what tells neither of trouble nor of a change."""
    kept = tuple(one for one in timeline.moments if matters(one))
    return msgspec.structs.replace(timeline, moments=kept)


def bundled_timeline(path: Path) -> Timeline:
    """The timeline that a bundle holds; reads files. Raises UsageError where it is no bundle, or holds none."""
    return read_timeline(open_bundle(path).read(BUNDLED))


class TimelineRow(NamedTuple):
    """One row as a door with columns of its own shows it, in UTC; all of it is safe to show."""

    time: str
    subject: str
    text: str
    bad: bool
    matters: bool
    """Whether it tells of trouble or of a change."""


def timeline_rows(timeline: Timeline) -> list[TimelineRow]:
    """The rows in order of time, what is alike folded."""
    return [
        TimelineRow(
            time=clock(row.moment.at_ns),
            subject=subject_said(row),
            text=text_said(row),
            bad=row.moment.bad,
            matters=matters(row.moment),
        )
        for row in rows_of(timeline.moments)
    ]


def timeline_sum(timeline: Timeline) -> str:
    """What it comes to, in numbers; empty where nothing of note happened."""
    return sum_of(timeline).text
