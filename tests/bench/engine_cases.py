"""Work to be measured on a store, each case in a process of its own: `python -m tests.bench.engine_cases CASE URL`.

The bare cases write the rows of the same steps with the same commits through the driver alone: the least that keeping
such a record costs on this machine at this moment.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import psycopg

from k8sops.core.run import RunState
from k8sops.engine.timing import Timing
from tests.bench.measuring import MIB, Cost
from tests.support.engine_world import World, needing, open_world, serving

STEPS = 500
IDLE_S = 10.0
RECORD = b"{" + b'"field": "value", ' * 35 + b"}"
"""As long as an intent's record."""


async def steps(url: str) -> Cost:
    """One run, its steps one after the other, through journal and audit chain."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_world(url, timing=Timing()) as world:
            run = await world.queued("ledger", Path(folder) / "ledger", items=STEPS, targets=str(time.time()))
            carrier = world.carrier()
            async with serving(carrier):
                await world.until(run.id, lambda found: found.state is RunState.RUNNING)
                wall, cpu = time.perf_counter(), time.process_time()
                done = await world.ended(run.id, within_s=300)
                cost = Cost(STEPS, time.perf_counter() - wall, time.process_time() - cpu, 0.0)
            if done.state is not RunState.SUCCEEDED:
                raise SystemExit(done.outcome)
    return cost


async def bare(url: str) -> Cost:
    """The same rows and commits through the driver alone; the store's chain is of no use afterwards."""
    async with open_world(url) as world:
        run = await world.queued("ledger", Path("/nowhere"), items=1, targets=str(time.time()))
    with bare_connection(url) as execute:
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(STEPS):
            bare_commit(execute, run.id, number)
        return Cost(STEPS, time.perf_counter() - wall, time.process_time() - cpu, 0.0)


def bare_commit(execute: Callable[..., Any], run: str, number: int) -> None:
    """One commit of a step: the end of the one before and its start, each with event, row and record, and the heads."""
    now = time.time_ns()
    at = now // 1_000_000
    execute("BEGIN")
    execute("UPDATE runs SET last_seq = last_seq + 2, lease_until = %s WHERE id = %s", (now / 1e9, run))
    for kind, of in (("step_done", number - 1), ("step_started", number)):
        execute(
            "INSERT INTO run_events (run, seq, at, kind, step, text, data) VALUES (%s, %s, %s, %s, %s, %s, '{}')",
            (
                run,
                1000 + 2 * of + (kind == "step_done"),
                at,
                kind,
                f"ledger/item:{of:04}",
                "write lines/item-1",
            ),
        )
    execute(
        "UPDATE run_steps SET state = 'done', ended_at = %s, result = %s WHERE run = %s AND path = %s",
        (at, "line 1 is written", run, f"ledger/item:{number - 1:04}"),
    )
    execute(
        "INSERT INTO run_steps (run, path, state, fence, attempt, started_at, result)"
        " VALUES (%s, %s, 'started', 1, 1, %s, '')",
        (run, f"ledger/item:{number:04}", at),
    )
    execute("UPDATE audit_head SET seq = seq + 2, hash = %s WHERE id = 1", (f"{now:064}",))
    for record in (now, now + 1):
        execute(
            "INSERT INTO audit (seq, hash, record, at, code, run, person, action, outcome)"
            " VALUES (%s, %s, %s, %s, 'step.intent', %s, 'alice', 'ledger', '')",
            (record, f"{record:064}", RECORD, at, run),
        )
    execute("COMMIT")


@contextmanager
def bare_connection(url: str) -> Iterator[Callable[..., Any]]:
    """The driver's own execute, set as the store sets it."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

        def on_sqlite(statement: str, values: tuple[Any, ...] = ()) -> Any:
            given = "BEGIN IMMEDIATE" if statement == "BEGIN" else statement.replace("%s", "?")
            return connection.execute(given, values)

        yield on_sqlite
        connection.close()
        return
    with psycopg.connect(url, autocommit=True) as server:

        def on_postgresql(statement: str, values: tuple[Any, ...] = ()) -> Any:
            return server.execute(statement.encode(), values, prepare=bool(values))

        yield on_postgresql


async def idle(url: str) -> Cost:
    """A carrier that has nothing to do, whatever waits for people meanwhile."""
    async with open_world(url, timing=Timing()) as world, serving(world.carrier()):
        await asyncio.sleep(2)
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(IDLE_S)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Cost(0, wall, cpu, psutil.Process().memory_info().rss / MIB)


async def waiting(url: str) -> Cost:
    """Put 1,000 runs there that wait for approval."""
    async with open_world(url) as world:
        world.rules.decision = needing(1)
        for number in range(1000):
            await propose(world, number)
    return Cost(1000, 0.0, 0.0, 0.0)


async def propose(world: World, number: int) -> None:
    """One of them."""
    await world.proposed("ledger", Path("/nowhere"), items=5, targets=f"w{number}")


CASES: dict[str, Callable[[str], Awaitable[Cost]]] = {
    case.__name__: case for case in (steps, bare, idle, waiting)
}


async def run(case: str, url: str) -> None:
    """Measure one case and print its cost."""
    cost = await CASES[case](url)
    sys.stdout.write(msgspec.json.encode(cost).decode() + "\n")


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2]))
