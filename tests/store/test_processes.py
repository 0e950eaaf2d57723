"""Several processes on one store: nothing is lost, nothing is "locked", a killed one leaves nothing half done."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from k8sops.core.clock import SystemClock
from k8sops.store.database import open_database
from tests.store.rows import COUNT, keys

WRITER = """
import asyncio, sys
from k8sops.core.clock import SystemClock
from k8sops.store.database import open_database
from tests.store.rows import COUNT, PUT, row

async def main(url, name, rows):
    store = await open_database(url, clock=SystemClock())
    for number in range(rows):
        def work(tx):
            tx.execute(PUT, row(f"{name}-{number:04}"))
        await store.write(work, name="test")
        if number % 10 == 0:
            await store.read(lambda tx: tx.execute(COUNT).scalar_one())
    await store.aclose()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""

DIES = """
import asyncio, os, signal, sys
from k8sops.core.clock import SystemClock
from k8sops.store.database import open_database
from tests.store.rows import PUT, row

def die(point):
    if point == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

async def main(url):
    store = await open_database(url, clock=SystemClock(), boundary=die)
    def work(tx):
        for key in ("a", "b"):
            tx.execute(PUT, row(key))
    await store.write(work, name="test")

asyncio.run(main(sys.argv[1]))
"""


async def _start(script: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", script, *arguments, stderr=asyncio.subprocess.PIPE
    )


async def test_processes_write_at_once_and_none_is_turned_away(store_url: str) -> None:
    """Two on SQLite, which has one write lock for all; the file is new, so they also make it at once."""
    writers = [await _start(WRITER, store_url, name, "500") for name in ("one", "two")]
    ended = await asyncio.gather(*(writer.communicate() for writer in writers))
    assert [writer.returncode for writer in writers] == [0, 0], ended
    store = await open_database(store_url, clock=SystemClock())
    assert await store.read(lambda tx: tx.execute(COUNT).scalar_one()) == 1000
    await store.aclose()


async def test_many_processes_may_make_the_file_at_once(store_url: str) -> None:
    """A team's scripts start together on a fresh machine."""
    writers = [await _start(WRITER, store_url, f"{number}", "1") for number in range(4)]
    ended = await asyncio.gather(*(writer.communicate() for writer in writers))
    assert [writer.returncode for writer in writers] == [0] * 4, ended


@pytest.mark.parametrize(("point", "left"), [("before:test", []), ("after:test", ["a", "b"])])
async def test_a_process_killed_at_a_commit_leaves_all_or_nothing(
    store_url: str, point: str, left: list[str]
) -> None:
    """kill -9, on either side of it; the next process needs no repair."""
    dying = await _start(DIES, store_url, point)
    await dying.communicate()
    assert dying.returncode == -signal.SIGKILL
    store = await open_database(store_url, clock=SystemClock())
    assert await keys(store) == left
    await store.aclose()
