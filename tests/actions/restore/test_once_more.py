"""What a restore makes in the end and what it does not, and what else goes when something is recreated."""

from __future__ import annotations

import pytest

from k8sops.core.errors import PartialError
from k8sops.core.events import Emission
from k8sops.core.risk import Risk
from tests.actions.restore.restoring import Full, RestoreDesk, eventually, finding
from tests.support.journals import NotedJournal
from tests.support.workloads import pod_template


class MakingRoom(NotedJournal):
    """Somebody takes the quota away as soon as it is told that something was refused for it."""

    def __init__(self, full: Full) -> None:
        super().__init__()
        self._full = full

    async def tell(self, emission: Emission) -> None:
        await super().tell(emission)
        if "exceeded quota" in emission.text:
            await self._full.remove()


@pytest.fixture
async def full(desk: RestoreDesk) -> Full:
    """Nothing is refused yet; a Service is backed up and gone."""
    await desk.make("services", "web", spec={"ports": [{"port": 80}]})
    await desk.back_up(include_kinds=["services", "configmaps"])
    await desk.delete("services", "web")
    return Full(desk)


async def test_what_failed_in_its_step_is_made_in_the_end_if_it_can_be_then(
    desk: RestoreDesk, full: Full
) -> None:
    """What stood in its way went while the rest was restored."""
    plan = await desk.preview()
    await full.make()
    journal = await desk.carry(plan, MakingRoom(full))
    assert any("exceeded quota" in text for text in journal.notes)
    assert await desk.exists("services", "web")


async def test_whoever_takes_a_run_over_tries_again_what_its_record_says_was_not_made(
    desk: RestoreDesk, full: Full
) -> None:
    """Why it failed died with the first carrier; that it did is on record."""
    plan = await desk.preview()
    await full.make()
    journal = NotedJournal()
    with pytest.raises(PartialError, match=r"services/web is not there: .*exceeded quota"):
        await desk.carry(plan, journal)
    await full.remove()
    await desk.carry(plan, NotedJournal(before=journal))
    assert await desk.exists("services", "web")


async def test_what_somebody_takes_away_meanwhile_is_named_and_not_made_again(desk: RestoreDesk) -> None:
    """It was there when the plan was made and approved, so nothing in that was about making it."""
    await desk.config_map("settings")
    await desk.secret("password", "hunter2")
    await desk.back_up()
    await desk.delete("configmaps", "settings")
    plan = await desk.preview()
    await desk.delete("secrets", "password")
    with pytest.raises(
        PartialError, match=r"secrets/password is not there: it went since this was planned"
    ) as told:
        await desk.carry(plan)
    assert "run it again" in told.value.hint
    assert await desk.exists("configmaps", "settings")
    assert not await desk.exists("secrets", "password")
    await desk.restore()
    assert await desk.exists("secrets", "password")


@pytest.mark.parametrize("when_deleted", ["Delete", "Retain"])
async def test_claims_that_go_with_a_recreated_statefulset_are_named_before(
    desk: RestoreDesk, when_deleted: str
) -> None:
    """Somebody who recreates it to change a field does not expect to lose what its pods have written."""
    spec = {
        "replicas": 1,
        "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}},
        "template": pod_template("db"),
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": when_deleted, "whenScaled": "Retain"},
        "volumeClaimTemplates": [
            {
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "none",
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }
        ],
    }
    await desk.make("statefulsets", "db", spec=spec)

    async def claimed() -> bool:
        if not await desk.exists("persistentvolumeclaims", "data-db-0"):
            return False
        owners = (await desk.get("persistentvolumeclaims", "data-db-0"))["metadata"].get("ownerReferences")
        return bool(owners) == (when_deleted == "Delete")

    await eventually(claimed)
    await desk.back_up(include_kinds=["statefulsets", "persistentvolumeclaims"])
    sets = await desk.cluster.resource("statefulsets")
    await desk.cluster.patch(sets, "db", desk.namespace, body={"metadata": {"labels": {"app": "other"}}})
    await desk.cluster.patch(sets, "db", desk.namespace, body={"spec": {"replicas": 2}})
    plan = await desk.preview(include_kinds=["statefulsets"], existing="recreate")
    assert plan.risk is Risk.DESTRUCTIVE
    if when_deleted == "Retain":
        assert "claims_deleted" not in {one.code for one in plan.findings}
        return
    warning = finding(plan, "claims_deleted")
    assert warning.level == "warning"
    assert f"{desk.namespace}/persistentvolumeclaims/data-db-0" in warning.subjects
    assert "with all that is on their volumes" in warning.text
    assert "deleted_along" not in {one.code for one in plan.findings}


async def test_what_a_recreated_object_owns_is_named_before(desk: RestoreDesk) -> None:
    """The garbage collector takes it, and no controller of Kubernetes makes it again."""
    await desk.config_map("owner", "old")
    await desk.back_up()
    await desk.change("owner", "new")
    owner = (await desk.get("configmaps", "owner"))["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    await desk.make("secrets", "owned", metadata={"ownerReferences": [reference]})
    plan = await desk.preview(existing="recreate")
    assert finding(plan, "deleted_along").subjects == (f"{desk.namespace}/secrets/owned",)
    assert "deleted_along" not in {one.code for one in (await desk.preview(existing="update")).findings}
