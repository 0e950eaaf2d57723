"""How long to pause between two looks at what another process does.

A look at a cluster costs its API server as much as it costs whoever looks, and tests share few cores: looks that follow
each other closely take the machine from what is waited for.
"""

from __future__ import annotations

from typing import Final

LEAST_S: Final = 0.02
MOST_S: Final = 0.5
TIMES: Final = 3.0
"""Looking takes a quarter of the time, and what is waited for is seen late by at most this many looks."""


def pause_after(look_s: float) -> float:
    """Seconds to pause after a look that took `look_s` seconds."""
    return min(MOST_S, max(LEAST_S, TIMES * look_s))
