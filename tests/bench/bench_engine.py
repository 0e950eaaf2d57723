"""What a step, four busy processes and a thousand waiting approvals cost: `python -m tests.bench.bench_engine`.

On both stores, each case in a process of its own, best of several rounds in turn with the same rows and commits through
the bare driver. `--busy-s` says for how long four processes work against each other on one store.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import func, select

from k8sops.core.clock import SystemClock
from k8sops.store.administration import migrate_store
from k8sops.store.schema import run_steps
from tests.bench.bench_cluster import Figure
from tests.bench.engine_cases import STEPS
from tests.bench.measuring import Cost
from tests.engine.chaos import running_workers
from tests.engine.chaos_worker import Order
from tests.support.engine_records import chain_of
from tests.support.engine_world import open_world
from tests.support.postgres import postgres_server

ROUNDS = 5
BUSY_S = 300.0
PROCESSES = 4
STEP_LIMITS_MS = {"SQLite": 1000 / 400, "PostgreSQL": 1000 / 300}

Fresh = Callable[[], str]
"""The URL of a store that nobody has used."""


async def cost_of(case: str, url: str) -> Cost:
    """Run one case in a process of its own. Raises CalledProcessError with what it said."""
    command = [sys.executable, "-m", "tests.bench.engine_cases", case, url]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, out)
    return msgspec.json.decode(out, type=Cost)


async def step_figures(name: str, fresh: Fresh) -> list[Figure]:
    """Sequential steps against the bare driver."""
    bare, ours = [], []
    for _ in range(ROUNDS):
        bare.append(await cost_of("bare", fresh()))
        ours.append(await cost_of("steps", fresh()))
    bare_ms = min(cost.wall_s for cost in bare) / STEPS * 1000
    ours_ms = min(cost.wall_s for cost in ours) / STEPS * 1000
    cpu_ms = min(cost.cpu_s for cost in ours) / STEPS * 1000
    return [
        Figure(f"engine, {name}: a step", ours_ms, "ms", STEP_LIMITS_MS[name]),
        Figure(f"engine, {name}: steps per second", 1000 / ours_ms, "/s"),
        Figure(f"engine, {name}: the same rows and commits, bare driver", bare_ms, "ms"),
        Figure(f"engine, {name}: a step, against the bare driver", ours_ms / bare_ms, "x"),
        Figure(f"engine, {name}: a step, CPU", cpu_ms, "ms"),
    ]


async def idle_figures(name: str, fresh: Fresh) -> list[Figure]:
    """A carrier beside 1,000 runs that wait for approval, against the same beside none."""
    url = fresh()
    before = await cost_of("idle", url)
    await cost_of("waiting", url)
    after = await cost_of("idle", url)
    return [
        Figure(f"engine, {name}: 1,000 approvals waiting, CPU", 100 * after.cpu_s / after.wall_s, "%", 2),
        Figure(f"engine, {name}: none waiting, CPU", 100 * before.cpu_s / before.wall_s, "%"),
        Figure(
            f"engine, {name}: memory beyond none waiting",
            max(0.0, after.peak_mib - before.peak_mib),
            "MiB",
            20,
        ),
    ]


async def busy_figures(name: str, fresh: Fresh, seconds: float) -> list[Figure]:
    """Four processes, each with runs of its own, on one store; a lock waited for in vain ends a process."""
    url = fresh()
    with tempfile.TemporaryDirectory() as folder:
        async with open_world(url) as world, running_workers(Path(folder)) as workers:
            orders = [
                Order(task="busy", url=url, seconds=seconds, identity=f"user:p{n}", names=f"{folder}/p{n}")
                for n in range(PROCESSES)
            ]
            pids = [await workers.start(order) for order in orders]
            ends = await workers.ends_of(pids, within_s=seconds + 60)
            count = select(func.count()).select_from(run_steps).where(run_steps.c.path.like("ledger/%"))
            steps = await world.database.read(lambda tx: tx.execute(count).scalar_one())
            await chain_of(world.database)
    failed = sum(end != 0 for end in ends)
    return [
        Figure(
            f"engine, {name}: {PROCESSES} processes for {seconds:g} s that found it locked", failed, "", 0
        ),
        Figure(f"engine, {name}: their steps per second, together", steps / seconds, "/s"),
    ]


@contextmanager
def fresh_sqlite() -> Iterator[Fresh]:
    """Files in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as folder:
        made: list[str] = []

        def fresh() -> str:
            made.append(f"sqlite:///{folder}/{len(made)}/k8sops.db")
            migrate_store(made[-1], clock=SystemClock())
            return made[-1]

        yield fresh


@contextmanager
def fresh_postgres() -> Iterator[Fresh]:
    """Databases of a server that goes away, and that waits for the disk as one in use does."""
    with postgres_server(durable=True) as server:
        made: list[str] = []

        def fresh() -> str:
            made.append(f"bench_{len(made)}")
            server.run(f"CREATE DATABASE {made[-1]}")
            migrate_store(server.url(made[-1]), clock=SystemClock())
            return server.url(made[-1])

        yield fresh


async def figures(name: str, fresh: Fresh, busy_s: float) -> list[Figure]:
    """All of one store's."""
    parts: list[Awaitable[list[Figure]]] = [
        step_figures(name, fresh),
        idle_figures(name, fresh),
        busy_figures(name, fresh, busy_s),
    ]
    return [figure for part in parts for figure in await part]


async def run(busy_s: float) -> int:
    """Measure both stores and print it; the exit code says whether all limits held."""
    missed = 0
    for name, stores in (("SQLite", fresh_sqlite), ("PostgreSQL", fresh_postgres)):
        with stores() as fresh:
            for figure in await figures(name, fresh, busy_s):
                sys.stdout.write(f"{figure}\n")
                sys.stdout.flush()
                missed += not figure.held
    return 1 if missed else 0


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy-s", type=float, default=BUSY_S, help="how long four processes work at once")
    return asyncio.run(run(parser.parse_args().busy_s))


if __name__ == "__main__":
    sys.exit(main())
