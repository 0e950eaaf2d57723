"""The engine under the two roles a shared store gives: a door's rights suffice for people, a carrier's for carrying."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from k8sops.core.plan import Decision
from k8sops.core.run import RunState
from k8sops.engine.settling import settle
from k8sops.engine.sweeping import sweep
from k8sops.store.roles import RoleNames
from tests.engine.carriers.hands import dying_in_step
from tests.engine.test_embedded_carrier import EmbeddedHands
from tests.support.engine_records import in_order
from tests.support.engine_world import ALICE, BOB, QUICK, World, needing, open_world, serving
from tests.support.ledger import free, lines_of

Roles = tuple[World, World]


@pytest.fixture
async def roles(postgres_url: str) -> AsyncIterator[Roles]:
    """A door's engine and a carrier's, each with its role's rights and no more."""
    names = RoleNames()
    async with AsyncExitStack() as stack:
        door, carrier = [
            await stack.enter_async_context(
                open_world(f"{postgres_url}&options=-c%20role%3D{name}", timing=QUICK)
            )
            for name in (names.door, names.carrier)
        ]
        yield door, carrier


async def test_people_at_a_door_and_a_worker_share_a_run(roles: Roles, ledger: Path) -> None:
    """Proposed, voted on, carried with waits and progress, followed: nobody needs more than their role."""
    door, carrier = roles
    door.rules.decision = carrier.rules.decision = needing(1)
    run = await door.proposed("ledger", ledger, pause_s=0.5, progress=True)
    await door.vote(run, BOB)
    async with serving(carrier.carrier()):
        done = await door.ended(run.id)
    assert done.state is RunState.SUCCEEDED
    assert len(await door.events(run.id)) == len(done.events)
    await in_order(door.database, run.id)


async def test_a_door_breaks_the_glass_cancels_and_settles(roles: Roles, ledger: Path) -> None:
    """What is urgent must not fail for want of a right."""
    door, carrier = roles
    door.rules.decision = needing(1)
    waiting = await door.proposed("ledger", ledger, targets="a")
    await door.desk.start(waiting.id, ALICE, break_glass="fire")
    assert (await door.desk.cancel(waiting.id, BOB, "out")).state is RunState.CANCELLED
    door.rules.decision = Decision(effect="confirm", why="test")
    run = await door.queued("once", ledger, items=3, hang_at=1, targets="b")
    async with dying_in_step(EmbeddedHands(), carrier, run.id, ledger, 1):
        free(ledger)
    async with serving(carrier.carrier()):
        assert (await door.ended(run.id)).state is RunState.NEEDS_REVIEW
        await settle(door.database, door.books, door.rules, run.id, "retry", BOB)
        assert (await door.ended(run.id)).state is RunState.SUCCEEDED
    assert [line[-1] for line in lines_of(ledger)] == ["0", "1", "2"]
    assert await sweep(carrier.database, carrier.books) == 0
    await in_order(carrier.database, run.id)
