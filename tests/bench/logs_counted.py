"""Counts lines that bear numbers, stream by stream: what is missing between two of a stream was lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

_POD = re.compile(rb"app-\d{4}-[a-z0-9]{9}-[a-z0-9]{5}")
_NUMBER = re.compile(rb" n=(\d+) ")


class Counted(msgspec.Struct):
    """What a follower's output holds."""

    lines: int
    lost: int
    doubled: int
    last: dict[bytes, int]
    """By pod, the number of its last line."""

    @property
    def streams(self) -> int:
        """How many pods said something."""
        return len(self.last)

    def late(self, lines: int) -> int:
        """How many streams end so many lines before the furthest."""
        furthest = max(self.last.values(), default=0)
        return sum(furthest - number > lines for number in self.last.values())


def count_lines(said: Path) -> Counted:
    """Count a file of lines that name their pod and bear their number; the last one may be cut off."""
    numbers: dict[bytes, list[int]] = {}
    for pod, number in _told(said):
        numbers.setdefault(pod, []).append(number)
    lines = lost = doubled = 0
    last = {}
    for pod, every in numbers.items():
        distinct = set(every)
        lines += len(every)
        doubled += len(every) - len(distinct)
        lost += max(every) - min(every) + 1 - len(distinct)
        last[pod] = max(every)
    return Counted(lines, lost, doubled, last)


def _told(said: Path) -> Iterator[tuple[bytes, int]]:
    with said.open("rb") as file:
        for line in file:
            pod, number = _POD.search(line), _NUMBER.search(line)
            if pod is not None and number is not None:
                yield pod[0], int(number[1])
