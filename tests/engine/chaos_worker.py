"""Processes to be killed, stopped and misled: each an engine of its own on the store it is told.

`python -m tests.engine.chaos_worker` imports everything once, then forks a process for each order it reads (a line of
JSON), so that a test can have fifty of them. At the crash point it was given a process kills itself, in the very
transaction, with SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from k8sops.core.clock import SystemClock
from k8sops.core.errors import StoreBusyError, UnreachableError
from k8sops.core.run import RunState, Vote
from k8sops.engine.settling import settle
from k8sops.engine.sweeping import sweep
from k8sops.engine.timing import Timing
from k8sops.store.database import Database
from k8sops.store.runs import load_row
from tests.engine.acts import ACTS
from tests.support.engine_records import every_run
from tests.support.engine_world import ALICE, BOB, PlainRules, World, eventually, needing, open_world, serving

SHORT = Timing(lease_ttl_s=1.0, heartbeat_s=0.15, mutation_s=0.25, round_s=0.05, short_pause_s=0.0)


class Order(msgspec.Struct, kw_only=True):
    """What one process is to do."""

    task: Literal[
        "carry", "carry_all", "propose", "vote", "start", "cancel", "settle", "sweep", "busy", "act"
    ]
    url: str
    run: str = ""
    act: str = ""
    """What of `acts` is done, about the id in `run`."""
    plan: str = ""
    """A ledger plan's JSON, to propose."""
    point: str = ""
    """`before:NAME` or `after:NAME`: where the process kills itself, when it comes there for the `nth` time."""
    nth: int = 1
    names: str = ""
    """A file that takes down every crash point passed; of a busy process, where its runs write."""
    carrier: str = ""
    """The name it holds leases under."""
    identity: str = "user:alice"
    refuses: str = ""
    skew_s: float = 0.0
    timing: Timing = SHORT
    seconds: float = 60.0


class SkewedClock(SystemClock):
    """A wall clock that is wrong."""

    def __init__(self, skew_s: float) -> None:
        self._skew = timedelta(seconds=skew_s)

    def now(self) -> datetime:
        """So much too late or too early."""
        return super().now() + self._skew


def boundary(order: Order) -> Callable[[str], None]:
    """Kills this process at its point."""
    passed = 0

    def at(name: str) -> None:
        nonlocal passed
        if order.names and order.task != "busy":
            _take_down(order.names, name)
        if name == order.point:
            passed += 1
            if passed == order.nth:
                os.kill(os.getpid(), signal.SIGKILL)

    return at


def _take_down(names: str, name: str) -> None:
    descriptor = os.open(names, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{name}\n".encode())
    os.close(descriptor)


async def work(order: Order) -> None:
    """Do what was ordered."""
    rules = PlainRules(needing(1) if order.task == "vote" else None)
    rules.refuses_to_carry = order.refuses
    clock = SkewedClock(order.skew_s)
    async with open_world(
        order.url, rules=rules, clock=clock, timing=order.timing, boundary=boundary(order)
    ) as world:
        async with asyncio.timeout(order.seconds + 60):
            await _TASKS[order.task](world, order)


async def _carry(world: World, order: Order) -> None:
    async with serving(world.carrier(execute_as=order.identity, id_=order.carrier)):
        await world.ended(order.run, within_s=order.seconds)


async def _carry_all(world: World, order: Order) -> None:
    async def over() -> bool:
        try:
            states = await world.database.read(lambda tx: [RunState(load_row(tx, run).state) for run in runs])
        except UnreachableError:
            return False
        return all(state.ended for state in states)

    runs = await every_run(world.database)
    async with serving(world.carrier(execute_as=order.identity, id_=order.carrier)):
        await eventually(over, within_s=order.seconds)


async def _act(world: World, order: Order) -> None:
    await ACTS[order.act].do(world, order.run)


async def _busy(world: World, order: Order) -> None:
    """Runs one after the other for so many seconds; a lock that was waited for in vain ends it."""
    refused: list[str] = []
    for name in ("read", "write"):
        _noting(world.database, name, refused)
    until = time.monotonic() + order.seconds
    number = 0
    async with serving(world.carrier(execute_as=order.identity)):
        while time.monotonic() < until:
            number += 1
            ledger = Path(f"{order.names}-{number}")
            run = await world.queued(
                "once", ledger, items=50, targets=f"{order.identity}-{number}", execute_as=order.identity
            )
            done = await world.ended(run.id)
            if done.state is not RunState.SUCCEEDED or refused:
                raise AssertionError(f"{done.outcome} {refused}")


def _noting(database: Database, name: str, refused: list[str]) -> None:
    original = getattr(database, name)

    async def noted(*args: Any, **kwargs: Any) -> Any:
        try:
            return await original(*args, **kwargs)
        except StoreBusyError as error:
            refused.append(error.message)
            raise

    setattr(database, name, noted)


async def _propose(world: World, order: Order) -> None:
    params = msgspec.json.decode(order.plan)
    await world.proposed("once", Path(params.pop("ledger")), **params)


async def _vote(world: World, order: Order) -> None:
    digest = (await world.get(order.run)).plan.digest
    await world.desk.decide(order.run, Vote(verdict="approve", digest=digest), BOB)


async def _start(world: World, order: Order) -> None:
    await world.desk.start(order.run, ALICE)


async def _cancel(world: World, order: Order) -> None:
    await world.desk.cancel(order.run, BOB, "enough")


async def _settle(world: World, order: Order) -> None:
    await settle(world.database, world.books, world.rules, order.run, "done", BOB)


async def _sweep(world: World, order: Order) -> None:
    await sweep(world.database, world.books)


_TASKS: dict[str, Callable[[World, Order], Any]] = {
    "carry": _carry,
    "carry_all": _carry_all,
    "propose": _propose,
    "vote": _vote,
    "start": _start,
    "cancel": _cancel,
    "settle": _settle,
    "sweep": _sweep,
    "busy": _busy,
    "act": _act,
}


def _child(order: Order) -> int:
    try:
        asyncio.run(work(order))
    except BaseException:  # noqa: BLE001 - the end of a process: all there is to do is to say it
        sys.stderr.write(f"{order.task} of {order.run} at {order.point}:\n")
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    return 0


def main() -> None:
    """Fork for each order; answer its pid, or for a pid whether and how it has ended."""
    for line in sys.stdin.buffer:
        asked: Any = msgspec.json.decode(line)
        if isinstance(asked, int):
            pid, status = os.waitpid(asked, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                os._exit(_child(msgspec.convert(asked, Order)))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
