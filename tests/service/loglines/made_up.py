"""Lines for the tests: of two pods, a second apart."""

from __future__ import annotations

from collections.abc import Iterable

from k8sops.core.logs import SECOND_NS, LogEntry, LogStream
from k8sops.service.loglines.filtering import Leveled, LineFilter
from k8sops.service.loglines.printing import LinePrinter, LineStyle

WEB_1 = LogStream("shop", "web-1", "app")
WEB_2 = LogStream("shop", "web-2", "app")
START_S = 1_795_368_600
"""2026-11-22T17:30:00Z."""


def line(text: str, *, second: float = 0, stream: LogStream = WEB_1, cut: int = 0) -> LogEntry:
    """A line, so many seconds after the start."""
    return LogEntry(stream, START_S * SECOND_NS + round(second * SECOND_NS), text, cut=cut)


def marker(text: str) -> LogEntry:
    """A sentence of ours on the stream."""
    return LogEntry(WEB_1, START_S * SECOND_NS, text, marker=True)


def leveled(*entries: LogEntry) -> list[Leveled]:
    """As a filter that lets all pass."""
    return list(LineFilter().passed(entries))


def shown(style: LineStyle, *entries: LogEntry) -> str:
    """What is written for these."""
    return LinePrinter(style).printed(leveled(*entries)).text


def texts(lines: Iterable[Leveled]) -> list[str]:
    """The texts, with what is said behind them."""
    return [f"{entry.text} {note}".rstrip() for entry, _, note in lines]
