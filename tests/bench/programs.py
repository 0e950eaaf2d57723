"""Runs whole programs and accounts for them and all that they start: wall, CPU, and the most memory of one process."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from k8sops.sandbox.manager import SandboxHandle

KIB_PER_MIB = 1024
PATIENCE_S = 600.0


class Spent(msgspec.Struct, frozen=True):
    """What a program took; `peak_mib` is that of its largest process."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def best(runs: Iterable[Spent]) -> Spent:
    """Of several rounds the least time, and the most memory."""
    every = list(runs)
    return Spent(
        min(run.wall_s for run in every), min(run.cpu_s for run in every), max(run.peak_mib for run in every)
    )


def environment(handle: SandboxHandle, folder: Path) -> dict[str, str]:
    """Variables of a user who has nothing but a sandbox's kubeconfig."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ}
    return {**kept, "HOME": str(folder), "KUBECONFIG": str(handle.kubeconfig), "PYTHONPATH": str(Path.cwd())}


async def run_program(command: Sequence[str], variables: Mapping[str, str]) -> Spent:
    """Run to the end. Raises CalledProcessError with its last words."""
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: ASYNC220 - waited for in a thread, with what it used
        command,
        env=dict(variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        said, status, used = await asyncio.wait_for(asyncio.to_thread(_wait, process), PATIENCE_S)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    if os.waitstatus_to_exitcode(status):
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command, stderr=said[-2000:])
    wall = time.perf_counter() - began
    return Spent(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / KIB_PER_MIB)


def _wait(process: subprocess.Popen[bytes]) -> tuple[bytes, int, resource.struct_rusage]:
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return said, status, used


async def follow_for(
    command: Sequence[str], variables: Mapping[str, str], said: Path, opening_s: float, seconds: float
) -> Spent:
    """Let a program that does not end say what it says, after some time for its start; then interrupt it."""
    with said.open("wb") as file:
        process = subprocess.Popen(  # noqa: ASYNC220 - never waited for while it runs
            command, env=dict(variables), stdout=file, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            await asyncio.sleep(opening_s)
            before = _cpu(process.pid)
            await asyncio.sleep(seconds)
            spent = _cpu(process.pid) - before
            peak = max(one.memory_info().rss for one in _family(process.pid)) / KIB_PER_MIB**2
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                await asyncio.to_thread(process.wait, 30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return Spent(seconds, spent, peak)


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _cpu(pid: int) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in _family(pid))
