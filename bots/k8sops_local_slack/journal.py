"""The journal: every call of the bot with what was answered, and how quickly it took what was sent to it.

Tokens are not in it, so that a test may scan it for secrets, and print it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call of the Web API, a response_url or an upload address."""

    at: float
    method: str
    args: dict[str, Any]
    status: int
    answer: dict[str, Any]

    @property
    def error(self) -> str | None:
        """Give Slack's word for the refusal, where it was one."""
        return self.answer.get("error")


@dataclass
class Journal:
    """What went on, in order."""

    calls: list[Call] = field(default_factory=list)
    ack_seconds: list[float] = field(default_factory=list)
    late_acks: int = 0

    def of(self, method: str) -> list[Call]:
        """List the calls of one method, oldest first."""
        return [call for call in self.calls if call.method == method]

    def refused(self) -> list[Call]:
        """List what was refused, rate limits included: what a careful bot never runs into."""
        return [call for call in self.calls if not call.answer.get("ok", True) or call.status >= 400]

    def ack_at(self, quantile: float) -> float:
        """Give the ack time, in seconds, that this share of all acks stayed within."""
        ordered = sorted(self.ack_seconds)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else 0.0
