"""How often this process looks for garbage in cycles: rarely, since what it keeps by the ten thousand has none.

Called once, by whoever is the process: a library that is used by another program leaves that program's settings alone.
"""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (50_000, 20, 50)


def collect_rarely() -> None:
    """Make the garbage collector of this process run less often.

    At Python's own thresholds rows by the ten thousand set off full collections of tens of milliseconds: a held key
    shows them on a screen, and they are a seventh of what a backup costs (docs/performance.md).
    """
    gc.set_threshold(*THRESHOLDS)


def put_off_collecting() -> None:
    """Make no collection until `collect_again`: what a start loads stays, and looking through it finds nothing."""
    gc.disable()


def collect_again() -> None:
    """Collect garbage as before, without ever looking again at what has been loaded until now."""
    gc.freeze()
    gc.enable()
