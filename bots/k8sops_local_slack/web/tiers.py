"""Rate limits: Slack's tiers per method, and one message per second and channel.

Each is a bucket that holds the burst Slack lets pass and refills at the documented rate. `Tiers.enabled` turns them off
for tests that are about something else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from k8sops_local_slack.timing import Time


class Tier(Enum):
    """How many calls a minute, and how many at once."""

    CONNECT = (1, 10)
    T1 = (1, 1)
    T2 = (20, 20)
    T3 = (50, 50)
    T4 = (100, 100)
    POSTING = (300, 300)
    SPECIAL = (600, 600)


CHANNEL_PER_MINUTE, CHANNEL_BURST = 60, 5


@dataclass
class Bucket:
    """What is left, as of a moment."""

    left: float
    at: float


class Tiers:
    """The buckets of the one app in the one workspace."""

    def __init__(self, clock: Time, *, enabled: bool = True) -> None:
        self._clock, self.enabled = clock, enabled
        self._buckets: dict[str, Bucket] = {}

    def wait_for(self, method: str, tier: Tier, channel: str | None = None) -> int:
        """Count one call; gives 0, or the whole seconds of `Retry-After` where it came too soon."""
        if not self.enabled:
            return 0
        per_minute, burst = tier.value
        wait = self._take(method, per_minute, burst)
        if not wait and tier is Tier.POSTING and channel:
            wait = self._take(f"{method} {channel}", CHANNEL_PER_MINUTE, CHANNEL_BURST)
        return wait

    def _take(self, key: str, per_minute: int, burst: int) -> int:
        now = self._clock.now()
        bucket = self._buckets.setdefault(key, Bucket(burst, now))
        bucket.left = min(burst, bucket.left + (now - bucket.at) * per_minute / 60)
        bucket.at = now
        if bucket.left >= 1:
            bucket.left -= 1
            return 0
        return max(1, math.ceil((1 - bucket.left) * 60 / per_minute))
