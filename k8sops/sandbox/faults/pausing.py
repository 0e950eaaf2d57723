"""Stops a process for a time so that it never stays stopped.

Two watch over the end: the one who stops it, and a guard process that acts when its time is up or when the pipe to
the stopper breaks. Each can be killed; the other continues the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import Final

import psutil

from k8sops.core.errors import SandboxError
from k8sops.sandbox.processes import ProcessRecord, is_running

GRACE_SECONDS: Final = 2.0
"""So much later than asked for does the guard act."""
READY_SECONDS: Final = 30.0
STOPPED_LOOKS: Final = 1000
POLL_SECONDS: Final = 0.01

# Not asyncio's own child: its transport kills the child when the loop ends, and a guard must outlive its stopper.
Guard = subprocess.Popen[bytes]


class Paused:
    """A process that is stopped until `resume`, or at the latest until its time is up."""

    def __init__(self, record: ProcessRecord, guard: Guard) -> None:
        self._record: Final = record
        self._guard: Final = guard

    @property
    def holds(self) -> bool:
        """Whether it is still stopped; `up` and others may continue it before its time."""
        with contextlib.suppress(psutil.Error):
            return (
                is_running(self._record)
                and psutil.Process(self._record.pid).status() == psutil.STATUS_STOPPED
            )
        return False

    def resume(self) -> None:
        """Continue it, and let the guard go. Idempotent."""
        signal_one(self._record, signal.SIGCONT)
        _dismiss(self._guard)


async def pause(record: ProcessRecord, seconds: float) -> Paused:
    """Stop the process. Raises SandboxError where it does not run or no guard can be had."""
    if not is_running(record):
        raise SandboxError(
            f"{record.component} does not run", hint="`k8sops sandbox up` starts what is missing"
        )
    guard = await asyncio.to_thread(_guard, record, seconds + GRACE_SECONDS)
    assert guard.stdout is not None  # noqa: S101 - asked for in _guard
    try:
        async with asyncio.timeout(READY_SECONDS):
            said = await asyncio.to_thread(guard.stdout.readline)
    except BaseException:
        # Also for a cancel: a guard nobody waits for would hold a process that nobody paused.
        guard.kill()
        _dismiss(guard)
        raise
    if said != b"ready\n":
        _dismiss(guard)
        raise SandboxError(f"{record.component} was not stopped: its guard did not start", hint="try again")
    signal_one(record, signal.SIGSTOP)
    paused = Paused(record, guard)
    # The signal takes effect when its process next runs; until then nothing would seem to hold it.
    for _ in range(STOPPED_LOOKS):
        if paused.holds or not is_running(record):
            break
        await asyncio.sleep(POLL_SECONDS)
    return paused


def signal_one(record: ProcessRecord, number: signal.Signals) -> None:
    """Signal this very process; one that is gone is none."""
    if is_running(record):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)


def _guard(record: ProcessRecord, seconds: float) -> Guard:
    return subprocess.Popen(  # noqa: S603 - our own module
        [
            *(sys.executable, "-P", "-m", "k8sops.sandbox.faults.guard"),
            *(str(record.pid), repr(record.started), repr(seconds)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _dismiss(guard: Guard) -> None:
    for pipe in (guard.stdin, guard.stdout):
        if pipe is not None:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        guard.wait(5)
