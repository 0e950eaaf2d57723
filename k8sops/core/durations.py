"""Ages as kubectl prints and an operator reads them, both ways.

The rounding steps are those of `HumanDuration` in k8s.io/apimachinery/pkg/util/duration, so that a screen and a
`kubectl get` beside it never disagree.
"""

from __future__ import annotations

import re
from datetime import datetime

UNKNOWN = "<unknown>"
"""What kubectl prints for an object without a creation time."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 365 * _DAY

# Below `limit` seconds an age is printed in `unit`, followed by what is left in `rest` where that is not zero.
_STEPS: tuple[tuple[int, int, str, int, str], ...] = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)

_UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": float(_YEAR), "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdy])")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")


def human_duration(seconds: float) -> str:
    """An age in kubectl's words; clocks may differ by under two seconds, older than now is `<invalid>`."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    for limit, unit, letter, rest_unit, rest_letter in _STEPS:
        if whole < limit:
            count, left = divmod(whole, unit)
            rest = left // rest_unit if rest_unit else 0
            return f"{count}{letter}{rest}{rest_letter}" if rest else f"{count}{letter}"
    return f"{whole // _YEAR}y"


def age(created: datetime | None, now: datetime) -> str:
    """The age of an object at `now`; `<unknown>` where the server gave no creation time."""
    return human_duration((now - created).total_seconds()) if created is not None else UNKNOWN


def parse_duration(text: str) -> float | None:
    """Seconds from `5d3h`, `45s` or `1.5ms`; None where the text is not a duration."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(count) * _UNIT_SECONDS[unit] for count, unit in _PART.findall(text))
