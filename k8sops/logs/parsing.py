"""Blocks of lines as the kubelet stamps them, told apart into times and texts. Pure, and quick: a flood comes this way.

Kubelets write nine digits of a second, always (kubernetes, pkg/kubelet/kuberuntime/logs, `timeFormatOut`); the second
itself is worked out once for all lines that share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from k8sops.cluster.logs import LogBlock
from k8sops.core.logs import SECOND_NS, LogEntry, LogStream, stamp_ns

_SECOND: Final = slice(0, 20)
_FRACTION: Final = slice(20, 29)
_ZONE: Final = slice(29, 31)


class Stamps:
    """Reads the stamps of one stream's lines."""

    def __init__(self) -> None:
        self._second = ""
        self._base = 0

    def times(self, lines: Sequence[str]) -> list[int]:
        """When each line was written, in nanoseconds since the epoch; 0 for a line without a stamp."""
        second, base = self._second, self._base
        found: list[int] = []
        for line in lines:
            if line[_SECOND] == second and line[_ZONE] == "Z ":
                try:
                    found.append(base + int(line[_FRACTION]))
                    continue
                except ValueError:
                    pass
            found.append(stamp_ns(line.partition(" ")[0]))
            if line[19:20] == "." and line[_ZONE] == "Z " and found[-1]:
                second, base = line[_SECOND], found[-1] // SECOND_NS * SECOND_NS
        self._second, self._base = second, base
        return found


def entries_of(stream: LogStream, block: LogBlock, times: Sequence[int]) -> list[LogEntry]:
    """The block's lines without their stamps; a line that has none is whole."""
    if block.cuts or 0 in times:
        return [
            LogEntry(stream, at, line.partition(" ")[2] if at else line, block.cuts.get(place, 0))
            for place, (line, at) in enumerate(zip(block.lines, times, strict=True))
        ]
    return [
        LogEntry(stream, at, line[31:] if line[_ZONE] == "Z " else line.partition(" ")[2])
        for line, at in zip(block.lines, times, strict=True)
    ]
