"""What goes wrong on purpose: the test plans it here; dispatcher, sockets and outbox ask here, and do it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["ratelimited", "server_error", "drop", "drop_after"]


@dataclass
class Faults:
    """Faults that wait for their call; `*` stands for every method."""

    latency: dict[str, float] = field(default_factory=dict)
    retry_after: int = 1
    duplicates: int = 0
    signature: Literal["good", "forged", "late"] = "good"
    _planned: dict[str, list[Fault]] = field(default_factory=dict)

    def limit(self, method: str, times: int = 1, *, retry_after: int = 1) -> None:
        """Answer 429 with this Retry-After, so many times."""
        self.retry_after = retry_after
        self._planned.setdefault(method, []).extend(["ratelimited"] * times)

    def fail(self, method: str, times: int = 1) -> None:
        """Answer 503 without doing anything, so many times."""
        self._planned.setdefault(method, []).extend(["server_error"] * times)

    def drop(self, method: str, times: int = 1, *, after: bool = False) -> None:
        """Cut the connection without an answer, before the call is carried out or after it."""
        self._planned.setdefault(method, []).extend(["drop_after" if after else "drop"] * times)

    def duplicate(self, times: int = 1) -> None:
        """Deliver each of the next so many payloads twice."""
        self.duplicates += times

    def slow(self, method: str, seconds: float) -> None:
        """Let every answer of the method take so long, by the server's clock."""
        self.latency[method] = seconds

    def next_for(self, method: str) -> Fault | None:
        """Take the fault that waits for this method, if one does."""
        for name in (method, "*"):
            if self._planned.get(name):
                return self._planned[name].pop(0)
        return None

    def delay(self, method: str) -> float:
        """Say how many seconds the answer takes."""
        return self.latency.get(method, self.latency.get("*", 0.0))
