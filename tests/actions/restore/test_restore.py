"""What was backed up is there again: deleted, changed, in another namespace; what differs is told before and after."""

from __future__ import annotations

import pytest

from k8sops.core.errors import PartialError, UsageError
from k8sops.core.risk import Risk
from tests.actions.restore.restoring import RestoreDesk, finding, shown, steps_for, verdicts
from tests.support.journals import NotedJournal


async def test_what_was_deleted_is_there_again_as_it_was(desk: RestoreDesk) -> None:
    """The plan names it, the run makes it, and the comparison says so."""
    await desk.config_map("settings", "dark", {"app": "web"})
    await desk.secret("password", "hunter2")
    await desk.config_map("untouched")
    before = await desk.state("configmaps", "secrets")
    await desk.back_up()
    await desk.delete("configmaps", "settings")
    await desk.delete("secrets", "password")
    plan = await desk.preview()
    assert verdicts(plan) == {
        f"{desk.namespace}/configmaps/settings": "created",
        f"{desk.namespace}/secrets/password": "created",
    }
    assert plan.risk is Risk.LOW
    assert plan.summary.startswith("Safe: of backup 1 of ")
    assert plan.blast_radius["namespaces"] == [desk.namespace]
    journal = await desk.carry(plan)
    assert await desk.state("configmaps", "secrets") == before
    (told,) = (result for path, result in journal.done.items() if path.endswith("/compare"))
    assert " are as in backup 1 " in told
    assert "hunter2" not in shown(plan, journal)
    assert "aHVudGVyMg==" not in shown(plan, journal)


async def test_nothing_is_done_where_all_is_as_in_the_backup(desk: RestoreDesk) -> None:
    """A second restore writes nothing, and says so."""
    await desk.config_map("settings")
    await desk.back_up()
    plan = await desk.preview()
    assert plan.steps == ()
    assert plan.risk is Risk.READ
    assert plan.summary.startswith("Nothing to do: ")
    assert (await desk.carry(plan)).done == {}


async def test_what_differs_is_skipped_and_the_run_says_that_it_is_less_than_all(desk: RestoreDesk) -> None:
    """Anything less than all of it restored is never success, and each object is named."""
    await desk.config_map("settings", "dark")
    await desk.config_map("gone")
    await desk.back_up()
    await desk.change("settings", "light")
    await desk.delete("configmaps", "gone")
    plan = await desk.preview()
    found = finding(plan, "existing_differs")
    assert found.subjects == (f"{desk.namespace}/configmaps/settings",)
    assert 'data.text: "dark" → "light"' in found.text
    with pytest.raises(PartialError, match="configmaps/settings") as caught:
        await desk.carry(plan)
    assert "--existing update" in caught.value.hint
    assert (await desk.get("configmaps", "settings"))["data"] == {"text": "light"}
    assert await desk.exists("configmaps", "gone")


async def test_update_takes_over_only_what_it_was_told_to(desk: RestoreDesk) -> None:
    """Server-side apply names who set the field; taking it over is said, not assumed."""
    await desk.config_map("settings", "dark")
    await desk.back_up()
    await desk.change("settings", "light")
    plan = await desk.preview(existing="update")
    (blocker,) = plan.blockers
    assert blocker.code == "conflict"
    assert blocker.override == "--force-conflicts"
    assert ".data.text" in blocker.text
    plan = await desk.preview(existing="update", force_conflicts=True)
    assert not plan.blockers
    (step,) = steps_for(plan, "configmaps")
    assert step.verb == "update"
    assert step.risk is Risk.DISRUPTIVE
    assert step.bulk is not None
    assert step.bulk.items[0].data["differences"] == ['data.text: "dark" → "light"']
    uid = (await desk.get("configmaps", "settings"))["metadata"]["uid"]
    await desk.carry(plan)
    found = await desk.get("configmaps", "settings")
    assert found["data"] == {"text": "dark"}
    assert found["metadata"]["uid"] == uid


async def test_recreate_deletes_and_makes_anew_what_differs(desk: RestoreDesk) -> None:
    """What cannot be changed in place; an object that is as in the backup is left."""
    await desk.make("configmaps", "fixed", data={"text": "old"}, immutable=True)
    await desk.config_map("same")
    await desk.back_up()
    same = (await desk.get("configmaps", "same"))["metadata"]["uid"]
    await desk.delete("configmaps", "fixed")
    await desk.make("configmaps", "fixed", data={"text": "new"}, immutable=True)
    refused = await desk.preview(existing="update", force_conflicts=True)
    assert [one.code for one in refused.blockers] == ["refused"]
    assert "immutable" in refused.blockers[0].text
    plan = await desk.preview(existing="recreate")
    assert plan.risk is Risk.DESTRUCTIVE
    await desk.carry(plan)
    assert (await desk.get("configmaps", "fixed"))["data"] == {"text": "old"}
    assert (await desk.get("configmaps", "same"))["metadata"]["uid"] == same


async def test_the_difference_of_a_secret_names_its_keys_only(desk: RestoreDesk) -> None:
    """A plan goes to a chat; values do not."""
    await desk.secret("password", "hunter2")
    await desk.back_up()
    resource = await desk.cluster.resource("secrets")
    await desk.cluster.patch(resource, "password", desk.namespace, body={"stringData": {"value": "correct"}})
    plan = await desk.preview()
    assert "data.value" in finding(plan, "existing_differs").text
    journal = NotedJournal()
    with pytest.raises(PartialError) as caught:
        await desk.carry(plan, journal)
    everything = shown(plan, journal, caught.value)
    assert not any(text in everything for text in ("hunter2", "correct", "aHVudGVyMg==", "Y29ycmVjdA=="))


async def test_one_object_is_restored_by_its_name(desk: RestoreDesk) -> None:
    """Nothing else is looked at, and a name that is not there is an error."""
    await desk.config_map("one")
    await desk.config_map("two")
    await desk.back_up()
    await desk.delete("configmaps", "one")
    await desk.delete("configmaps", "two")
    plan = await desk.restore(object=["cm/one"])
    assert plan.steps[0].target.label == f"{desk.namespace}/configmaps/one"
    assert await desk.exists("configmaps", "one")
    assert not await desk.exists("configmaps", "two")
    with pytest.raises(UsageError, match="has no cm/three in namespace"):
        await desk.preview(object=["cm/three"])
    with pytest.raises(UsageError, match="the backup has no kind 'nonsense'"):
        await desk.preview(object=["nonsense/one"])


async def test_labels_select_out_of_a_backup(desk: RestoreDesk) -> None:
    """By the labels the objects had then."""
    await desk.config_map("web", labels={"app": "web"})
    await desk.config_map("db", labels={"app": "db"})
    await desk.back_up()
    await desk.delete("configmaps", "web")
    await desk.delete("configmaps", "db")
    await desk.restore(selector=["app=web"])
    assert await desk.exists("configmaps", "web")
    assert not await desk.exists("configmaps", "db")


async def test_an_older_backup_is_restored_by_its_number(desk: RestoreDesk) -> None:
    """Every backup is whole by itself, however little was new in it."""
    await desk.config_map("settings", "first")
    await desk.back_up()
    await desk.change("settings", "second")
    await desk.back_up()
    await desk.delete("configmaps", "settings")
    await desk.restore("1")
    assert (await desk.get("configmaps", "settings"))["data"] == {"text": "first"}


async def test_the_same_plan_is_made_again(desk: RestoreDesk) -> None:
    """A carrier plans once more before it begins: what nobody changed may not void an approval."""
    await desk.config_map("settings")
    await desk.config_map("other")
    await desk.back_up()
    await desk.delete("configmaps", "settings")
    assert (await desk.preview()).digest == (await desk.preview()).digest
