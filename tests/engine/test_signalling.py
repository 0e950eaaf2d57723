"""Signals: who may send them, to what, from which role; and that where statements are signed none is believed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from k8sops.core.errors import AlreadyDecidedError, DeniedError, UsageError
from k8sops.core.run import Run, RunState
from k8sops.engine.signalling import PAYLOAD_LIMIT, signal
from k8sops.store.roles import RoleNames
from tests.engine.signed_world import SignedWorld, open_signed_world
from tests.support.engine_records import chain_of, in_order
from tests.support.engine_world import ALICE, BOB, QUICK, World, open_world, serving
from tests.support.ledger import lines_of


async def nod(
    world: World, run: str, *, word: object = "yes", path: str = "nod", signed: bool = False
) -> Run:
    """Bob's signal."""
    payload = {"word": word}
    return await signal(world.database, world.books, world.rules, run, path, payload, BOB, signed=signed)


async def test_a_door_s_role_may_send_what_a_carrier_waits_for(postgres_url: str, ledger: Path) -> None:
    """A signal is a person's to send; persons sit at doors, which may not write the journal."""
    async with AsyncExitStack() as stack:
        door, carrier = [
            await stack.enter_async_context(
                open_world(f"{postgres_url}&options=-c%20role%3D{name}", timing=QUICK)
            )
            for name in (RoleNames().door, RoleNames().carrier)
        ]
        run = await door.queued("ledger", ledger, signal="nod")
        async with serving(carrier.carrier()):
            await door.parked(run.id)
            await nod(door, run.id)
            done = await door.ended(run.id)
        assert done.state is RunState.SUCCEEDED
        assert any(event.text == "the signal said yes" for event in done.events)
        await in_order(door.database, run.id)


async def test_who_sent_it_is_on_record_and_what_it_said_is_not(world: World, ledger: Path) -> None:
    """What somebody types may hold anything; its digest proves it later."""
    run = await world.queued("ledger", ledger, signal="nod")
    await nod(world, run.id, word="hunter2")
    (record,) = [record for record in await chain_of(world.database) if record.code == "signal.sent"]
    assert (record.run, record.person, record.outcome) == (run.id, "bob", "sent")
    assert record.data["signal"] == "nod"
    assert "hunter2" not in str(record)
    assert (await world.get(run.id)).events[-1].text == "the signal 'nod' was sent by bob"


async def test_only_who_may_settle_a_run_has_it_go_on(world: World, ledger: Path) -> None:
    """The refusal is on record, the signal is not there."""
    run = await world.queued("ledger", ledger, signal="nod")
    world.rules.refuses = "not yours"
    with pytest.raises(DeniedError, match="takes no signal: not yours"):
        await nod(world, run.id)
    world.rules.refuses = ""
    assert [r.outcome for r in await chain_of(world.database) if r.code == "run.refused"] == ["refused"]
    await nod(world, run.id)


async def test_a_run_that_has_ended_takes_none(world: World, ledger: Path) -> None:
    """Whoever comes late is told what became of it."""
    run = await world.queued("ledger", ledger, signal="nod")
    await world.desk.cancel(run.id, ALICE, "")
    with pytest.raises(AlreadyDecidedError, match="already cancelled by alice"):
        await nod(world, run.id)


async def test_what_cannot_be_a_signal_is_refused_before_anything_is_looked_up(world: World) -> None:
    """A door passes on what it is given."""
    with pytest.raises(UsageError, match="named by the wait"):
        await nod(world, "none", path="")
    with pytest.raises(UsageError, match="longer than"):
        await nod(world, "none", word="x" * PAYLOAD_LIMIT)


@pytest.fixture
async def signed(store_url: str) -> AsyncIterator[SignedWorld]:
    """An engine whose carriers want to see signatures."""
    async with open_signed_world(store_url) as opened:
        yield opened


async def test_where_statements_are_signed_a_signal_is_neither_sent_nor_believed(
    signed: SignedWorld, ledger: Path
) -> None:
    """Whoever can write the tables must not be able to have a run go on."""
    run = await signed.started("ledger", ledger, items=2, signal="nod")
    with pytest.raises(DeniedError, match="nothing proves who sends a signal"):
        await nod(signed, run.id, signed=True)
    await signed.sql(
        "INSERT INTO signals (run, path, payload, at) VALUES (:run, 'nod', '{\"word\": \"yes\"}', 1)",
        run=run.id,
    )
    async with serving(signed.carrier()):
        done = await signed.ended(run.id)
    assert done.state is RunState.FAILED
    assert "a nod is not waited for, since statements are signed here" in done.outcome
    assert len(lines_of(ledger)) == 1
    await in_order(signed.database, run.id)
