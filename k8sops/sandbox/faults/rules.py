"""Which requests a fault befalls, and what it does to them.

Rules are tried in the order in which they were made. Delays add up; of the others the first that takes a request is
the one it gets, and is used up after `times` of them.
"""

from __future__ import annotations

import json
import math
import random
import re
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

JSON: Final = {"Content-Type": "application/json"}


@dataclass(eq=False)
class Rule:
    """One fault and the requests it befalls."""

    path: re.Pattern[str]
    """Searched in path and query."""
    method: str
    times: float = math.inf
    share: float = 1.0
    """Of the matching requests, chosen at random."""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset: bool = False
    after_bytes: int | None = None
    chunk: int = 0
    delay_s: float = 0.0
    """Before each piece of the answer."""
    latency_s: float = 0.0
    """Before the request goes on, and for each event of a watch; such a rule does nothing else."""
    jitter_s: float = 0.0
    watches: bool | None = None
    hits: int = 0

    def takes(self, request: web.Request, chance: random.Random) -> bool:
        """Whether the rule is for this request and not used up."""
        return (
            self.hits < self.times
            and (self.watches is None or self.watches == is_watch(request))
            and self.method in {"", request.method}
            and self.path.search(request.raw_path) is not None
            and (self.share >= 1 or chance.random() < self.share)
        )

    def latency(self, chance: random.Random) -> float:
        """How long one request waits, in seconds."""
        return max(0.0, self.latency_s + chance.uniform(-self.jitter_s, self.jitter_s))


class Rules:
    """The rules in force at one proxy."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._rules: list[Rule] = []
        self._chance: Final = chance or random.Random()  # noqa: S311 - decides who fails, not who may

    def add(self, rule: Rule) -> Rule:
        """Put it after those there are."""
        self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Forget one; it may be gone already."""
        if rule in self._rules:
            self._rules.remove(rule)

    def clear(self) -> None:
        """Forget all."""
        self._rules.clear()

    def choose(self, request: web.Request) -> tuple[float, Rule | None]:
        """Seconds that the request waits, and the rule it then falls to; counts them as hit."""
        seconds = 0.0
        for rule in self._rules:
            if not rule.takes(request, self._chance):
                continue
            rule.hits += 1
            if not rule.latency_s:
                return seconds, rule
            seconds += rule.latency(self._chance)
        return seconds, None

    def stream_latency(self, request: web.Request) -> float:
        """Seconds that the next event of this running watch comes late."""
        return sum(
            rule.latency(self._chance)
            for rule in self._rules
            if rule.latency_s and rule.takes(request, self._chance)
        )


def is_watch(request: web.Request) -> bool:
    """Whether the request asks for a watch, as the API server reads it."""
    return request.query.get("watch") in {"true", "1"}


def status_body(code: int, reason: str, message: str, *, retry_after: int | None = None) -> bytes:
    """A metav1.Status of a failure, as the API server writes it."""
    status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    status |= {"code": code, "reason": reason, "message": message}
    if retry_after is not None:
        status["details"] = {"retryAfterSeconds": retry_after}
    return json.dumps(status, separators=(",", ":")).encode()


def expired_event() -> bytes:
    """The last event of a watch whose resourceVersion the API server no longer knows."""
    status = json.loads(status_body(410, "Expired", "too old resource version: 1 (2)"))
    return json.dumps({"type": "ERROR", "object": status}, separators=(",", ":")).encode() + b"\n"
