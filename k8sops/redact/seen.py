"""A text as a reader sees it, without the sequences that colour it, and where its places lie in what was written.

Programs colour names and values apart: `password` and what it is are then no neighbours. What is found without the
colours is taken out where it was written, and they stay. Nothing is done to a text that has none.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import Final

_SEQUENCE: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\([0-9AB])")


class Seen:
    """A text without its colours, which are at the places `_at`; up to each, `_gone` bytes went."""

    def __init__(self, raw: bytes) -> None:
        self.raw: Final = raw
        self._at: Final[list[int]] = []
        self._gone: Final = [0]
        self.text: Final = self._without() if b"\x1b" in raw else raw

    def of(self, place: int) -> int:
        """Where the byte at a place was written: behind the colours before it."""
        return place + self._gone[bisect_right(self._at, place)]

    def behind(self, place: int) -> int:
        """Where the byte before a place ends: before the colours that follow on it."""
        return place + self._gone[bisect_left(self._at, place)]

    def _without(self) -> bytes:
        parts: list[bytes] = []
        end = gone = 0
        for found in _SEQUENCE.finditer(self.raw):
            parts.append(self.raw[end : found.start()])
            self._at.append(found.start() - gone)
            end = found.end()
            gone += end - found.start()
            self._gone.append(gone)
        parts.append(self.raw[end:])
        return b"".join(parts)
