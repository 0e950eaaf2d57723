"""Where a stream is taken up again: what was shown of its last seconds, so that each line comes once.

A log file only grows, and what is served again of it comes in its order: so the line that was shown last is looked for,
and all behind it is new, whatever the stamps say. Lines are told by their whole text, stamp included, and counted: two
that are alike at one nanosecond are two. Where a line that was not shown comes before that one, the file is another one
(it was rotated, or the container began anew), or less of it was asked for than would reach back.

Stamps of one log may go back a little (stdout and stderr are stamped apart), hence a second is kept before the last
one. A clock that is set back by more begins this anew: then only what is later than anything shown is known to be new.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from k8sops.core.logs import SECOND_NS, moment_of

MARGIN_NS: Final = SECOND_NS
MOST_BEFORE: Final = 1_000
"""Lines that are remembered from before a clock was set back."""


class Sifted(NamedTuple):
    """What of a block is new."""

    start: int
    """The first line that is; all behind it are, too."""
    torn: bool
    """Lines before it may be missing."""


class Seam:
    """What was shown of one life of a container."""

    def __init__(self) -> None:
        self.last = 0
        """The stamp of the line that was shown last, in the order of the file."""
        self.newest = 0
        """The latest stamp shown."""
        self._anchor = 0
        """The line that was shown last."""
        self._first = 0
        self._second = 0
        """The second of the latest stamp, in nanoseconds."""
        self._now: list[int] = []
        self._before: list[int] = []
        self._owed: Counter[int] | None = None
        """What is yet to be served again before anything is new; None: nothing is."""
        self._matched = False
        self._is_next = False
        self._carried: Counter[int] = Counter()
        """Of the lives before, where it may have been of this one."""

    def next_life(self) -> Seam:
        """The seam of the life after this one, of which lines may have been shown as this one's.

        Until its pod's status tells of it, a life is followed under the number of the one before.
        """
        seam = Seam()
        # A life of which nothing was shown passes on what was shown before it.
        seam._carried = Counter(self._before + self._now) if self.newest else self._carried
        seam._owed, seam._is_next = seam._carried.copy(), True
        return seam

    @property
    def overlaps(self) -> bool:
        """Whether what is served now may have been shown."""
        return self._owed is not None

    @property
    def begins(self) -> bool:
        """Whether nothing of a life was shown that has followed another one."""
        return self._is_next and not self.newest

    @property
    def misses_last(self) -> bool:
        """Whether the line that was shown last has not been served again."""
        return self._owed is not None and not self._is_next

    @property
    def since(self) -> datetime | None:
        """From when on to ask; None for all there is."""
        return moment_of(self._second - MARGIN_NS) if self.newest else None

    @property
    def recent(self) -> int:
        """How many lines are remembered."""
        return len(self._before) + len(self._now)

    def resume(self) -> None:
        """A new request begins."""
        self._matched = False
        if self.newest:
            self._is_next = False
            self._owed = Counter(self._before + self._now)
        else:
            self._owed = self._carried.copy() if self._is_next else None

    def sift(self, lines: Sequence[str], times: Sequence[int]) -> Sifted:
        """What is new in the next block of a request. Only asked while it `overlaps`."""
        owed = self._owed
        if owed is None:
            return Sifted(0, torn=False)
        for place, (line, at) in enumerate(zip(lines, times, strict=True)):
            told = hash(line)
            if owed.get(told, 0):
                owed[told] -= 1
                self._matched = True
                if told == self._anchor and not owed[told]:
                    self._owed = None
                    return Sifted(place + 1, torn=False)
            elif self._is_new(at):
                self._owed = None
                return Sifted(place, torn=not self._is_next)
        return Sifted(len(lines), torn=False)

    def behind_last(self, lines: Sequence[str]) -> int | None:
        """Where what comes behind the last line shown begins in these; None where that line is not among them."""
        found = None
        for place, line in enumerate(lines):
            told = hash(line)
            if told == self._anchor and self._owed is not None and self._owed[told] > 0:
                self._owed[told] -= 1
                found = place + 1
        return found

    def note(self, lines: Sequence[str], times: Sequence[int]) -> None:
        """These were shown."""
        if not lines:
            return
        told = list(map(hash, lines))
        self._anchor, self.last = told[-1], times[-1]
        self._first = self._first or times[0]
        end = self._second + SECOND_NS
        if self._second <= times[0] and times[-1] < end and max(times) < end and min(times) >= self._second:
            self._now += told
        else:
            self._note_each(told, times)
        self.newest = max(self.newest, *times)

    def _note_each(self, told: list[int], times: Sequence[int]) -> None:
        start = 0
        if list(times) == sorted(times) and self._second:
            # Nearly always: lines in order, the first ones of the second we are in.
            start = bisect_left(times, self._second + SECOND_NS)
            if start and times[0] < self._second:
                start = 0
            self._now += told[:start]
        for line, at in zip(told[start:], times[start:], strict=True):
            second = at // SECOND_NS * SECOND_NS
            if second == self._second:
                self._now.append(line)
            elif second > self._second:
                self._before = self._now if second == self._second + SECOND_NS else []
                self._now, self._second = [line], second
            elif second == self._second - MARGIN_NS:
                self._before.append(line)
            else:
                self._before = (self._before + self._now)[-MOST_BEFORE:]
                self._now, self._second = [line], second
                self._first = sys.maxsize

    def _is_new(self, at: int) -> bool:
        """Whether a line that is not owed comes after those that were shown, as far as its stamp tells."""
        if self._is_next:
            return True
        if at < self._second - MARGIN_NS:
            return False
        low = min(self._first, self.newest)
        return at >= low if self._matched and low == self._first else at > low
