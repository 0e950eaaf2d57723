"""What a bot's process does besides: carrying the runs of every cluster it serves, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from k8sops.cli.console import say
from k8sops.service.config import Config
from k8sops.service.worker import WorkerOptions, work


async def carry_until_stopped(
    configs: Sequence[Config], *, grace_s: float = 30.0, stopping: Callable[[], None] | None = None
) -> None:
    """Carry what these clusters' runs ask for until this is cancelled; raises what a worker ends with.

    A cluster that does not answer at the start is waited for. Told to stop, it says so by `stopping`, and what goes on
    has `grace_s` to end.
    """
    options = WorkerOptions(grace_s=grace_s, patient=True)
    workers = [work(one, options, say) for one in configs]
    loops = [asyncio.create_task(loop) for loop in (*workers, asyncio.Event().wait())]
    try:
        # None ends by itself: what does has failed, and says why.
        done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
        for ended in done:
            ended.result()
    finally:
        if stopping is not None:
            stopping()
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
