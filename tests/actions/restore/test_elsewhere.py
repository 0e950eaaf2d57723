"""Into another namespace, another cluster's backup, a namespace that is not there or on its way out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from k8sops.backup.errors import RepositoryRolledBackError
from k8sops.backup.vault.seen import SeenHere
from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import NotFoundError, PartialError, UsageError
from tests.actions.restore.restoring import RestoreDesk, eventually, finding, steps_for, verdicts
from tests.support.journals import NotedJournal
from tests.support.repositories import RepositoriesHere
from tests.support.workloads import deployment


@pytest.fixture
async def copy(cluster: KubeCluster, desk: RestoreDesk) -> AsyncIterator[str]:
    """The name of a namespace that is not there, and is taken away afterwards."""
    name = f"{desk.namespace}-copy"
    yield name
    try:
        await cluster.delete(await cluster.resource("namespaces"), name)
    except NotFoundError:
        return


async def test_a_namespace_is_put_beside_itself(desk: RestoreDesk, copy: str) -> None:
    """To look at how it was, while the original goes on; what names the namespace goes along."""
    await desk.config_map("settings", "dark")
    await desk.make("serviceaccounts", "operator")
    await desk.make(
        "rolebindings",
        "operator",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        subjects=[{"kind": "ServiceAccount", "name": "operator", "namespace": desk.namespace}],
    )
    await desk.cluster.create(await desk.cluster.resource("deployments"), deployment("web", desk.namespace))
    await desk.back_up(include_kinds=())
    plan = await desk.preview(namespace_mapping=[f"{desk.namespace}:{copy}"])
    told = verdicts(plan)
    assert told[f"namespaces/{copy}"] == "created"
    assert told[f"{copy}/configmaps/settings"] == "created_unverified"
    (step,) = steps_for(plan, "configmaps")
    assert step.bulk is not None
    assert step.bulk.items[0].data["depends_on"] == "restore/01/create:namespaces"
    assert step.why.endswith(f", tried once step 1 has made namespace {copy}")
    assert {item.why for item in step.bulk.items} == {""}, (
        "what the step says need not be said of each object"
    )
    assert (step.before, step.after) == ({}, {})
    assert finding(plan, "mapping").level == "note"
    journal = await desk.carry(plan)
    ended = {path.rpartition("/")[2]: text for path, text in journal.done.items()}
    assert ended["create:namespaces"] == "1 namespace created"
    assert ended[f"create:deployments.apps:{copy}"] == f"1 deployment in {copy} created"
    (compared,) = (text for path, text in journal.done.items() if path.endswith("/compare"))
    last = [one for one in journal.told if one.kind == "progress"][-1]
    assert compared.startswith(f"{last.data['done']} of {last.data['total']} objects are as in ")
    assert last.data["done"] == last.data["total"]
    assert (await desk.get("configmaps", "settings", copy))["data"] == {"text": "dark"}
    (subject,) = (await desk.get("rolebindings", "operator", copy))["subjects"]
    assert subject["namespace"] == copy
    assert (await desk.get("deployments", "web", copy))["spec"] == (await desk.get("deployments", "web"))[
        "spec"
    ]
    again = await desk.preview(namespace_mapping=[f"{desk.namespace}:{copy}"])
    assert again.steps == (), again.findings


async def test_a_namespace_on_its_way_out_is_waited_for(desk: RestoreDesk) -> None:
    """Somebody deleted it a moment ago; what is still in it goes with it."""
    await desk.config_map("settings", "dark")
    await desk.make("configmaps", "held", metadata={"finalizers": ["example.com/held"]})
    await desk.back_up(include_kinds=(), exclude_kinds=["pods"])
    namespaces = await desk.cluster.resource("namespaces")
    await desk.cluster.delete(namespaces, desk.namespace)

    async def held() -> bool:
        found = await desk.get("namespaces", desk.namespace)
        return bool(found["metadata"].get("deletionTimestamp")) and not await desk.exists(
            "configmaps", "settings"
        )

    await eventually(held)
    plan = await desk.preview()
    assert verdicts(plan)[f"namespaces/{desk.namespace}"] == "created_unverified"
    body = {"metadata": {"finalizers": None}}
    await desk.cluster.patch(await desk.cluster.resource("configmaps"), "held", desk.namespace, body=body)
    await desk.carry(plan)
    assert (await desk.get("configmaps", "settings"))["data"] == {"text": "dark"}
    held_one = (await desk.get("configmaps", "held"))["metadata"]
    assert held_one["finalizers"] == ["example.com/held"]
    await desk.cluster.patch(await desk.cluster.resource("configmaps"), "held", desk.namespace, body=body)


async def test_a_namespace_that_never_goes_is_named_with_what_holds_it(desk: RestoreDesk) -> None:
    """Whoever waits in vain has to know which object's finalizer it is, not that a namespace has none of its own."""
    await desk.config_map("settings", "dark")
    await desk.make("configmaps", "held", metadata={"finalizers": ["example.com/held"]})
    await desk.back_up(include_kinds=["namespaces", "configmaps"])
    namespaces = await desk.cluster.resource("namespaces")
    await desk.cluster.delete(namespaces, desk.namespace)

    async def said() -> bool:
        conditions = (await desk.get("namespaces", desk.namespace))["status"].get("conditions") or ()
        return any("example.com/held" in one["message"] and one["status"] == "True" for one in conditions)

    try:
        await eventually(said)
        plan = await desk.preview(timeout=1)
        journal = NotedJournal()
        with pytest.raises(PartialError, match="is being deleted and not gone after 1 s: "):
            await desk.carry(plan, journal)
        text = "\n".join(journal.notes)
        assert "configmaps. has 1 resource instances" in text
        assert "example.com/held in 1 resource instances" in text
        why = f"its namespace, {desk.namespace}, could not be made"
        assert f"{desk.namespace}/configmaps/settings: {why}" in journal.notes
    finally:
        body = {"metadata": {"finalizers": None}}
        await desk.cluster.patch(await desk.cluster.resource("configmaps"), "held", desk.namespace, body=body)


async def test_one_object_brings_its_namespace_along_where_that_is_missing(
    desk: RestoreDesk, copy: str
) -> None:
    """Asked for was the object; without the namespace it could not be had, and one that is there is not touched."""
    await desk.config_map("one")
    await desk.back_up(include_kinds=["configmaps", "namespaces"])
    plan = await desk.restore(object=["configmap/one"], namespace_mapping=[f"{desk.namespace}:{copy}"])
    assert set(verdicts(plan)) == {f"namespaces/{copy}", f"{copy}/configmaps/one"}
    assert await desk.exists("configmaps", "one", copy)
    await desk.delete("configmaps", "one")
    there = await desk.preview(object=["configmap/one"], existing="update")
    assert set(verdicts(there)) == {f"{desk.namespace}/configmaps/one"}


async def test_what_has_nowhere_to_go_is_refused_by_name(desk: RestoreDesk, copy: str) -> None:
    """A namespace that is neither there nor in the backup; nothing is begun."""
    await desk.config_map("settings")
    await desk.back_up()
    plan = await desk.preview(namespace_mapping=[f"{desk.namespace}:{copy}"])
    refused = finding(plan, "refused")
    assert refused.level == "blocker"
    assert refused.override == "--allow-partial"
    assert f"namespace {copy} does not exist" in refused.text


async def test_a_mistyped_namespace_to_map_is_refused(desk: RestoreDesk, copy: str) -> None:
    """Ignored, it would send the restore home, to the very objects that were to be left alone."""
    await desk.config_map("settings", "old")
    await desk.back_up(include_kinds=["configmaps", "namespaces"])
    await desk.change("settings", "new")
    with pytest.raises(UsageError, match=r"nothing that is selected of .* is in namespace mistyped") as told:
        await desk.preview(namespace_mapping=[f"mistyped:{copy}"], existing="recreate")
    assert desk.namespace in told.value.hint
    with pytest.raises(UsageError, match="is in namespace mistyped"):
        await desk.preview(object=["cm/settings"], namespace_mapping=[f"mistyped:{copy}"])
    # A namespace that is chosen by itself is something to put elsewhere.
    alone = await desk.preview(include_kinds=["namespaces"], namespace_mapping=[f"{desk.namespace}:{copy}"])
    assert set(verdicts(alone)) == {f"namespaces/{copy}"}


async def test_a_backup_of_another_cluster_is_restored_with_a_warning(desk: RestoreDesk) -> None:
    """The disaster it is for: the old cluster is gone, and so is its uid."""
    await desk.config_map("settings")
    info = desk.cluster.info
    await desk.back_up()
    await desk.delete("configmaps", "settings")
    other = _Elsewhere(desk)
    plan = await other.preview()
    assert finding(plan, "other_cluster").subjects == (info.uid,)
    with pytest.raises(UsageError, match="no backup of a cluster called 'nobody'"):
        await desk.preview(from_cluster="nobody")
    named = await desk.preview(from_cluster=info.uid)
    assert verdicts(named) == {f"{desk.namespace}/configmaps/settings": "created"}


async def test_a_repository_put_back_to_an_older_state_is_refused(desk: RestoreDesk) -> None:
    """Somebody hides the newest backup: the restore would bring back an older one without a word."""
    await desk.config_map("settings")
    await desk.back_up()
    await desk.change("settings", "newer")
    await desk.back_up()
    repositories = desk.repositories
    assert isinstance(repositories, RepositoriesHere)
    storage = next(iter(repositories.storages.values()))
    await storage.delete(f"backups/{desk.cluster.info.uid}/000000000002")
    with pytest.raises(RepositoryRolledBackError):
        await desk.preview()
    # Who has never seen more cannot know.
    repositories.seen = SeenHere()
    assert (await desk.preview()).blast_radius["differing"] == 1


class _Elsewhere(RestoreDesk):
    """The same control plane under another uid, as after it was built anew."""

    def __init__(self, desk: RestoreDesk) -> None:
        cluster = KubeCluster(
            desk.cluster.transport,
            msgspec.structs.replace(desk.cluster.info, uid="5a0c6f6e-0d5c-4a3e-9d5a-2f6f3f1c9e10"),
            desk.cluster.discovery,
            desk.cluster.clock,
        )
        super().__init__(cluster, desk.namespace, desk.repositories)
