"""What a part came to can be read back by whoever carries the run on: a backup finds the packs it stored so."""

from __future__ import annotations

from pathlib import Path

from k8sops.core.run import RunState
from tests.support.engine_world import World, serving


async def test_a_carrier_reads_what_the_parts_of_an_earlier_one_came_to(
    world: World, elsewhere: World, ledger: Path, tmp_path: Path
) -> None:
    """In the order in which they were begun, and only what is done below that step."""
    there = tmp_path / "there"
    run = await world.queued("ledger", ledger, bulk=True, recalls=True, waits_for=str(there))
    async with serving(world.carrier()):
        await world.parked(run.id)
    there.touch()
    async with serving(elsewhere.carrier()):
        done = await elsewhere.ended(run.id)
    assert done.state is RunState.SUCCEEDED, done.outcome
    step = done.plan.steps[0].id
    told = [event.text for event in done.events if event.text.startswith("on record: ")]
    assert told == ["on record: " + ", ".join(f"{step}/{line} line {line} is written" for line in range(3))]
