"""How long to wait before connecting again: exponential, jittered, bounded.

Jitter keeps a hundred clients of a restarted API server from coming back in the same instant.
"""

from __future__ import annotations

import random
from typing import Final

FIRST_S: Final = 0.5
LONGEST_S: Final = 10.0
"""A person may be looking at what waits: after an outage a screen must not stay stale for half a minute."""
MOST_OBEYED_S: Final = 120.0
"""A longer Retry-After is not believed."""


class Backoff:
    """A sequence of waits in seconds, growing from FIRST_S to LONGEST_S until `reset`."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures since the last reset."""
        return self._failures

    def next(self, retry_after: float | None = None) -> float:
        """The wait after one more failure; the server's Retry-After, where it gave one, is the least of it."""
        ceiling = min(LONGEST_S, 2 * FIRST_S * 2 ** min(self._failures, 16))
        self._failures += 1
        wait = self._source.uniform(max(FIRST_S, ceiling / 2), ceiling)
        return max(min(LONGEST_S, wait), min(retry_after or 0.0, MOST_OBEYED_S))

    def reset(self) -> None:
        """Forget the failures: the connection has proved itself."""
        self._failures = 0
