"""What processes to be killed, stopped and misled do: each an engine of its own on the store it is told.

They are forked (`tests.engine.forking`), so that a test can have fifty of them. At the crash point it was given a
process kills itself, in the very transaction, with SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
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
from k8sops.store.database import BUSY_TIMEOUT_S, Database
from k8sops.store.runs import load_row
from tests.engine.acts import ACTS
from tests.engine.signed_world import SignedWorld, open_signed_world
from tests.support.engine_records import every_run
from tests.support.engine_world import ALICE, BOB, PlainRules, World, eventually, needing, open_world, serving

SHORT = Timing(lease_ttl_s=1.0, heartbeat_s=0.15, mutation_s=0.25, round_s=0.05, short_pause_s=0.0)
DYING = msgspec.structs.replace(SHORT, heartbeat_s=0.25, round_s=0.1)
"""Of dozens at once, whose looks at the store are most of what they cost."""
BY_HAND = frozenset({"propose", "vote", "start", "cancel", "settle", "sweep", "act"})
PATIENCE_S = 30.0
"""How long a person's act waits for its turn among dozens of processes: unlike a carrier's, nobody repeats it."""


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
    signed: bool = False
    """Whether statements are signed; by alice, whatever is done."""
    how: Literal["done", "retry"] = "done"
    """What is said of a step in doubt."""
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
    """Do what was ordered, and end."""
    rules = PlainRules(needing(1) if order.task == "vote" else None)
    rules.refuses_to_carry = order.refuses
    clock = SkewedClock(order.skew_s)
    busy_s = PATIENCE_S if order.task in BY_HAND else BUSY_TIMEOUT_S
    at = boundary(order)
    opened = (
        open_signed_world(order.url, timing=order.timing, boundary=at, busy_timeout_s=busy_s)
        if order.signed
        else open_world(
            order.url, rules=rules, clock=clock, timing=order.timing, boundary=at, busy_timeout_s=busy_s
        )
    )
    async with opened as world, asyncio.timeout(order.seconds + 60):
        await _TASKS[order.task](world, order)


async def _carry(world: World, order: Order) -> None:
    carrier = world.carrier(execute_as=order.identity, id_=order.carrier)
    if order.signed:
        carrier.only((order.run,))  # the policy knows one identity for all runs
    async with serving(carrier):
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
    seen = (await world.get(order.run)).plan.digest if order.signed else ""
    await world.desk.start(order.run, ALICE, seen=seen)


async def _cancel(world: World, order: Order) -> None:
    await world.desk.cancel(order.run, ALICE if order.signed else BOB, "enough")


async def _settle(world: World, order: Order) -> None:
    if isinstance(world, SignedWorld):
        await world.settled(order.run, order.how)
    else:
        await settle(world.database, world.books, world.rules, order.run, order.how, BOB)


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
