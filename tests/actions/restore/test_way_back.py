"""What a restore made is on record, each object, and with it how to go back, whatever the size."""

from __future__ import annotations

import asyncio

import pytest

from k8sops.core.errors import PartialError
from k8sops.core.events import MADE
from tests.actions.restore.restoring import Full, RestoreDesk, eventually
from tests.support.journals import NotedJournal


def made(journal: NotedJournal) -> list[str]:
    """What is on record as made."""
    told = [one.data[MADE] for one in journal.told if MADE in one.data]
    return [f"{one['namespace']}/{target}" for one in told for target in one["targets"]]


async def test_every_object_that_was_made_is_on_record_and_no_other(desk: RestoreDesk) -> None:
    """More than a plan lists or a sentence holds; what was there when its turn came is not this run's to delete."""
    names = [f"item-{number:02d}" for number in range(60)]
    for name in names:
        await desk.config_map(name, "a")
    await desk.secret("password", "hunter2")
    await desk.back_up()
    for name in names:
        await desk.delete("configmaps", name)
    secrets = await desk.cluster.resource("secrets")
    await desk.cluster.patch(secrets, "password", desk.namespace, body={"data": {"value": "b3RoZXI="}})
    plan = await desk.preview()
    await desk.config_map("item-00", "a")
    journal = NotedJournal()
    with pytest.raises(PartialError) as told:
        await desk.carry(plan, journal)
    assert sorted(made(journal)) == [f"{desk.namespace}/configmaps/{name}" for name in names[1:]]
    assert f"`k8sops runs undo {journal.run} --commands`" in told.value.hint


async def test_a_restore_that_made_nothing_proposes_to_delete_nothing(desk: RestoreDesk) -> None:
    """What it was to make is made by somebody else later, and a way back from the plan would delete that."""
    await desk.make("services", "web", spec={"ports": [{"port": 80}]})
    await desk.back_up(include_kinds=["services"])
    await desk.delete("services", "web")
    plan = await desk.preview()
    await Full(desk).make()
    journal = NotedJournal()
    with pytest.raises(PartialError, match="0 of 1 object is as in") as told:
        await desk.carry(plan, journal)
    assert "to go back" not in told.value.hint
    assert made(journal) == []
    assert all(step.undo is None for step in plan.steps), "what is planned is not what is made"
    assert not journal.done, "a step that nothing came of is not done"
    assert any(text.endswith(f"1 not: {desk.namespace}/services/web") for text in journal.notes)


async def test_what_a_cancelled_restore_has_made_is_on_record(desk: RestoreDesk) -> None:
    """It is told by the hundred; whoever cancels the first few dozen wants to take back just those."""
    names = [f"item-{number:02d}" for number in range(40)]
    for name in names:
        await desk.config_map(name)
    await desk.back_up()
    for name in names:
        await desk.delete("configmaps", name)
    journal = NotedJournal()
    carrying = asyncio.ensure_future(desk.carry(await desk.preview(), journal))

    async def begun() -> bool:
        return len(await desk.state("configmaps")) > 3 or carrying.done()

    await eventually(begun)
    carrying.cancel()
    await asyncio.gather(carrying, return_exceptions=True)
    there = {f"{desk.namespace}/configmaps/{name}" for _, name in await desk.state("configmaps")}
    assert made(journal)
    assert set(made(journal)) <= there
