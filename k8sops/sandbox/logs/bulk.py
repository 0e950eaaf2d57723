"""A log of some megabytes that costs next to nothing to serve: `sandbox.k8sops.dev/log: bulk`.

It is put together of pages of a hundred lines that are made once, in an order that the container decides. A page takes
a hundredth of a second, so a line's time is two parts: that of its page, which is the same for all its lines, and its
own within it, which stands in the page. Joining the lines by the first part stamps them all.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from functools import lru_cache
from time import gmtime, strftime
from typing import Final, NamedTuple

from k8sops.sandbox.logs.lines import ordinary, secret
from k8sops.sandbox.logs.lives import NEVER_NS, SECOND_NS

BULK: Final = "bulk"
PAGES: Final = 1024
"""Different ones: 12 MB, more than the window of the usual compressors, which thus find no more than in a real log."""
PAGE_LINES: Final = 100
PAGE_BYTES: Final = 12_450
"""About that."""
PAGE_NS: Final = 10_000_000
LINE_NS: Final = PAGE_NS // PAGE_LINES
BLOCK_PAGES: Final = 16
SECRET_IN: Final = 125
"""One line of so many holds what must not be shown."""


class Page(NamedTuple):
    """A hundred lines, as they are served with timestamps and without."""

    stamped: list[bytes]
    """From the third digit after the point on, the line's end included."""
    plain: list[bytes]
    text: bytes
    """The plain ones in one."""


class Bulk:
    """The voice of a container that says all it has to say within seconds of its start, and no more."""

    skewed: Final = False

    def __init__(self, seed: str, started_ns: int, size: int, keep: int) -> None:
        self._seed: Final = zlib.crc32(seed.encode())
        # Pages begin on whole hundredths.
        self._started: Final = started_ns - started_ns % PAGE_NS
        self._lines: Final = max(1, round(size / PAGE_BYTES * PAGE_LINES))
        self.keep: Final = keep or self._lines

    def said(self, now_ns: int) -> int:
        """How many lines were said up to this moment."""
        return min(max((now_ns - self._started) // LINE_NS + 1, 0), self._lines)

    def moment(self, index: int) -> int:
        """When a line is said, in nanoseconds since the epoch."""
        return self._started + index * LINE_NS if index < self._lines else NEVER_NS

    def blocks(self, first: int, last: int, *, stamped: bool, since_ns: int = 0) -> Iterator[bytes]:
        """Lines first ≤ i < last as text, some pages in a block, without those stamped before `since_ns`."""
        first = max(first, self.said(since_ns - 1))
        while first < last:
            end = min(last, (first // PAGE_LINES + BLOCK_PAGES) * PAGE_LINES)
            numbers = range(first // PAGE_LINES, -(-end // PAGE_LINES))
            yield b"".join(self._page(number, first, end, stamped=stamped) for number in numbers)
            first = end

    def _page(self, number: int, first: int, last: int, *, stamped: bool) -> bytes:
        """The lines of the log's n-th page that are asked for."""
        page = page_of((number * (self._seed | 1) + (self._seed >> 16)) % PAGES)
        start = number * PAGE_LINES
        lines = slice(max(first - start, 0), last - start)
        if not stamped:
            return page.text if lines.start == 0 and lines.stop >= PAGE_LINES else b"".join(page.plain[lines])
        second, rest = divmod(self._started + number * PAGE_NS, SECOND_NS)
        prefix = b"%b.%02d" % (strftime("%Y-%m-%dT%H:%M:%S", gmtime(second)).encode(), rest // PAGE_NS)
        return prefix.join((b"", *page.stamped[lines]))


@lru_cache(PAGES)
def page_of(number: int) -> Page:
    """One of the pages, the same in every sandbox."""
    chance = random.Random(number)  # noqa: S311 - made-up lines
    plain = [
        (secret if (number * PAGE_LINES + at) % SECRET_IN == 0 else ordinary)(chance).encode() + b"\n"
        for at in range(PAGE_LINES)
    ]
    stamped = [b"%07dZ %b" % (at * LINE_NS, line) for at, line in enumerate(plain)]
    return Page(stamped, plain, b"".join(plain))
