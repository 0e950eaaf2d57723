"""Pauses that end when a screen has nothing left to do, on a busy machine too.

Textual takes a process for idle that got no processor time for a fiftieth of a second, and after a second whatever it
does. Where several test processes share a core, a screen that waits for its turn looks idle, and what it does takes
longer than a second: the test then looks at the screen of before. Here a pause sees whether anything is left to do.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest
import textual.app
import textual.pilot

LOOK_S: Final = 0.02
LATE: Final = 2.0
"""A look that took so many times as long was kept waiting for the processor, and says nothing."""
TURNS: Final = 3
"""Of the loop after a look: what was due meanwhile comes first, and may ask for more."""
LEAST_WORK_S: Final = 0.001
MOST_WORK_S: Final = 1.0
"""Processor time after which a screen that never rests is left alone, as Textual does by the clock on the wall."""
THREADS_S: Final = 5.0
"""How long threads are waited for: a test may hold one on purpose."""
LONGEST_S: Final = 60.0


async def has_rested(min_sleep: float = 0.0) -> None:
    """Return once nothing is left to do for the loop and its threads, in place of `textual.pilot.wait_for_idle`."""
    began, worked = time.monotonic(), time.process_time()
    while time.process_time() - worked < MOST_WORK_S and time.monotonic() - began < LONGEST_S:
        rests = await _rests()
        waited = time.monotonic() - began
        if rests and waited >= min_sleep and (waited >= THREADS_S or not _are_threads_busy()):
            return


async def _rests() -> bool:
    """Whether nothing was done, and nothing came to be done, while this looked."""
    look, work = time.monotonic(), time.process_time()
    await asyncio.sleep(LOOK_S)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    is_late = time.monotonic() - look > LATE * LOOK_S
    has_worked = time.process_time() - work >= LEAST_WORK_S
    return not (is_late or has_worked or _is_anything_ready())


def _is_anything_ready() -> bool:
    return bool(getattr(asyncio.get_running_loop(), "_ready", ()))


def _are_threads_busy() -> bool:
    executor = getattr(asyncio.get_running_loop(), "_default_executor", None)
    if not isinstance(executor, ThreadPoolExecutor):
        return False
    return executor._work_queue.qsize() > 0 or executor._idle_semaphore._value < len(executor._threads)


@pytest.fixture(autouse=True)
def patient_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pause of a pilot, and every key it presses, waits so."""
    monkeypatch.setattr(textual.pilot, "wait_for_idle", has_rested)
    monkeypatch.setattr(textual.app, "wait_for_idle", has_rested)
