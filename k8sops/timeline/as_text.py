"""A timeline as lines of text: columns where there is room, sentences where there is little.

What tells of trouble bears a mark, which a door may colour as well. Text from a cluster is made safe here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, tzinfo
from typing import Final

from k8sops.core.text import printable
from k8sops.core.timeline import Timeline, Unknown
from k8sops.timeline.folding import Row, rows_of
from k8sops.timeline.summing import sum_of
from k8sops.timeline.wording import clock, day_of, run_said, subject_said, text_said, window_said, zone_said

MARK: Final = "!"
COLUMNS_FROM: Final = 120
"""In a narrower terminal the subject leads into the text."""
WIDEST_SUBJECT: Final = 52
MOST_LINES: Final = 3
"""So many lines a row takes at most where they are short."""
LEAST: Final = 24
_MATTER: Final = len("rollout")
NOTHING: Final = "Nothing happened that is still on record."


def timeline_lines(
    timeline: Timeline,
    *,
    width: int = 0,
    zone: tzinfo | None = UTC,
    folded: bool = True,
    trouble: Callable[[str], str] = str,
) -> Iterator[str]:
    """The title, then a line for each row, then what is not in it; no line is longer than `width`
    (48 or more), 0 for no limit.

    `trouble` marks up the head of a line that tells of trouble.
    """
    yield _cut(f"{printable(timeline.title) or 'Timeline'}: {window_said(timeline, zone)}", width)
    if said := sum_of(timeline).text:
        yield _cut(said, width)
    rows = rows_of(timeline.moments, folded=folded)
    if not rows:
        yield NOTHING
    subjects = min(max((len(subject_said(row)) for row in rows), default=0), WIDEST_SUBJECT)
    day = ""
    for row in rows:
        if (today := day_of(row.moment.at_ns, zone)) != day:
            day = today
            yield f"-- {day} {zone_said(zone, row.moment.at_ns)}"
        yield from _lines(row, zone, width, subjects, trouble)
    yield from (_cut(line, width) for line in unknown_lines(timeline.unknown))


def unknown_lines(unknown: Sequence[Unknown]) -> Iterator[str]:
    """What is not in it, a line for each reason: `not in it: events, jobs in shop; nodes (not permitted)`."""
    by_why: dict[str, dict[str, list[str]]] = {}
    for one in unknown:
        what, _, place = one.source.partition(" in ")
        by_why.setdefault(one.why, {}).setdefault(place, []).append(what)
    for why, places in by_why.items():
        found = "; ".join(
            f"{', '.join(what)}{f' in {place}' if place else ''}" for place, what in places.items()
        )
        yield f"not in it: {printable(found)} ({printable(why)})"


def _lines(
    row: Row, zone: tzinfo | None, width: int, subjects: int, trouble: Callable[[str], str]
) -> Iterator[str]:
    one = row.moment
    head = f"{clock(one.at_ns, zone)} {MARK if one.bad else ' '} {one.matter.ljust(_MATTER)}  "
    said, run, subject = text_said(row, zone), run_said(row), subject_said(row)
    if run:
        said = f"{said}  [{run}]"
    indent = len(head)
    if 0 < width < COLUMNS_FROM:
        said = f"{subject}: {said}"
    else:
        said, indent = f"{subject.ljust(subjects)}  {said}", indent + subjects + 2
    first, *more = _wrapped(said, width - len(head), width - indent) if width else [said]
    yield f"{trouble(head) if one.bad else head}{first}"
    yield from (f"{' ' * indent}{line}" for line in more)


def _wrapped(text: str, first: int, rest: int) -> list[str]:
    """As few lines as hold it, no more than `MOST_LINES`."""
    lines = textwrap.wrap(
        text,
        max(first, LEAST),
        max_lines=MOST_LINES,
        placeholder="…",
        drop_whitespace=True,
        initial_indent="",
        subsequent_indent=" " * max(0, first - max(rest, LEAST)),
    )
    return [line.strip() if place else line for place, line in enumerate(lines)]


def _cut(text: str, width: int) -> str:
    return text if not width or len(text) <= width else f"{text[: max(0, width - 1)]}…"
