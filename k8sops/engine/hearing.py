"""Whether this process hears the store well enough to call another one dead.

A lease ends when its holder has not been heard of. Where the store was away or blocked, or this machine slept, nobody
was heard of, and those who come back first would take what others still hold: whoever was cut off waits a little, so
that those who live can say so.
"""

from __future__ import annotations

from typing import Final

from k8sops.engine.lease_guard import Uptime

GRACE: Final = 1.5
"""Heartbeats that the living are given to say so."""


class Hearing:
    """Of one carrier."""

    def __init__(self, now: Uptime, heartbeat_s: float, round_s: float) -> None:
        self._now = now
        self._heartbeat_s = heartbeat_s
        self._silence_s = heartbeat_s + round_s
        self._heard_at = now()
        self._judges_from = float("-inf")

    def heard(self) -> None:
        """The store has answered, or nothing was to be asked."""
        if self._now() - self._heard_at > self._silence_s:
            self.cut_off()
        self._heard_at = self._now()

    def cut_off(self) -> None:
        """It has not, or took too long."""
        self._judges_from = self._now() + GRACE * self._heartbeat_s

    def judges(self, asked_at: float | None = None) -> bool:
        """Whether a lease that has ended may be taken for abandoned, in a transaction that was asked for then."""
        if asked_at is not None and self._now() - asked_at > self._heartbeat_s:
            self.cut_off()
        return self._now() >= self._judges_from
