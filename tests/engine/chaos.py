"""Chaos from a test's side: processes that do as ordered, and a look at whether and how they ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from tests.engine.chaos_worker import Order
from tests.support.engine_world import eventually

WORKER = "tests.engine.chaos_worker"


class Workers:
    """Processes forked from one that has everything imported."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()
        self._alive: set[int] = set()

    async def start(self, order: Order) -> int:
        """A process at work on the order; its pid."""
        pid = int(await self._ask(order))
        self._alive.add(pid)
        return pid

    async def end_of(self, pid: int, *, within_s: float = 30.0) -> int:
        """How it ended: its exit code, or minus the signal."""
        codes: list[int] = []

        async def over() -> bool:
            code = await self._ask(pid)
            if code is not None:
                codes.append(code)
            return code is not None

        await eventually(over, within_s=within_s)
        self._alive.discard(pid)
        return codes[0]

    async def ends_of(self, pids: Sequence[int], *, within_s: float = 30.0) -> list[int]:
        """The same of several."""
        return [await self.end_of(pid, within_s=within_s) for pid in pids]

    async def kill(self, pid: int) -> None:
        """As the kernel does when memory runs out."""
        os.kill(pid, signal.SIGKILL)
        assert await self.end_of(pid) == -signal.SIGKILL

    def end_all(self) -> None:
        """Leave none behind."""
        for pid in self._alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def _ask(self, question: Any) -> Any:
        async with self._turn:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(msgspec.json.encode(question) + b"\n")
            return msgspec.json.decode(await self._process.stdout.readline())


@asynccontextmanager
async def running_workers(folder: Path) -> AsyncIterator[Workers]:
    """The process to fork from; what its children say goes to a file that is shown where a test fails."""
    said = folder / "workers.log"
    with said.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", WORKER,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    workers = Workers(process)
    try:
        yield workers
    finally:
        workers.end_all()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        sys.stderr.write(said.read_text(errors="replace")[-8000:])
