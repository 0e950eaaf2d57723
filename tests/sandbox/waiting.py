"""Waiting for a condition, with a deadline that names it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest


def wait_until(what: str, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Poll until it holds; fails naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            pytest.fail(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.05)


async def wait_until_async(what: str, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """The same without holding up the loop."""
    await asyncio.to_thread(wait_until, what, condition, seconds)
