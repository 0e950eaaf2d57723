"""A container's log as lines, as the kubelet serves it through the API server.

Lines keep what the container wrote: escaping is the display's task, redaction the action's. One container at a time;
joining several is the caller's. What one read brings is handed on as one block, so that a flood costs few steps a line;
a line of any length costs bounded memory.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from k8sops.core.clock import rfc3339
from k8sops.core.errors import UsageError

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

LONGEST_LINE: Final = 64 << 10
READ_BYTES: Final = 64 << 10
"""Read at once, and waiting unread up to twice that: of a thousand streams each may have so much."""
FOLLOWED_S: Final = 86_400.0
"""A followed log may stay silent, headers included, for this long."""


class LogBlock(NamedTuple):
    """Lines without their newlines, as one read brought them."""

    lines: list[str]
    cuts: dict[int, int]
    """For lines of excessive length, by their place: the bytes left out at their end."""


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


async def log_blocks(
    transport: Transport,
    path: str,
    query: LogQuery = LogQuery(),  # noqa: B008 - immutable
    *,
    longest_line: int = LONGEST_LINE,
    on_sent: Callable[[], None] | None = None,
    subject: str = "",
) -> AsyncGenerator[LogBlock, None]:
    """The lines at `path` (a pod's `log` subresource). With `follow`, until the container ends or the caller stops.

    Bytes that are no UTF-8 come as U+FFFD. `on_sent` is called once the request is on its way: a quiet container
    sends nothing that would say so. Raises NotFoundError, ForbiddenError, InvalidError (no such container, no
    previous one), UnreachableError where the connection breaks on the way.
    """
    lines = LineCutter(longest_line)
    async with transport.stream(
        path,
        query=query.pairs(),
        accept="*/*",
        connect_deadline_s=FOLLOWED_S if query.follow else 30.0,
        # The kubelet of a quiet container sends neither headers nor a byte until it writes something.
        read_timeout_s=None if query.follow else 60.0,
        counted=not query.follow,
        buffer_bytes=READ_BYTES,
        on_sent=on_sent,
        subject=subject,
    ) as reader:
        while chunk := await reader.read(READ_BYTES):
            if (block := lines.feed(chunk)).lines:
                yield block
    if (block := lines.rest()).lines:
        yield block


class LineCutter:
    """Cuts chunks into lines, holding at most one line's bound."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._held = bytearray()
        self._dropped = 0

    def feed(self, chunk: bytes) -> LogBlock:
        """The lines that this chunk ends."""
        end = chunk.rfind(b"\n")
        if end < 0:
            self._hold(chunk)
            return LogBlock([], {})
        data = bytes(self._held) + chunk[:end]
        if self._dropped or (len(data) > self._longest and max(map(len, data.split(b"\n"))) > self._longest):
            return self._measured(chunk)
        self._held.clear()
        self._hold(chunk[end + 1 :])
        return _block(_text(data).split("\n"), {})

    def rest(self) -> LogBlock:
        """What came after the last newline."""
        return self._measured(b"\n") if self._held or self._dropped else LogBlock([], {})

    def _measured(self, chunk: bytes) -> LogBlock:
        """The same where a line may be too long: each is measured."""
        *ended, rest = chunk.split(b"\n")
        lines: list[str] = []
        cuts: dict[int, int] = {}
        for part in ended:
            self._hold(part)
            if self._dropped:
                cuts[len(lines)] = self._dropped
            lines.append(_text(bytes(self._held)))
            self._held.clear()
            self._dropped = 0
        self._hold(rest)
        return _block(lines, cuts)

    def _hold(self, part: bytes) -> None:
        room = self._longest - len(self._held)
        self._held += part[:room]
        self._dropped += max(0, len(part) - room)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _block(lines: list[str], cuts: dict[int, int]) -> LogBlock:
    return LogBlock([line.removesuffix("\r") for line in lines], cuts)
