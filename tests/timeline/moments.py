"""Moments as tests write them: minutes and seconds behind one fixed hour."""

from __future__ import annotations

from typing import Any

from k8sops.core.logs import SECOND_NS, stamp_ns
from k8sops.core.timeline import Matter, Moment, Timeline
from k8sops.timeline.merging import merged

HOUR = "2026-11-22T16:00:00Z"
START = stamp_ns(HOUR)


def ns(clock: str) -> int:
    """`05:10` past the hour, in nanoseconds since the epoch."""
    minutes, _, seconds = clock.partition(":")
    return START + int((int(minutes) * 60 + float(seconds)) * SECOND_NS)


def stamp(clock: str) -> str:
    """The same as the API server writes it."""
    return f"2026-11-22T16:{clock}Z"


def told(
    clock: str, text: str = "x", *, matter: Matter = "event", subject: str = "Pod shop/web-1", **more: Any
) -> Moment:
    """A moment."""
    until = more.pop("until", "")
    return Moment(
        at_ns=ns(clock), matter=matter, subject=subject, text=text, until_ns=ns(until) if until else 0, **more
    )


def timeline_of(*moments: Moment, **more: Any) -> Timeline:
    """The hour's timeline."""
    return merged(moments, since_ns=START, until_ns=ns("60:00"), **more)
