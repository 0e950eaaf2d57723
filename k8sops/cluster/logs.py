"""A container's log as lines, as the kubelet serves it through the API server.

Lines keep what the container wrote: escaping is the display's task, redaction the action's. One container at a time;
joining several is the caller's. A line of any length costs bounded memory.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from k8sops.core.clock import rfc3339
from k8sops.core.errors import UsageError

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

LONGEST_LINE: Final = 64 << 10
FOLLOWED_S: Final = 86_400.0
"""A followed log may stay silent, headers included, for this long."""


class LogLine(NamedTuple):
    """A line without its newline; `cut` counts the bytes left out at its end."""

    text: str
    cut: int = 0


class LogQuery(NamedTuple):
    """What to read; the API server's own parameters (PodLogOptions)."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    since_seconds: int | None = None
    since_time: datetime | None = None
    limit_bytes: int | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """As query parameters. Raises UsageError where two of them exclude each other."""
        if self.since_seconds is not None and self.since_time is not None:
            raise UsageError("a log is read since a duration or since a moment, not both")
        switches = {"follow": self.follow, "previous": self.previous, "timestamps": self.timestamps}
        numbers = {
            "tailLines": self.tail_lines,
            "sinceSeconds": self.since_seconds,
            "limitBytes": self.limit_bytes,
        }
        pairs = [("container", self.container)] if self.container else []
        pairs += [(name, "true") for name, on in switches.items() if on]
        pairs += [(name, str(number)) for name, number in numbers.items() if number is not None]
        if self.since_time is not None:
            pairs.append(("sinceTime", rfc3339(self.since_time)))
        return pairs


async def stream_logs(
    transport: Transport,
    path: str,
    query: LogQuery = LogQuery(),  # noqa: B008 - immutable
    *,
    longest_line: int = LONGEST_LINE,
    subject: str = "",
) -> AsyncGenerator[LogLine, None]:
    """The lines at `path` (a pod's `log` subresource). With `follow`, until the container ends or the caller stops.

    Bytes that are no UTF-8 come as U+FFFD. Raises NotFoundError, ForbiddenError, InvalidError (no such container, no
    previous one), UnreachableError where the connection breaks on the way.
    """
    lines = _Lines(longest_line)
    async with transport.stream(
        path,
        query=query.pairs(),
        accept="*/*",
        connect_deadline_s=FOLLOWED_S if query.follow else 30.0,
        # The kubelet of a quiet container sends neither headers nor a byte until it writes something.
        read_timeout_s=None if query.follow else 60.0,
        counted=not query.follow,
        subject=subject,
    ) as reader:
        while chunk := await reader.readany():
            for line in lines.feed(chunk):
                yield line
    for line in lines.rest():
        yield line


class _Lines:
    """Cuts chunks into lines, holding at most one line's bound."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._held = bytearray()
        self._dropped = 0

    def feed(self, chunk: bytes) -> list[LogLine]:
        *ended, rest = chunk.split(b"\n")
        lines: list[LogLine] = []
        for part in ended:
            self._hold(part)
            lines.append(self._line())
        self._hold(rest)
        return lines

    def rest(self) -> list[LogLine]:
        return [self._line()] if self._held or self._dropped else []

    def _hold(self, part: bytes) -> None:
        room = self._longest - len(self._held)
        self._held += part[:room]
        self._dropped += max(0, len(part) - room)

    def _line(self) -> LogLine:
        line = LogLine(self._held.decode("utf-8", "replace").removesuffix("\r"), self._dropped)
        self._held.clear()
        self._dropped = 0
        return line
