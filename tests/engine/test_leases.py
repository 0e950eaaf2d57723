"""What a carrier may believe of its own lease, and of others' leases, by its own clock."""

from __future__ import annotations

import asyncio

import pytest

from k8sops.core.journal import Fenced
from k8sops.engine.hearing import GRACE, Hearing
from k8sops.engine.lease_guard import LeaseGuard


class Uptime:
    """A boot clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def uptime() -> Uptime:
    """Since boot, sleep included."""
    return Uptime()


async def test_a_mutation_goes_out_at_once_while_the_lease_outlives_it(uptime: Uptime) -> None:
    """Nothing is asked of the store for it."""
    guard = LeaseGuard(1004.0, uptime)
    await asyncio.wait_for(guard.outlives(4.0), 1)
    assert not guard.lost


async def test_a_mutation_that_could_outlive_the_lease_waits_for_a_heartbeat(uptime: Uptime) -> None:
    """Its request might still be on its way when another carrier has the run."""
    guard = LeaseGuard(1004.0, uptime)
    uptime.seconds += 0.1
    waiting = asyncio.ensure_future(guard.outlives(4.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    guard.extended(1004.05)
    await asyncio.sleep(0)
    assert not waiting.done()
    guard.extended(1008.0)
    await asyncio.wait_for(waiting, 1)


async def test_a_machine_that_slept_asks_before_it_goes_on(uptime: Uptime) -> None:
    """The clock runs while the machine sleeps; whether anybody took the run is for the store to say."""
    guard = LeaseGuard(1008.0, uptime)
    uptime.seconds += 3600
    waiting = asyncio.ensure_future(guard.outlives(4.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    guard.lose()
    with pytest.raises(Fenced):
        await waiting
    with pytest.raises(Fenced):
        await guard.outlives(0.0)


def test_who_hears_the_store_may_call_others_dead(uptime: Uptime) -> None:
    """Nothing to wait for: takeover is quick."""
    hearing = Hearing(uptime, heartbeat_s=2.0, round_s=0.5)
    for _ in range(20):
        uptime.seconds += 0.6
        hearing.heard()
        assert hearing.judges()


@pytest.mark.parametrize("away_s", [2.6, 3600.0])
def test_who_was_cut_off_gives_the_living_time_to_say_so(uptime: Uptime, away_s: float) -> None:
    """After a nap, or hours without the store, every lease has ended; most of their holders have not."""
    hearing = Hearing(uptime, heartbeat_s=2.0, round_s=0.5)
    uptime.seconds += away_s
    hearing.heard()
    assert not hearing.judges()
    uptime.seconds += GRACE * 2.0
    assert hearing.judges()


def test_a_transaction_that_had_to_wait_takes_nothing_over(uptime: Uptime) -> None:
    """What held it up held the others' heartbeats up as well."""
    hearing = Hearing(uptime, heartbeat_s=2.0, round_s=0.5)
    asked = uptime.seconds
    uptime.seconds += 2.1
    assert not hearing.judges(asked)
    uptime.seconds += 1.0
    assert not hearing.judges()
