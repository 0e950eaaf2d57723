"""Progress of what only looks: nothing in its first second, then a line now and then."""

from __future__ import annotations

import time
from typing import Final

from k8sops.cli.console import ProgressLine

FIRST_S: Final = 1.0
EVERY_S: Final = 0.2
EVERY_PLAIN_S: Final = 10.0


class Seldom:
    """A `ProgressLine` for what tells more often than anybody reads."""

    def __init__(self) -> None:
        import sys

        self._line: Final = ProgressLine()
        self._every: Final = EVERY_S if sys.stderr.isatty() else EVERY_PLAIN_S
        self._next = time.monotonic() + FIRST_S

    def show(self, text: str) -> None:
        """Show it, if it is time."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._every
            self._line.show(text)

    def clear(self) -> None:
        """Leave the line empty."""
        self._line.clear()
