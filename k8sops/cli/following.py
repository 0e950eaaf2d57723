"""Following a run at the terminal until it has ended.

What a run waits for is told once. On a terminal its age is drawn again every second, by the terminal's own clock; a
log would only fill with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

from k8sops.cli.console import ProgressLine
from k8sops.cli.run_text import tell_event
from k8sops.core.clock import Clock, SystemClock
from k8sops.core.events import Event
from k8sops.core.ops import Ops
from k8sops.core.run import RunId

TICK_S = 1.0


async def follow_to_end(ops: Ops, run: RunId, *, after: int = 0) -> None:
    """Tell each event as it comes; returns once the run has ended."""
    async with aclosing(ops.watch(run, after=after)) as events:
        await tell_to_end(events)


async def tell_to_end(
    events: AsyncIterator[Event], line: ProgressLine | None = None, clock: Clock | None = None
) -> None:
    """Tell each of these as it comes, until there are no more."""
    clock = clock or SystemClock()
    line = line or ProgressLine()
    ticking = asyncio.create_task(_tick(line, clock), name="clock of the progress line")
    try:
        async for event in events:
            tell_event(event, line, clock)
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        line.clear()


async def _tick(line: ProgressLine, clock: Clock) -> None:
    while True:
        await clock.sleep(TICK_S)
        line.tick()
