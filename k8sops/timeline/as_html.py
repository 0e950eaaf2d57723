"""A timeline as one page that needs nothing else: no script, no address, its one style named by its hash.

Whatever a cluster wrote is text: escaped by the template, and before that made visible where it would steer or reorder.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, tzinfo
from functools import cache
from importlib import resources
from itertools import groupby
from typing import Final

import msgspec

from k8sops.core.text import printable
from k8sops.core.timeline import Matter, Timeline, Unknown
from k8sops.timeline.chart import chart_of
from k8sops.timeline.folding import Row, rows_of
from k8sops.timeline.merging import matters
from k8sops.timeline.summing import Sum, sum_of
from k8sops.timeline.wording import clock, day_of, run_said, subject_said, text_said, window_said, zone_said

MOST_ROWS: Final = 5_000


class _Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A row as the template writes it."""

    time: str
    matter: Matter
    subject: str
    text: str
    run: str
    bad: bool
    style: str


class _Number(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    number: int
    trouble: bool


def timeline_html(timeline: Timeline, *, zone: tzinfo | None = UTC) -> bytes:
    """The page, in UTF-8."""
    # Loaded here: a timeline as text needs no templates.
    import jinja2  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FunctionLoader(_own),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows, left_out = _at_most(rows_of(timeline.moments))
    unknown = [*timeline.unknown, *left_out]
    page = environment.get_template("page.html.j2").render(
        title=printable(timeline.title) or "Timeline",
        window=window_said(timeline, zone),
        zone=zone_said(zone, timeline.until_ns),
        style_hash=_hash(_own("page.css").rstrip("\n")),
        sums=_numbers(sum_of(timeline)),
        chart=chart_of(timeline, zone),
        unknown=[{"source": printable(one.source), "why": printable(one.why)} for one in unknown],
        days=[
            (day, [_shown(row, zone) for row in found])
            for day, found in groupby(rows, lambda row: day_of(row.moment.at_ns, zone))
        ],
    )
    return page.encode()


def _shown(row: Row, zone: tzinfo | None) -> _Shown:
    one = row.moment
    return _Shown(
        time=clock(one.at_ns, zone),
        matter=one.matter,
        subject=subject_said(row),
        text=text_said(row, zone),
        run=run_said(row),
        bad=one.bad,
        style="bad" if one.bad else "" if matters(one) else "calm",
    )


def _numbers(sums: Sum) -> list[_Number]:
    return [
        _Number(name=name, number=number, trouble=trouble)
        for name, number, trouble in (
            ("restarts", sums.restarts, True),
            ("lines of errors", sums.error_lines, True),
            ("warnings", sums.warnings, True),
            ("new revisions", sums.rollouts, False),
            ("changes of scale", sums.scalings, False),
            ("runs of ours", sums.runs, False),
        )
    ]


def _at_most(rows: list[Row]) -> tuple[Sequence[Row], Sequence[Unknown]]:
    """As many rows as a browser shows at once: without the calm ones, then the newest."""
    if len(rows) <= MOST_ROWS:
        return rows, ()
    kept = [row for row in rows if matters(row.moment)][-MOST_ROWS:]
    why = f"more than {MOST_ROWS:,}; the timeline as JSON has all"
    return kept, (Unknown(source=f"{len(rows) - len(kept):,} rows", why=why, expected=True),)


def _hash(style: str) -> str:
    """As a content security policy names what it allows (CSP Level 3, hash-source)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}"


@cache
def _own(name: str) -> str:
    return resources.files("k8sops.timeline").joinpath(name).read_text(encoding="utf-8")
