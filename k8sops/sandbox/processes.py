"""Long-lived processes of a sandbox: started apart from whoever starts them, known again later, and ended for sure.

A process is known by its id, the moment it started and its command line together, so that a recycled id is never
taken for one of ours. Linux and macOS; started by posix_spawn, because a `Popen` object would insist on being waited
for by the process that made it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil

from k8sops.core.clock import Clock
from k8sops.core.errors import SandboxError

START_TOLERANCE_SECONDS: Final = 2.0
"""A clock that is set moves the start time the kernel reports, by little."""
POLL_SECONDS: Final = 0.03


class ProcessRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A process we started, as it is written to the state file."""

    component: str
    pid: int
    started: float
    """Seconds since the epoch, as the operating system tells it."""
    command: tuple[str, ...]
    log: str


def spawn(component: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> ProcessRecord:
    """Start a command in its own session, with its output appended to `log`.

    Raises SandboxError where the file cannot be executed.
    """
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
            *((os.POSIX_SPAWN_CLOSE, each) for each in _inherited()),
        ]
        pid = os.posix_spawn(command[0], list(command), environment, file_actions=actions, setsid=True)
    except OSError as error:
        raise SandboxError(
            f"{component} cannot be started: {error.strerror} ({command[0]})",
            hint="remove the file and run `k8sops sandbox up` again: it is built anew",
        ) from error
    finally:
        os.close(output)
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        started = 0.0
    return ProcessRecord(component=component, pid=pid, started=started, command=tuple(command), log=str(log))


def _inherited() -> list[int]:
    """What our caller left open for its children: a lock or a pipe of theirs must not live as long as a sandbox."""
    found = []
    for number in [int(each.name) for each in Path("/dev/fd").iterdir()]:
        with contextlib.suppress(OSError):
            if number > 2 and os.get_inheritable(number):
                found.append(number)
    return found


def is_running(record: ProcessRecord) -> bool:
    """Whether this very process, and no other that got its id, is alive."""
    _reap(record.pid)
    try:
        process = psutil.Process(record.pid)
        if abs(process.create_time() - record.started) > START_TOLERANCE_SECONDS:
            return False
        try:
            command = tuple(process.cmdline())
        except psutil.ZombieProcess:
            # Its first thread has ended, and with it its command line; the last one still holds the ports.
            return process.num_threads() > 1
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        # Ours run as this user; what cannot be looked at is somebody else's.
        return False
    # The kernel shows no command line for a moment after a start (execve sets it late).
    return command in {record.command, ()}


def memory_bytes(record: ProcessRecord) -> int:
    """Resident memory, 0 for a process that is gone."""
    try:
        return int(psutil.Process(record.pid).memory_info().rss)
    except psutil.Error:
        return 0


async def stop(records: Sequence[ProcessRecord], clock: Clock, *, grace_seconds: float) -> None:
    """End processes together: SIGTERM, then SIGKILL after the grace, and return when every one is gone.

    Raises SandboxError naming one that outlives even that.
    """
    for record in records:
        _signal(record, signal.SIGTERM)
        # A stopped process would not see the other before its grace is over.
        _signal(record, signal.SIGCONT)
    left = await _gone(records, clock, grace_seconds)
    for record in left:
        _signal(record, signal.SIGKILL)
    stuck = await _gone(left, clock, 10.0)
    if stuck:
        names = ", ".join(f"{record.component} (pid {record.pid})" for record in stuck)
        raise SandboxError(
            f"{names} did not end within 10 s of SIGKILL",
            hint="the machine is overloaded or its disk hangs; run `k8sops sandbox down` again",
        )


async def _gone(records: Sequence[ProcessRecord], clock: Clock, seconds: float) -> list[ProcessRecord]:
    """Wait until all are gone, for at most this long; returns those that are not."""
    deadline = clock.monotonic() + seconds
    left = [record for record in records if is_running(record)]
    while left and clock.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        left = [record for record in left if is_running(record)]
    return left


def wake(records: Sequence[ProcessRecord]) -> None:
    """Continue those that somebody stopped (SIGSTOP); nothing happens to the others."""
    for record in records:
        _signal(record, signal.SIGCONT)


def _signal(record: ProcessRecord, number: signal.Signals) -> None:
    if is_running(record):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)


def _reap(pid: int) -> None:
    """Collect a dead child; for a process somebody else started this does nothing."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
