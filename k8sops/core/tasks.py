"""Waiting for several coroutines at once so that none is left running: the first failure ends the others.

Unlike asyncio.TaskGroup the failure is raised by itself, not in a group: callers tell it to a person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


async def all_of(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run them all to their end; what fails first, or a cancel, is raised once the others have ended too."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
