"""Work over thousands of objects on the event loop, a little at a time: between two slices a key is answered.

A thread would not do: Python code in it holds up the loop as well, by a switching interval for each system call.
"""

from __future__ import annotations

import asyncio
from typing import Final

SLICE: Final = 250
"""So many objects take a few milliseconds."""


async def breathe(number: int) -> None:
    """Called for each object with its number: after every `SLICE` of them whatever else waits has its turn."""
    if number % SLICE == SLICE - 1:
        await asyncio.sleep(0)
