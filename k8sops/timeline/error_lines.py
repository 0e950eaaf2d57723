"""Lines of a container's log that tell of an error, counted by the minute, with one that says something.

Works on chunks as they come, cut anywhere: one linear search over the bytes, and work per line only for lines it
finds, so that a calm log costs next to nothing. Memory is bounded by one line's head and `MOST_SPANS` counts.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from k8sops.core.logs import SECOND_NS, LogStream, stamp_ns
from k8sops.core.timeline import Moment
from k8sops.redact.linear import LinearPattern
from k8sops.timeline.facts import LONGEST_TEXT, subject

LONGEST_LINE: Final = 64 << 10
"""Of a longer line the rest is not searched: levels stand at the head."""
MOST_SPANS: Final = 60
MOST_MINUTES: Final = 256
MINUTE_NS: Final = 60 * SECOND_NS

# A level in capitals as a word, or small where it stands as a level: level=error, "level":"error" (or pino's 50 and
# 60), [error], <err>; klog's E1122 and F1122 right behind the kubelet's stamp; what runtimes write when they give up.
_ERRORS: Final = (
    r"\b(?:ERROR|FATAL|PANIC|CRITICAL|SEVERE|EMERGENCY)\b"
    r'|\b(?:level|lvl|severity|log\.level)"?[=:] ?"?(?:[Ee]rror|ERR\b|err\b|eror\b|[Ff]atal|[Pp]anic|[Cc]rit|50\b|60\b)'
    r"|[\[<](?:[Ee]rror|err|fatal|crit|critical|emerg|alert|panic)[\]>:]"
    r"|(?:Z|[+-]\d\d:\d\d) (?:[EF]\d{4} \d\d:\d\d:|panic: |fatal error: |[Ee]rror: )"
    r"|Traceback \(most recent call last\)|Exception in thread|Unhandled (?:rejection|exception)"
    r"|\b[A-Za-z_.]{0,80}(?:Error|Exception)(?::|(?m:$)| \[)"
)
# A line that only announces what the next one says.
_ANNOUNCING: Final = (b"Traceback (most recent call last)",)
_MESSAGES: Final = ("msg", "message", "error", "err", "log")
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])
_MINUTE: Final = len("2026-11-22T17:01")
_STAMP: Final = len("2026-11-22T17:01:02.123456789+00:00 ")
_LONGEST_TAKEN: Final = 4 * LONGEST_TEXT + _STAMP


class ErrorLines:
    """The lines of errors of one container: feed it its log, each line led by the kubelet's time, then ask."""

    def __init__(self, stream: LogStream, *, previous: bool = False) -> None:
        self._subject: Final = subject("Pod", stream.namespace, stream.pod, stream.container)
        self._previous: Final = previous
        self._pattern: Final = _pattern()
        self._rest = b""
        self._skipping = False
        self._minutes: dict[bytes, _Minute] = {}
        self._spans: dict[int, _Span] = {}
        self._width = MINUTE_NS
        self._last_ns = 0

    def feed(self, data: bytes) -> None:
        """The next bytes of the log, cut anywhere."""
        if self._skipping:
            line_end = data.find(b"\n")
            if line_end < 0:
                return
            data, self._skipping = data[line_end + 1 :], False
        if self._rest:
            data, self._rest = self._rest + data, b""
        end = data.rfind(b"\n") + 1
        if len(data) - end > LONGEST_LINE:
            self._search(data[: end + LONGEST_LINE] + b"\n")
            self._skipping = True
            return
        self._rest = data[end:]
        if end:
            self._search(data[:end])

    def moments(self) -> list[Moment]:
        """What was found, a moment for each span, in order of time; the last line may have no end."""
        if self._rest:
            self._search(self._rest + b"\n")
            self._rest = b""
        self._settle()
        return [self._moment(span) for _, span in sorted(self._spans.items())]

    def _search(self, lines: bytes) -> None:
        minutes = self._minutes
        for found in self._pattern.starts(lines):
            begin = lines.rfind(b"\n", 0, found) + 1
            minute = minutes.get(lines[begin : begin + _MINUTE])
            if minute is None:
                minute = self._new_minute(lines[begin : begin + _MINUTE])
            minute.count += 1
            minute.last = lines[begin : begin + _STAMP]
            if minute.announces:
                minute.take(lines[begin : min(lines.find(b"\n", found), begin + _LONGEST_TAKEN)])

    def _new_minute(self, prefix: bytes) -> _Minute:
        if len(self._minutes) >= MOST_MINUTES:
            self._settle()
        found = self._minutes[prefix] = _Minute()
        return found

    def _settle(self) -> None:
        """Make spans of the minutes, with real times, and longer ones where there are too many."""
        for minute in self._minutes.values():
            first = _at(minute.first) or self._last_ns
            self._last_ns = last = max(first, _at(minute.last))
            span = _Span(first, last, minute.count, minute.text)
            kept = self._spans.setdefault(first // self._width, span)
            if kept is not span:
                kept.join(span)
        self._minutes.clear()
        while len(self._spans) > MOST_SPANS:
            self._width *= 2
            wider: dict[int, _Span] = {}
            for _, span in sorted(self._spans.items()):
                kept = wider.setdefault(span.first // self._width, span)
                if kept is not span:
                    kept.join(span)
            self._spans = wider

    def _moment(self, span: _Span) -> Moment:
        text = _said(span.text)
        return Moment(
            at_ns=span.first,
            until_ns=span.last if span.last > span.first else 0,
            count=span.count,
            matter="log",
            subject=self._subject,
            text=f"before its restart: {text}" if self._previous else text,
            bad=True,
        )


class _Minute:
    """What was found under one minute's stamp, times not yet read: there may be very many lines."""

    __slots__ = ("announces", "count", "first", "last", "text")

    def __init__(self) -> None:
        self.count = 0
        self.first = self.last = b""
        self.text = b""
        self.announces = True
        """Whether a line is still wanted that says what happened."""

    def take(self, line: bytes) -> None:
        stamp, _, text = line.partition(b" ")
        if not _at(stamp):
            # Written by a runtime that gives no times.
            stamp, text = b"", line
        self.first = self.first or stamp
        self.text = text
        self.announces = text.startswith(_ANNOUNCING)


class _Span:
    """Some minutes: how many lines, from when to when, and the one that stands for them."""

    __slots__ = ("count", "first", "last", "text")

    def __init__(self, first: int, last: int, count: int, text: bytes) -> None:
        self.first, self.last, self.count, self.text = first, last, count, text

    def join(self, other: _Span) -> None:
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.count += other.count


def _said(line: bytes) -> str:
    """A line as a sentence: of a JSON line its message."""
    if line.startswith(b"{"):
        try:
            found = _DECODER.decode(line)
        except (msgspec.DecodeError, RecursionError):
            # Cut, nested without end, or JSON only at first sight.
            found = {}
        for key in _MESSAGES:
            if isinstance(found.get(key), str) and found[key]:
                line = found[key].encode()
                break
    return b" ".join(line.split()).decode("utf-8", "replace")[:LONGEST_TEXT]


def _at(line: bytes) -> int:
    """The time at the head of a line in nanoseconds; 0 where there is none."""
    return stamp_ns(line.partition(b" ")[0].decode("latin-1"))


_COMPILED: Final[list[LinearPattern]] = []


def _pattern() -> LinearPattern:
    """Compiled for the first log that is searched, then shared."""
    if not _COMPILED:
        _COMPILED.append(LinearPattern(rf"(?:{_ERRORS})[^\n]*"))
    return _COMPILED[0]
