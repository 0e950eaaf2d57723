"""Workers on record: begun, stopped, gone; each with its row in the list, and no door's carrier among them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from k8sops.core.actor import Actor
from k8sops.core.errors import StoreError
from k8sops.core.run import RunState
from k8sops.engine.books import Books
from k8sops.engine.carrier import EmbeddedCarrier
from k8sops.engine.carrier_records import sweep_carriers
from k8sops.store.carriers import live_carriers
from tests.engine.test_embedded_carrier import LosableCarrier
from tests.support.engine_records import chain_of
from tests.support.engine_world import NoRedactor, World, eventually, serving

SWEEPER = Actor(name="carol", surface="worker")


def worker(world: World, kind: type[EmbeddedCarrier] = EmbeddedCarrier) -> EmbeddedCarrier:
    """A carrier that stays."""
    carrier = world.carrier_of(kind)
    carrier._card = msgspec.structs.replace(carrier._card, resident=True, version="9.9", os_user="dora")
    return carrier


async def told(world: World) -> list[tuple[str, str, str]]:
    """Code, carrier and who says so, of every record about carriers."""
    return [
        (record.code, str(record.data["carrier"]), record.actor.name if record.actor else "")
        for record in await chain_of(world.database)
        if record.code.startswith("carrier.")
    ]


async def listed(world: World) -> list[str]:
    """Who is on the list, alive."""
    return [card.id for card in await world.database.read(live_carriers)]


async def test_a_worker_s_beginning_and_end_are_on_record_once(world: World) -> None:
    """Who carried anything at all that night is found in one place, with name, host and version."""
    carrier = worker(world)
    async with serving(carrier):
        await eventually(lambda: _is_listed(world, carrier.id))
        await asyncio.gather(*(carrier.announce() for _ in range(3)))
        assert await told(world) == [("carrier.started", carrier.id, "dora")]
    assert await told(world) == [
        ("carrier.started", carrier.id, "dora"),
        ("carrier.stopped", carrier.id, "dora"),
    ]
    assert await listed(world) == []
    started = (await chain_of(world.database))[0]
    assert started.data["version"] == "9.9"
    assert started.data["execute_as"] == ["user:alice"]


async def test_a_command_that_carries_its_own_run_is_not_recorded(world: World, ledger: Path) -> None:
    """Each would add two records that say nothing its run's do not."""
    run = await world.queued("ledger", ledger)
    async with serving(world.carrier()):
        assert (await world.ended(run.id)).state is RunState.SUCCEEDED
    assert await told(world) == []


async def test_a_worker_that_died_is_recorded_by_whoever_notices_and_once(
    world: World, elsewhere: World
) -> None:
    """Two workers sweep at the same moment; the dead one cannot say it itself. One that lives after all begins anew."""
    lost = worker(world, LosableCarrier)
    assert isinstance(lost, LosableCarrier)
    loops = asyncio.create_task(lost.serve())
    await eventually(lambda: _is_listed(world, lost.id))
    assert await sweep_carriers(elsewhere.database, elsewhere.books, SWEEPER, silent_s=0) == ()
    lost.vanish()
    await eventually(lambda: _is_gone(world, lost.id))
    assert await sweep_carriers(elsewhere.database, elsewhere.books, SWEEPER) == (), "it may be a hiccup"
    swept = await asyncio.gather(
        *(sweep_carriers(one.database, one.books, SWEEPER, silent_s=0) for one in (world, elsewhere))
    )
    assert sorted(swept) == [(), (lost.id,)]
    gone = ("carrier.gone", lost.id, "carol")
    assert await told(world) == [("carrier.started", lost.id, "dora"), gone]
    record = (await chain_of(world.database))[-1]
    assert record.reason.endswith("noticed by a worker")
    lost.come_back()
    await eventually(lambda: _is_listed(world, lost.id))
    await lost.aclose(grace_s=0)
    await loops
    assert [code for code, *_ in await told(world)] == [
        "carrier.started", "carrier.gone", "carrier.started", "carrier.stopped",
    ]  # fmt: skip


async def test_a_worker_that_cannot_be_recorded_is_not_on_the_list(world: World) -> None:
    """Row and record come together or not at all: nobody counts on a worker the trail knows nothing of."""

    def broken(*_: object) -> bytes:
        raise StoreError("no room for a record")

    carrier = worker(world)
    carrier._books = Books(broken, NoRedactor(), world.ids)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="no room"):
        await carrier.announce()
    assert await listed(world) == []


async def _is_listed(world: World, carrier: str) -> bool:
    return carrier in await listed(world)


async def _is_gone(world: World, carrier: str) -> bool:
    return carrier not in await listed(world)
