"""What a restore made is on record, each object, and with it how to go back, whatever the size."""

from __future__ import annotations

import pytest

from k8sops.core.errors import PartialError
from k8sops.core.events import MADE
from tests.actions.restore.restoring import RestoreDesk
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
    (step,) = (one for one in plan.steps if one.verb == "create")
    assert step.undo is None, "too many to be listed in a plan"
    await desk.config_map("item-00", "a")
    journal = NotedJournal()
    with pytest.raises(PartialError) as told:
        await desk.carry(plan, journal)
    assert sorted(made(journal)) == [f"{desk.namespace}/configmaps/{name}" for name in names[1:]]
    assert f"`k8sops runs undo {journal.run} --commands`" in told.value.hint
