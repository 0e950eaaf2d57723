"""Following a run: from any number, from any process, at once, to its end."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from k8sops.core.errors import NoSuchRunError
from k8sops.core.events import Event
from k8sops.core.run import RunState
from k8sops.engine.following import follow
from tests.support.engine_world import ALICE, World, serving


async def test_another_process_sees_each_event_within_a_second(
    world: World, elsewhere: World, ledger: Path
) -> None:
    """Whoever watches sees what happens, not what happened."""
    run = await world.proposed("ledger", ledger, items=4, step_s=0.3)

    async def watch() -> list[tuple[Event, float]]:
        return [(event, time.time()) async for event in follow(elsewhere.database, run.id, 0)]

    watching = asyncio.create_task(watch())
    await world.desk.start(run.id, ALICE)
    async with serving(world.carrier()):
        seen = await watching
    assert seen[-1][0].data["state"] == "succeeded"
    late = [arrived - event.at.timestamp() for event, arrived in seen[1:]]
    assert max(late) < 1.0, late


async def test_following_goes_on_after_the_number_last_seen(world: World, ledger: Path) -> None:
    """A door that was closed comes back to what it has not shown yet, and only that."""
    run = await world.queued("ledger", ledger, items=300)
    async with serving(world.carrier()):
        await world.ended(run.id)
    whole = await world.events(run.id)
    assert len(whole) > 600
    assert [event.seq for event in whole] == list(range(1, len(whole) + 1))
    rest = [event async for event in follow(world.database, run.id, whole[-3].seq)]
    assert rest == whole[-2:]
    assert [event async for event in follow(world.database, run.id, whole[-1].seq)] == []


async def test_who_is_told_of_a_change_need_not_wait_for_the_next_look(world: World, ledger: Path) -> None:
    """Within one process an event is shown when it is stored."""
    run = await world.proposed("ledger", ledger)
    changed = asyncio.Event()
    events = follow(world.database, run.id, 1, changed)
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.05)
    begun = time.monotonic()
    await world.desk.cancel(run.id, ALICE, "")
    changed.set()
    assert (await waiting).data["state"] == RunState.CANCELLED
    assert time.monotonic() - begun < 0.3
    await events.aclose()


async def test_a_run_that_is_not_there_is_said_not_to_be(world: World) -> None:
    """Rather than waited for."""
    with pytest.raises(NoSuchRunError):
        await anext(follow(world.database, "0" * 26, 0))
