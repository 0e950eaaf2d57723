"""Waiting for a condition, with a deadline that names it; and for processes to end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psutil
import pytest

from k8sops.sandbox.manager import SandboxManager
from tests.support.pauses import pause_after

PATIENCE_S: Final = 180.0
"""For what takes a second or two on a quiet machine."""


def wait_until(what: str, condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Poll until it holds; fails naming what was waited for."""
    deadline = time.monotonic() + seconds
    began = time.monotonic()
    while not condition():
        if time.monotonic() >= deadline:
            pytest.fail(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(pause_after(time.monotonic() - began))
        began = time.monotonic()


async def wait_until_async(what: str, condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """The same without holding up the loop."""
    await asyncio.to_thread(wait_until, what, condition, seconds)


async def until_ready(manager: SandboxManager, name: str) -> None:
    """Wait until `status` says so: a busy API server may miss the moment of a single look."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if (await manager.status(name)).state == "ready":
                return
            await asyncio.sleep(0.2)


def guards_of(chaos: int) -> list[int]:
    """The guards that the chaos process has now; what is ending meanwhile is none."""
    found = []
    for one in psutil.Process(chaos).children():
        with suppress(psutil.Error):
            if "k8sops.sandbox.faults.guard" in one.cmdline():
                found.append(one.pid)
    return found


async def kill(pid: int) -> None:
    """SIGKILL to a process; returns when it has ended."""
    os.kill(pid, signal.SIGKILL)
    await wait_until_async("its end", lambda: has_ended(pid))


def has_ended(pid: int) -> bool:
    """Whether the process has ended; one that nobody has waited for yet has."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True
