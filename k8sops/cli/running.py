"""How a command runs its coroutine: SIGINT and SIGTERM cancel it, and what it was doing is told, not torn."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end. Raises KeyboardInterrupt once a signal has cancelled it and it has cleaned up."""

    async def under_signals() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - we are inside one
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            # Every time, not only the first: whoever is asked what to do may answer with a second Ctrl-C.
            loop.add_signal_handler(number, task.cancel, number.name)
        return await coroutine

    try:
        return asyncio.run(under_signals())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
