"""Container logs as doors see them: which are wanted, and the lines as they come from several containers at once.

Times are the kubelet's own, in nanoseconds since the epoch: they tell lines apart where a stream is taken up again.
Text is what the container wrote; making it safe to show is the display's task.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

SECOND_NS: Final = 1_000_000_000
MOST_LINES: Final = 5_000
"""Lines asked of one container where a span of time is wanted, which may hold any number."""

Part = Literal["tail", "head", "since"]


class LogStream(msgspec.Struct, frozen=True, order=True):
    """One container of one pod."""

    namespace: str
    pod: str
    container: str

    @property
    def label(self) -> str:
        """`web-1/app`."""
        return f"{self.pod}/{self.container}"


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """A line, or a marker: a sentence of ours on the stream, such as that its container began anew."""

    stream: LogStream
    at: int
    """Nanoseconds since the epoch; 0 where the kubelet gave none."""
    text: str
    cut: int = 0
    """Bytes left out at the end of a line of excessive length."""
    marker: bool = False
    gap: bool = False
    """A marker of lines that are missing, or may be."""


class LogWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Whose logs, and which part of them."""

    kind: str
    """A pod, or anything that selects pods, as it was typed."""
    name: str
    namespace: str
    container: str = ""
    """Empty: all containers of the pods, those that start them included."""
    previous: bool = False
    """The container before the present one, alone; it has ended, so that nothing is followed."""
    part: Part = "tail"
    lines: int = 100
    """How many at the end, or the beginning, of each container's log."""
    since_s: int = 0
    """For `since`: how far back in seconds."""
    follow: bool = True


def stamp_ns(text: str) -> int:
    """An RFC 3339 time with any fraction in nanoseconds since the epoch; 0 for what is none.

    Kubelets write nine digits or fewer, and their own zone (CRI logging format).
    """
    head, point, rest = text.partition(".")
    if not point:
        return _seconds(text) * SECOND_NS
    digits = 0
    while digits < len(rest) and rest[digits].isdigit():
        digits += 1
    fraction = int(rest[:9].ljust(9, "0")) if digits >= 9 else int((rest[:digits] or "0").ljust(9, "0"))
    seconds = _seconds(head + rest[digits:])
    return seconds * SECOND_NS + fraction if seconds else 0


def moment_of(at: int) -> datetime:
    """The moment, to the microsecond, in UTC."""
    return datetime.fromtimestamp(at // SECOND_NS, UTC).replace(microsecond=at % SECOND_NS // 1000)


def _seconds(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return 0
