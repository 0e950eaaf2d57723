"""Pieces of a log cut into whole lines, so that a broken stream can be taken up again and a window has an end.

Lines are not looked at one by one: only the last of each piece is, where a piece reaches the window's end, and where
a stream begins anew.
"""

from __future__ import annotations

from typing import Final

from k8sops.core.logs import stamp_ns

LONGEST_HELD: Final = 1 << 20
"""Of a longer line the parts go on as they come; a stream that breaks within it is not taken up again."""
REMEMBERED: Final = 64 << 10
"""Bytes at the end that tell where a stream was left."""
_LONGEST_STAMP: Final = 40


class LineEnds:
    """Of one log; `until_ns` is the last moment that is wanted, 0 for all."""

    def __init__(self, until_ns: int = 0) -> None:
        self.past_end = False
        """Whether nothing but lines behind the window comes any more."""
        self._until: Final = until_ns
        self._held: list[bytes] = []
        self._held_size = 0
        self._within_line = False
        self._end = b""
        self._skip_to = 0
        self._skip_same = 0

    @property
    def last_ns(self) -> int:
        """The time of the last whole line; 0 where none came, or it has none."""
        return _stamp(self._end, self._end.rfind(b"\n", 0, max(len(self._end) - 1, 0)) + 1)

    @property
    def can_resume(self) -> bool:
        """Whether it is known where the stream was left."""
        return not self._within_line and (not self._end or self.last_ns > 0)

    def feed(self, data: bytes) -> bytes:
        """The whole lines of what came until now, and nothing behind the window."""
        end = data.rfind(b"\n") + 1
        if not end:
            return self._hold(data)
        lines = b"".join((*self._held, data[:end]))
        self._held, self._held_size, self._within_line = [], 0, False
        self._hold(data[end:])
        if self._skip_to:
            lines = self._unseen(lines)
        if self._until and _stamp(lines, lines.rfind(b"\n", 0, -1) + 1) > self._until:
            lines = self._until_end(lines)
        self._end = (self._end + lines[-REMEMBERED:])[-REMEMBERED:] if lines else self._end
        return lines

    def rest(self) -> bytes:
        """A last line without an end."""
        rest = b"".join(self._held)
        self._held, self._held_size = [], 0
        if self._until and _stamp(rest, 0) > self._until:
            return b""
        return self._unseen(rest) if self._skip_to else rest

    def resume(self) -> None:
        """The stream begins anew at the second of its last line: what was seen of it comes again."""
        self._held, self._held_size = [], 0
        self._skip_to = self.last_ns
        seen = self._end.splitlines(keepends=True)
        self._skip_same = sum(_stamp(line, 0) == self._skip_to for line in seen) if self._skip_to else 0

    def _hold(self, data: bytes) -> bytes:
        """Keep the beginning of a line; a very long one goes on as it is."""
        self._held.append(data)
        self._held_size += len(data)
        if self._held_size < LONGEST_HELD or self._skip_to:
            return b""
        out = b"".join(self._held)
        self._held, self._held_size, self._within_line = [], 0, True
        return out

    def _unseen(self, lines: bytes) -> bytes:
        """Without what came before the break: everything older, and as many of the same nanosecond."""
        at = 0
        while at < len(lines):
            end = lines.find(b"\n", at) + 1 or len(lines)
            stamp = _stamp(lines, at)
            if stamp > self._skip_to or (stamp == self._skip_to and self._skip_same == 0):
                self._skip_to = 0
                break
            self._skip_same -= stamp == self._skip_to
            at = end
        return lines[at:]

    def _until_end(self, lines: bytes) -> bytes:
        """Without lines behind the window; a clock that was set back may bring more that are within."""
        kept = [line for line in lines.splitlines(keepends=True) if _stamp(line, 0) <= self._until]
        self.past_end = not kept
        return b"".join(kept)


def _stamp(lines: bytes, at: int) -> int:
    """The time at the head of the line that begins there; 0 where there is none."""
    return stamp_ns(lines[at : at + _LONGEST_STAMP].partition(b" ")[0].decode("latin-1"))
