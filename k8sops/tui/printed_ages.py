"""Ages that the server printed into a cell, counted on by our own clock: `5m12s`, and `3 (5m ago)` of restarts.

A printed age is true of the moment its row was read, and stands still from then on.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from k8sops.core.durations import human_duration, parse_duration

_KEPT: Final = 4096
_COUNT_AGO: Final = re.compile(r"(\d+) \((\S+) ago\)")


class PrintedAge(NamedTuple):
    """An age, and how often it was by then where that stands before it."""

    seconds: float
    times: str = ""


@lru_cache(maxsize=_KEPT)
def printed_age(cell: str) -> PrintedAge | None:
    """The age in a cell; None where it holds none."""
    match = _COUNT_AGO.fullmatch(cell)
    seconds = parse_duration(match[2] if match else cell)
    if seconds is None:
        return None
    return PrintedAge(seconds, match[1] if match else "")


def counted_on(cell: str, read_at: datetime, now: datetime) -> str:
    """The cell as it would be printed by now."""
    found = printed_age(cell)
    if found is None:
        return cell
    # A clock that was set back makes nothing younger than it was.
    age = human_duration(found.seconds + max(0.0, (now - read_at).total_seconds()))
    return f"{found.times} ({age} ago)" if found.times else age
