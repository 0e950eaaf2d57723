"""Following a run: from any number, from any process, at once, to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from k8sops.core.errors import NoSuchRunError
from k8sops.core.events import Event
from k8sops.core.run import RunState
from k8sops.engine.following import LOOK_EVERY_S, follow
from tests.support.engine_world import ALICE, World, serving


async def test_another_process_sees_the_events_while_they_happen(
    world: World, elsewhere: World, ledger: Path
) -> None:
    """Whoever watches sees what happens, not what happened: it looks more than twice a second."""
    assert LOOK_EVERY_S < 0.5
    nod = ledger.with_suffix(".nod")
    run = await world.proposed("ledger", ledger, items=4, waits_for=str(nod))

    async def watch() -> list[Event]:
        seen = []
        async for event in follow(elsewhere.database, run.id, 0):
            seen.append(event)
            if event.kind == "step_done" and not nod.exists():
                nod.touch()
        return seen

    watching = asyncio.create_task(watch())
    await world.desk.start(run.id, ALICE)
    async with serving(world.carrier()), asyncio.timeout(60):
        seen = await watching
    assert seen[-1].data["state"] == "succeeded", "it would wait for the watcher's nod for ten minutes"


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
    """Within one process an event is shown when it is stored: the next look would be in a day."""
    run = await world.proposed("ledger", ledger)
    changed = asyncio.Event()
    events = follow(world.database, run.id, 1, changed, look_every_s=86400)
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.05)
    await world.desk.cancel(run.id, ALICE, "")
    changed.set()
    assert (await waiting).data["state"] == RunState.CANCELLED
    await events.aclose()


async def test_a_run_that_is_not_there_is_said_not_to_be(world: World) -> None:
    """Rather than waited for."""
    with pytest.raises(NoSuchRunError):
        await anext(follow(world.database, "0" * 26, 0))
