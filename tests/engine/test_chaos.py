"""Processes killed, stopped, misled about the time, and their database taken away: no run lost, no step doubled."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from sqlalchemy import select

from k8sops.core.run import Run, RunState
from k8sops.engine.timing import Timing
from k8sops.store.schema import runs as runs_table
from tests.engine.chaos import Workers
from tests.engine.chaos_worker import Order
from tests.support.engine_records import all_in_order, chain_of, every_run
from tests.support.engine_world import EXECUTE_AS, World, eventually, open_world, serving
from tests.support.ledger import free, lines_of, writers_of
from tests.support.postgres import PostgresTestServer

SKEWS = (-300.0, 0.0, 300.0)
BRISK = Timing(lease_ttl_s=2.0, heartbeat_s=0.25, mutation_s=0.5, round_s=0.05, short_pause_s=0.05)
OUTLASTING = Timing(lease_ttl_s=4.5, heartbeat_s=0.5, mutation_s=1.0, round_s=0.05)
"""Leases that outlast what a PostgreSQL server allows a transaction that does nothing."""
STOPPED = {"sqlite": BRISK, "postgresql": OUTLASTING}
KILLS = 5
DEADLINE_S = 180.0
"""For processes to end that have nothing else to do: a machine may be thirty times as busy as it can be."""
TAKEOVER_S = 10.0


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    """The test's own view of the store."""
    async with open_world(store_url, timing=BRISK) as opened:
        yield opened


async def some_runs(
    world: World, folder: Path, *, each: int = 6, apart: bool = False, **params: Any
) -> dict[str, Path]:
    """Runs of both kinds, and the files they write; `apart`, each for a carrier of its own."""
    found = {}
    for action in ("once", "ledger"):
        for number in range(each):
            name = f"{action}{number}"
            identity = f"user:{name}" if apart else EXECUTE_AS
            run = await world.queued(action, folder / name, targets=name, execute_as=identity, **params)
            found[run.id] = folder / name
    return found


async def in_hands_of(world: World, carrier: str) -> set[str]:
    """The runs a process holds."""
    held = select(runs_table.c.id).where(runs_table.c.lease_owner == carrier)
    return await world.database.read(lambda tx: set(tx.execute(held).scalars()))


async def nothing_lost(world: World, ledgers: dict[str, Path], *, doubtful: set[str]) -> list[Run]:
    """Every run ended; what must not be repeated was not, and only what was in doubt is in review."""
    found = await all_in_order(world.database, ledgers)
    for run in found:
        lines = Counter(lines_of(ledgers[run.id]))
        if run.plan.action == "once":
            assert not [line for line, count in lines.items() if count > 1], f"doubled: {run.outcome}"
        if run.state is RunState.NEEDS_REVIEW:
            assert run.plan.action == "once"
            assert run.id in doubtful, run.outcome
        else:
            assert run.state is RunState.SUCCEEDED, run.outcome
            assert set(lines) == {step.id for step in run.plan.steps}, "a step was lost"
    return found


async def test_processes_that_are_killed_one_after_the_other(
    world: World, workers: Workers, tmp_path: Path
) -> None:
    """Three at a time, their clocks five minutes apart either way, one killed every moment and another started."""
    chance = random.Random(4)  # noqa: S311 - not for secrets
    ledgers = await some_runs(world, tmp_path, items=12, step_s=0.05, pause_s=0.1)
    alive = [await begin(world, workers, skew) for skew in SKEWS]
    doubtful: set[str] = set()
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.2, 0.6))
        pid, carrier, skew = alive.pop(chance.randrange(len(alive)))
        # Stopped first: what it holds then is what it holds when it dies.
        os.kill(pid, signal.SIGSTOP)
        doubtful |= await in_hands_of(world, carrier)
        await workers.kill(pid)
        alive.append(await begin(world, workers, skew))
    assert await workers.ends_of([one[0] for one in alive], within_s=DEADLINE_S) == [0, 0, 0]
    await nothing_lost(world, ledgers, doubtful=doubtful)


async def begin(
    world: World, workers: Workers, skew_s: float = 0.0, timing: Timing = BRISK
) -> tuple[int, str, float]:
    """A process that carries whatever is there, until all of it has ended: its pid, and the name of its carrier."""
    carrier = world.ids.new()
    order = Order(
        task="carry_all",
        url=world.url,
        skew_s=skew_s,
        timing=timing,
        carrier=carrier,
        seconds=DEADLINE_S,
    )
    return await workers.start(order), carrier, skew_s


async def test_a_process_stopped_past_its_lease_finds_its_run_taken_and_does_nothing(
    world: World, workers: Workers, tmp_path: Path
) -> None:
    """It stops in the middle of a step, before the mutation goes out; when it wakes, its run has ended elsewhere."""
    ledgers = await some_runs(world, tmp_path, each=1, apart=True, items=3, stop_at=1)
    # Seldom heartbeats: a process that is stopped within a transaction holds all of SQLite up, which is not the point.
    seldom = msgspec.structs.replace(BRISK, heartbeat_s=1.0)
    stopped = [
        await workers.start(
            Order(task="carry", url=world.url, run=run, identity=f"user:{ledger.name}", timing=seldom)
        )
        for run, ledger in ledgers.items()
    ]

    async def all_stopped() -> bool:
        return all(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in stopped)

    await eventually(all_stopped)
    for ledger in ledgers.values():
        assert len(lines_of(ledger)) == 1
        free(ledger)
    world.ability = msgspec.structs.replace(world.ability, execute_as=("user:once0", "user:ledger0"))
    async with serving(world.carrier()):
        ended = [await world.ended(run) for run in ledgers]
    written = {ledger: ledger.read_bytes() for ledger in ledgers.values()}
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    assert await workers.ends_of(stopped) == [0, 0]
    assert {run.plan.action: run.state for run in ended} == {
        "once": RunState.NEEDS_REVIEW,
        "ledger": RunState.SUCCEEDED,
    }
    assert {ledger: ledger.read_bytes() for ledger in ledgers.values()} == written
    await nothing_lost(world, ledgers, doubtful=set(ledgers))


async def test_a_process_that_is_stopped_anywhere_and_goes_on(
    world: World, workers: Workers, tmp_path: Path
) -> None:
    """Within a transaction too, which on SQLite holds the others up until their leases have ended as well.

    They wait for each other to be heard again (`test_claiming`), though not for ever: on a machine that is too busy
    one that lives may be taken over from. That is on record then, and nothing is done twice or lost by it.
    """
    timing = STOPPED[world.database.dialect]
    ledgers = await some_runs(world, tmp_path, items=30, step_s=0.03)
    alive = [await begin(world, workers, skew, timing) for skew in SKEWS]
    await asyncio.sleep(0.7)
    pid = alive[0][0]
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(timing.lease_ttl_s + 0.3)
    os.kill(pid, signal.SIGCONT)
    assert await workers.ends_of([one[0] for one in alive], within_s=DEADLINE_S) == [0, 0, 0]
    taken = {record.run for record in await chain_of(world.database) if record.code == "run.taken_over"}
    await nothing_lost(world, ledgers, doubtful=taken)


async def test_a_database_that_is_restarted_costs_no_run(
    postgres: PostgresTestServer, postgres_url: str, workers: Workers, tmp_path: Path
) -> None:
    """Cleanly and by force, under three processes: nobody died, so everything is done, once."""
    async with open_world(postgres_url) as world:
        ledgers = await some_runs(world, tmp_path, items=25, step_s=0.05, pause_s=0.1)
        alive = [await begin(world, workers, timing=Timing(most_at_once=4)) for _ in SKEWS]
        for _, carrier, _ in alive:
            await eventually(lambda carrier=carrier: holds_any(world, carrier))  # type: ignore[misc]
        for kill in (False, True):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(postgres.stop, kill=kill)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(postgres.start)
        assert await workers.ends_of([one[0] for one in alive], within_s=DEADLINE_S) == [0, 0, 0]
        await nothing_lost(world, ledgers, doubtful=set())


async def test_four_processes_at_once_never_find_the_store_locked(
    world: World, workers: Workers, tmp_path: Path
) -> None:
    """Everybody waits their turn, and it comes; the measurement does this for minutes."""
    orders = [
        Order(task="busy", url=world.url, seconds=1.0, identity=f"user:p{n}", names=str(tmp_path / f"p{n}"))
        for n in range(4)
    ]
    pids = [await workers.start(order) for order in orders]
    assert await workers.ends_of(pids, within_s=DEADLINE_S) == [0, 0, 0, 0]
    await all_in_order(world.database, await every_run(world.database))


async def test_a_dead_process_is_followed(postgres_url: str, workers: Workers, tmp_path: Path) -> None:
    """With the leases as they are in use, on both stores at once; these leave ten seconds, the bench measures them."""
    timing = Timing()
    assert timing.lease_ttl_s + 2 * timing.round_s < TAKEOVER_S
    urls = {"sqlite": f"sqlite:///{tmp_path}/store/k8sops.db", "postgresql": postgres_url}
    await asyncio.gather(*(takeover(url, workers, tmp_path / name) for name, url in urls.items()))


async def takeover(url: str, workers: Workers, ledger: Path) -> float:
    """Seconds from the death of the process that carries to the first step done by the other."""
    async with open_world(url) as world:
        run = await world.queued("ledger", ledger, items=400, step_s=0.05)
        order = Order(task="carry", url=url, run=run.id, timing=Timing())
        pids = [await workers.start(order) for _ in range(2)]
        await eventually(lambda: has_lines(ledger, 3))
        first = writers_of(ledger)[0]
        await workers.kill(first)
        died = time.monotonic()
        await eventually(lambda: others_write(ledger, first))
        took = time.monotonic() - died
        await workers.kill(next(pid for pid in pids if pid != first))
        return took


async def holds_any(world: World, carrier: str) -> bool:
    """Whether it carries anything."""
    return bool(await in_hands_of(world, carrier))


async def has_lines(ledger: Path, count: int) -> bool:
    """Whether so many steps are done."""
    return len(lines_of(ledger)) >= count


async def others_write(ledger: Path, first: int) -> bool:
    """Whether another process has gone on."""
    return writers_of(ledger)[-1] != first
