"""Following a run at the terminal until it has ended."""

from __future__ import annotations

from contextlib import aclosing

from k8sops.cli.console import ProgressLine
from k8sops.cli.run_text import tell_event
from k8sops.core.ops import Ops
from k8sops.core.run import RunId


async def follow_to_end(ops: Ops, run: RunId, *, after: int = 0) -> None:
    """Tell each event as it comes; returns once the run has ended."""
    line = ProgressLine()
    try:
        async with aclosing(ops.watch(run, after=after)) as events:
            async for event in events:
                tell_event(event, line)
    finally:
        line.clear()
