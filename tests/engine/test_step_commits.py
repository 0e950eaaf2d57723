"""Steps in a row cost a commit each; what one came to is not lost for it, nor stored after a later one was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from k8sops.core.errors import StoreError
from k8sops.core.run import Run, RunState
from k8sops.engine.timing import Timing
from k8sops.store.database import Tx
from tests.support.engine_records import chain_of, in_order
from tests.support.engine_world import BOB, World, open_world, serving
from tests.support.ledger import lines_of

T = TypeVar("T")

STEPS = ("step.started", "step.next", "step.done")


class Store:
    """The names of its commits, and what happens once before or after one of a name."""

    def __init__(self, world: World) -> None:
        self.commits: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}
        self.after: dict[str, Callable[[], None]] = {}
        self._write = world.database.write
        world.database.write = self._watched  # type: ignore[method-assign]

    async def _watched(self, work: Callable[[Tx], T], *, name: str) -> T:
        await _come(self.before, name)
        result = await self._write(work, name=name)
        self.commits.append(name)
        await _come(self.after, name)
        return result

    @property
    def of_steps(self) -> list[str]:
        """Those of steps, in order."""
        return [name for name in self.commits if name in STEPS]


async def _come(events: dict[str, Callable[[], None]], name: str) -> None:
    if event := events.pop(name, None):
        event()
        await asyncio.sleep(0)


@pytest.fixture
async def patient(store_url: str) -> AsyncIterator[World]:
    """An engine whose leases outlast a busy machine: who carries the run is not what is tested."""
    async with open_world(store_url, timing=Timing(round_s=0.05)) as world:
        yield world


def full() -> None:
    """As SQLite says it."""
    raise StoreError("the disk is full")


def order_of(run: Run) -> list[tuple[str, str]]:
    """What its events say of steps, by the number in their path."""
    return [(event.kind, event.step[-1]) for event in run.events if event.step]


ALTERNATELY = [(kind, str(step)) for step in range(3) for kind in ("step_started", "step_done")]


async def test_the_end_of_a_step_goes_on_record_with_the_start_of_the_next(
    patient: World, ledger: Path
) -> None:
    """Waiting for the disk is most of what a step costs; twice as many commits would be half as many steps."""
    store = Store(patient)
    run = await patient.queued("ledger", ledger)
    async with serving(patient.carrier()):
        done = await patient.ended(run.id)
    assert done.state is RunState.SUCCEEDED
    assert store.of_steps == ["step.started", "step.next", "step.next", "step.done"]
    assert order_of(done) == ALTERNATELY
    chained = [record.code for record in await chain_of(patient.database) if record.step]
    assert chained == ["step.intent", "step.outcome"] * 3


async def test_an_end_that_no_step_follows_is_stored_while_the_run_waits(
    patient: World, ledger: Path, tmp_path: Path
) -> None:
    """Whoever looks at a run that waits has to see what is done, and a crash then must not put it in doubt."""
    store = Store(patient)
    run = await patient.queued("once", ledger, waits_for=str(tmp_path / "never"))
    async with serving(patient.carrier()):
        await patient.parked(run.id)
        assert order_of(await in_order(patient.database, run.id))[:4] == ALTERNATELY[:4]
        await patient.desk.cancel(run.id, BOB, "")
        await patient.ended(run.id)
    assert store.of_steps[:2] == ["step.started", "step.next"]


async def test_an_end_that_could_not_be_stored_by_itself_is_stored_with_what_comes_next(
    patient: World, ledger: Path
) -> None:
    """A disk that was full for a moment: the step was done, and the record says so."""
    store = Store(patient)
    store.before["step.done"] = full
    run = await patient.queued("once", ledger)
    async with serving(patient.carrier()):
        done = await patient.ended(run.id)
    assert done.state is RunState.SUCCEEDED, done.outcome
    assert "step.done" not in store.commits
    assert order_of(await in_order(patient.database, run.id)) == ALTERNATELY


async def test_a_store_that_takes_no_start_stops_the_run_before_anything_is_sent(
    patient: World, ledger: Path
) -> None:
    """An intent that is not on record must not become a mutation; what was done before it is not lost for it."""
    store = Store(patient)
    store.before["step.next"] = full
    run = await patient.queued("once", ledger)
    async with serving(patient.carrier()):
        done = await patient.ended(run.id)
    assert done.state is RunState.FAILED
    assert "the disk is full" in done.outcome
    assert len(lines_of(ledger)) == 1
    assert order_of(await in_order(patient.database, run.id)) == ALTERNATELY[:2]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_cancel_while_both_are_stored_loses_and_doubles_neither(
    patient: World, ledger: Path, when: str
) -> None:
    """The write may have come through or not when the cancel is heard; either way each is told once."""
    store = Store(patient)
    run = await patient.queued("ledger", ledger)
    carrier = patient.carrier()
    moments = store.before if when == "before" else store.after
    moments["step.next"] = lambda: carrier.cancel(run.id, "bob")
    async with serving(carrier):
        done = await patient.ended(run.id)
    assert done.state is RunState.CANCELLED
    told = order_of(await in_order(patient.database, run.id))
    assert told[:2] == ALTERNATELY[:2]
    assert len(told) == len(set(told))
    assert lines_of(ledger) == [run.plan.steps[0].id]


async def test_branches_at_once_each_have_their_start_and_end_once(patient: World, ledger: Path) -> None:
    """One record at a time, whoever's it is."""
    run = await patient.queued("ledger", ledger, branches=True, items=9)
    async with serving(patient.carrier()):
        done = await patient.ended(run.id)
    assert done.state is RunState.SUCCEEDED
    told = order_of(await in_order(patient.database, run.id))
    assert sorted(told) == sorted((kind, str(n)) for n in range(9) for kind in ("step_started", "step_done"))
