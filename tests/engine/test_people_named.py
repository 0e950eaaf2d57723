"""What people read names people: an id that a chat knows them by says nothing to anybody, and stays on record only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from k8sops.core.actor import Actor
from k8sops.core.errors import DeniedError
from k8sops.core.run import RunFilter, RunState, Settlement
from k8sops.engine.journal import RunJournal
from k8sops.engine.reading import runs_matching
from k8sops.engine.settling import settle
from k8sops.store.runs import set_columns
from tests.support.engine_records import chain_of
from tests.support.engine_world import BOB, World

IN_CHAT = Actor(name="alice-U0ALICE", team="T1", surface="slack", auth="slack")
"""For the rules of the tests this is alice."""


async def test_a_cancel_is_told_by_the_persons_name_and_recorded_as_the_actors(
    world: World, ledger: Path
) -> None:
    """`cancelled by U0ALICE` is a riddle; whose word it was is for the trail to say exactly."""
    run = await world.proposed("ledger", ledger)
    done = await world.desk.cancel(run.id, IN_CHAT, "never mind")
    assert done.outcome == "cancelled by alice: never mind: it had not started, nothing was changed"
    record = (await chain_of(world.database))[-1]
    assert record.actor is not None
    assert (record.actor.name, record.person) == (IN_CHAT.name, "alice")


@pytest.mark.parametrize(
    ("how", "told"), [("abandon", "given up by alice: "), ("done", "resumed by alice: ")]
)
async def test_settling_is_told_by_the_persons_name(
    world: World, ledger: Path, how: Settlement, told: str
) -> None:
    """Who took a step as done is whom one asks whether it was."""
    run = await world.queued("ledger", ledger)
    doubtful = RunState.NEEDS_REVIEW
    await world.database.write(
        lambda tx: set_columns(tx, run.id, state=str(doubtful), outcome="x"), name="test.doubt"
    )
    await settle(world.database, world.books, world.rules, run.id, how, IN_CHAT)
    found = await world.get(run.id)
    assert found.events[-1].text.startswith(told)
    assert (await chain_of(world.database))[-1].person == "alice"


async def test_a_list_knows_the_person_who_asked(world: World, ledger: Path) -> None:
    """Doors show it in place of the actor."""
    await world.proposed("ledger", ledger, IN_CHAT)
    (found,) = await runs_matching(world.database, RunFilter())
    assert (found.who, found.actor.name) == ("alice", IN_CHAT.name)


async def test_whoever_comes_too_early_or_is_not_meant_hears_a_persons_name(
    world: World, ledger: Path
) -> None:
    """They go and ask that person."""
    run = await world.proposed("ledger", ledger, IN_CHAT)
    with pytest.raises(DeniedError, match="was proposed by alice; only its requester"):
        await world.desk.start(run.id, BOB)


async def test_what_an_action_writes_on_the_cluster_names_the_person(world: World, ledger: Path) -> None:
    """A cordoned node says by whom to everybody with kubectl."""
    run = await world.proposed("ledger", ledger, IN_CHAT)
    absent: Any = None
    timing, clock = world.timing, world.clock
    journal = RunJournal(absent, absent, run, absent, {}, idempotent=True, clock=clock, timing=timing)
    assert journal.errand.actor == "alice"
    unmapped = msgspec.structs.replace(run, person="")
    journal = RunJournal(absent, absent, unmapped, absent, {}, idempotent=True, clock=clock, timing=timing)
    assert journal.errand.actor == IN_CHAT.name
