"""A row of a timeline in words, and its times: said once for text and page."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Final

from k8sops.core.logs import moment_of
from k8sops.core.text import counted, printable
from k8sops.core.timeline import Timeline
from k8sops.timeline.folding import Row

_DAY: Final = "%Y-%m-%d"


def subject_said(row: Row) -> str:
    """The subject, with how many more are meant; safe to show."""
    return printable(row.moment.subject) + (f" and {row.others} more" if row.others else "")


def text_said(row: Row, zone: tzinfo | None = UTC) -> str:
    """What happened, how often and until when; safe to show."""
    one = row.moment
    until = f" until {clock(one.until_ns, zone, beside_ns=one.at_ns)}" if one.until_ns else ""
    if one.matter == "log":
        lines = counted(one.count, "line of errors", "lines of errors")
        return f"{lines}{until}{', the first' if one.count > 1 else ''}: {printable(one.text)}"
    often = f"{one.count} times{until}: " if one.count > 1 else ""
    return f"{often}{printable(one.text)}"


def run_said(row: Row) -> str:
    """`during run 01J…`; empty where there was none."""
    return f"during run {printable(row.moment.run)}" if row.moment.run else ""


def clock(at_ns: int, zone: tzinfo | None = UTC, *, beside_ns: int = 0) -> str:
    """`17:02:11`, with the day where that is another than `beside_ns`."""
    at = moment_of(at_ns).astimezone(zone)
    day = (
        f"{at.strftime(_DAY)} "
        if beside_ns and at.date() != moment_of(beside_ns).astimezone(zone).date()
        else ""
    )
    return f"{day}{at.strftime('%H:%M:%S')}"


def day_of(at_ns: int, zone: tzinfo | None = UTC) -> str:
    """`2026-11-22`."""
    return moment_of(at_ns).astimezone(zone).strftime(_DAY)


def window_said(timeline: Timeline, zone: tzinfo | None = UTC) -> str:
    """`2026-11-22 16:02:11 to 17:02:11 UTC`."""
    since, until = timeline.since_ns, timeline.until_ns
    began, ended = f"{day_of(since, zone)} {clock(since, zone)}", clock(until, zone, beside_ns=since)
    return f"{began} to {ended} {zone_said(zone, until)}"


def zone_said(zone: tzinfo | None, at_ns: int) -> str:
    """`UTC`, or `CET` with its offset."""
    at = moment_of(at_ns).astimezone(zone)
    name = at.tzname() or ""
    return name if name == "UTC" else f"{name} ({at.strftime('UTC%z')})"
