"""Processes for a test to kill: started from one that is ready, ended however the test ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.support.engine_world import eventually

FORKING: Final = "tests.engine.forking"
WORKERS: Final = ("tests.engine.chaos_worker", "tests.engine.schedules.chaos_worker")


class Forking:
    """The process to fork from."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def ask(self, question: Any) -> Any:
        """One line there, one line back."""
        async with self._turn:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(msgspec.json.encode(question) + b"\n")
            return msgspec.json.decode(await self._process.stdout.readline())


class Workers:
    """One test's processes."""

    def __init__(self, forking: Forking, said: Path) -> None:
        self._forking = forking
        self._said = said
        self._alive: set[int] = set()

    async def start(self, order: msgspec.Struct) -> int:
        """A process at work on the order, by the `work` of the order's module; its pid."""
        wanted = {"module": type(order).__module__, "order": order, "said": str(self._said)}
        pid = int(await self._forking.ask(wanted))
        self._alive.add(pid)
        return pid

    async def end_of(self, pid: int, *, within_s: float = 120.0) -> int:
        """How it ended: its exit code, or minus the signal."""
        codes: list[int] = []

        async def over() -> bool:
            code = await self._forking.ask(pid)
            if code is not None:
                codes.append(code)
            return code is not None

        await eventually(over, within_s=within_s)
        self._alive.discard(pid)
        return codes[0]

    async def ends_of(self, pids: Sequence[int], *, within_s: float = 120.0) -> list[int]:
        """The same of several."""
        return [await self.end_of(pid, within_s=within_s) for pid in pids]

    async def kill(self, pid: int) -> None:
        """As the kernel does when memory runs out."""
        os.kill(pid, signal.SIGKILL)
        assert await self.end_of(pid) == -signal.SIGKILL

    async def end_all(self) -> None:
        """Leave none behind."""
        for pid in list(self._alive):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await self.end_of(pid)


@asynccontextmanager
async def forking_process() -> AsyncIterator[Forking]:
    """The process to fork from, for as long as the block runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", FORKING, *WORKERS,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Forking(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def workers_of(forking: Forking, folder: Path) -> AsyncIterator[Workers]:
    """Processes that end with the block; what they say goes to a file that is shown where a test fails."""
    said = folder / "workers.log"
    said.touch()
    workers = Workers(forking, said)
    try:
        yield workers
    finally:
        await workers.end_all()
        sys.stderr.write(said.read_text(errors="replace")[-8000:])


@asynccontextmanager
async def running_workers(folder: Path) -> AsyncIterator[Workers]:
    """The same from a process of their own to fork from."""
    async with forking_process() as forking, workers_of(forking, folder) as workers:
        yield workers
