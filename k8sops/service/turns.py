"""The same work again and again, each turn under what holds when it begins; the one before ends in its own time.

A turn that is to give way says so by an event, and the next begins beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Turn = Callable[[asyncio.Event, bool], Coroutine[Any, Any, None]]
"""A turn, given the event by which it says that the next may begin, and whether it is the first."""


async def in_turns(turn: Turn) -> None:
    """Run turns until the latest ends by itself and every other has ended. Raises what a turn raises.

    Cancelled, it cancels them, as often as it is cancelled, and waits until they have ended.
    """
    going: set[asyncio.Task[None]] = set()
    first = True
    try:
        while True:
            makes_way = asyncio.Event()
            going.add(asyncio.create_task(turn(makes_way, first), name="turn"))
            first = False
            await _until(makes_way, going)
            if not makes_way.is_set():
                return
    finally:
        await _ended(going)


async def _until(makes_way: asyncio.Event, going: set[asyncio.Task[None]]) -> None:
    """Return once the latest turn makes way, or all have ended."""
    asking = asyncio.create_task(makes_way.wait(), name="makes way")
    try:
        while going and not makes_way.is_set():
            done, _ = await asyncio.wait({asking, *going}, return_when=asyncio.FIRST_COMPLETED)
            for ended in going & done:
                going.discard(ended)
                ended.result()
    finally:
        asking.cancel()


async def _ended(going: set[asyncio.Task[None]]) -> None:
    for task in going:
        task.cancel()
    while left := {task for task in going if not task.done()}:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError:
            for task in left:
                task.cancel()
    for task in going:
        if not task.cancelled():
            task.result()
