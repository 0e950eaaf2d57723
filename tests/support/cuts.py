"""Connections cut at one request after the other, and a clock on which nobody waits for the next try.

`cut_at(proxy, 3, "before")` cuts at the third request from now on. Which one that is may differ from one try to the
next, and must not matter.
"""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from k8sops.core.clock import SystemClock
from k8sops.sandbox.faults.rules import Rule
from tests.support.fault_proxy import FaultProxy

Cut = Literal["before", "within", "for good"]
"""Before the request goes on, and again when it is repeated; within its answer, after it was carried out; before it and
everything after it."""

SOME_BYTES = 20
MOST_REQUESTS = 80
EVERY = range(1, MOST_REQUESTS)
ODD = range(1, MOST_REQUESTS, 2)
EVEN = range(2, MOST_REQUESTS, 2)
"""A test for each number takes seconds: two may share them."""


@dataclass(eq=False)
class CutAt(Rule):
    """Of all requests the one of this number, counted from 1."""

    number: int = 1
    for_good: bool = False
    again: int = 0
    """How many repeats of it are cut as well: an HTTP client repeats some by itself, unasked."""
    count: int = 0
    which: str = ""

    def takes(self, request: web.Request, chance: random.Random) -> bool:
        """Whether it is that one, or comes after it where the network is away for good."""
        del chance
        self.count += 1
        if self.count == self.number:
            self.which = f"{request.method} {request.raw_path}"
            return True
        if self.count > self.number and self.which == f"{request.method} {request.raw_path}" and self.again:
            self.again -= 1
            return True
        return self.for_good and self.count > self.number


def cut_at(proxy: FaultProxy, number: int, how: Cut) -> CutAt:
    """Cut there; the rule's `hits` says whether so many requests were made."""
    rule = CutAt(
        re.compile(""),
        "",
        reset=True,
        number=number,
        after_bytes=SOME_BYTES if how == "within" else None,
        for_good=how == "for good",
        again=1 if how == "before" else 0,
    )
    proxy.clear()
    proxy.add(rule)
    return rule


class NoWaiting(SystemClock):
    """Sleeping moves its time on at once: tries follow each other, and deadlines come after as many of them."""

    def __init__(self) -> None:
        self._slept = 0.0

    def monotonic(self) -> float:
        """The machine's, and all that was slept."""
        return super().monotonic() + self._slept

    async def sleep(self, seconds: float) -> None:
        """Let the others have their turn."""
        self._slept += seconds
        await asyncio.sleep(0)
