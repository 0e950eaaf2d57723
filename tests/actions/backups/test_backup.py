"""What is in the cluster is in the backup, exactly; the next one stores and reads only what changed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from k8sops.backup.vault.contents import load_contents
from k8sops.backup.vault.items import Key
from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import PartialError, UnknownKindError
from k8sops.core.ports import Resource
from k8sops.core.raw import RawObject
from k8sops.core.risk import Risk
from tests.actions.backups.backing_up import Desk, names, said


async def test_what_is_in_the_cluster_is_in_the_backup(backups: Desk) -> None:
    """Byte for byte, as a single GET would show it: lists leave out what a restore needs (kind and apiVersion)."""
    await backups.config_map("settings", "dark")
    await backups.secret("password", "hunter2")
    journal = await backups.back_up()
    found = await backups.objects()
    namespace = backups.namespace
    assert found[Key("", "configmaps", namespace, "settings")] == await backups.there(
        "configmaps", "settings"
    )
    assert found[Key("", "secrets", namespace, "password")] == await backups.there("secrets", "password")
    body = await backups.body()
    assert body.complete
    assert body.full_read
    assert not body.gaps
    assert {key.namespace for key in found} == {namespace}
    assert "is complete" in journal.done["backup/objects"]


async def test_custom_kinds_and_built_in_ones_are_kept_alike(backups: Desk) -> None:
    """Items of a list have `kind` for the one and not for the other."""
    await backups.make("deployments", "web", spec=_deployment_spec())
    await backups.back_up(include_kinds=["deployments.apps"])
    (found,) = (await backups.objects()).values()
    assert found[2].startswith(b'{"apiVersion":"apps/v1","kind":"Deployment",')


async def test_the_second_backup_reads_and_stores_what_changed(backups: Desk) -> None:
    """Tonight's backup costs what changed since last night."""
    for name in ("a", "b", "c"):
        await backups.config_map(name)
    await backups.back_up()
    await backups.change("b", "changed")
    await backups.config_map("d")
    await backups.cluster.delete(await backups.cluster.resource("configmaps"), "c", backups.namespace)
    await backups.back_up()
    body, found = await backups.body(), await backups.objects()
    assert not body.full_read
    assert body.complete
    assert body.new_objects == 2
    assert names(found, "configmaps") >= {"a", "b", "d"}
    assert "c" not in names(found, "configmaps")
    key = Key("", "configmaps", backups.namespace, "b")
    assert found[key] == await backups.there("configmaps", "b")


class Asked(KubeCluster):
    """Notes of which state each object was asked for."""

    def __init__(self, cluster: KubeCluster) -> None:
        super().__init__(cluster.transport, cluster.info, cluster.discovery, cluster.clock)
        self.since: list[tuple[str, str]] = []

    async def raw(
        self, resource: Resource, name: str, namespace: str = "", *, not_older_than: str = ""
    ) -> RawObject:
        """The object, once that is noted."""
        self.since.append((name, not_older_than))
        return await super().raw(resource, name, namespace, not_older_than=not_older_than)


async def test_what_changed_is_asked_for_as_new_as_its_list_at_least(backups: Desk) -> None:
    """The API server has it in its cache then; anything older would be a backup of what no longer was."""
    await backups.config_map("a")
    await backups.back_up()
    await backups.change("a", "changed")
    asked = backups.cluster = Asked(backups.cluster)
    await backups.back_up()
    (asked_for,) = asked.since
    found = await backups.there("configmaps", "a")
    assert asked_for[0] == "a"
    assert int(asked_for[1]) >= int(found[1])
    assert (await backups.objects())[Key("", "configmaps", backups.namespace, "a")] == found


async def test_a_kind_of_which_much_changed_is_listed_again(backups: Desk) -> None:
    """Seventy single requests would be more work than one list."""
    await backups.config_map("first")
    await backups.back_up()
    for number in range(70):
        await backups.config_map(f"more-{number:02d}")
    await backups.back_up()
    found = await backups.objects()
    assert len([name for name in names(found, "configmaps") if name.startswith("more-")]) == 70
    assert (await backups.body()).new_objects == 70


async def test_reading_everything_comes_to_the_same_hashes(backups: Desk) -> None:
    """`--full` is the proof of what the others rely on."""
    await backups.config_map("a")
    await backups.secret("b", "x")
    await backups.back_up()
    await backups.config_map("c")
    await backups.back_up()
    await backups.back_up(full=True)
    _, second, third = await backups.seqs()
    assert await backups.ids(second) == await backups.ids(third)
    assert (await backups.body(third)).full_read
    assert not (await backups.body(second)).full_read
    assert (await backups.body(third)).new_objects == 0


async def test_another_selection_rests_on_no_backup_of_this_one(backups: Desk) -> None:
    """What the other left out was not looked at."""
    await backups.config_map("a")
    await backups.back_up()
    await backups.back_up(include_kinds=["configmaps"])
    body = await backups.body()
    assert body.full_read
    assert body.new_objects == 0, "its bytes are held all the same"


async def test_a_plan_says_what_would_be_read_and_changes_nothing(backups: Desk) -> None:
    """And a plan names objects, never their data."""
    await backups.secret("password", "hunter2")
    plan = await backups.plan()
    assert plan.risk is Risk.LOW
    assert [step.id for step in plan.steps] == ["backup/repository", "backup/objects"]
    assert plan.blast_radius["objects"] >= 1
    assert plan.summary.startswith("Complete: about ")
    assert await backups.repositories.find() is None
    assert "aHVudGVy" not in said(plan)
    assert "hunter2" not in said(plan)
    assert (await backups.plan()).digest == plan.digest


async def test_the_plan_of_the_second_backup_says_what_it_rests_on(backups: Desk) -> None:
    """And why everything is read where it is."""
    await backups.back_up()
    assert "reading what changed since backup 1" in (await backups.plan()).summary
    assert "asked for with --full" in said(await backups.plan(full=True))


async def test_the_data_of_volumes_are_named_as_not_captured(backups: Desk) -> None:
    """Nobody may believe that they are: in the plan, in the manifest, in the outcome."""
    await backups.claim("database")
    plan = await backups.plan(include_kinds=["pvc"])
    warning = next(finding for finding in plan.findings if finding.code == "volumes_not_captured")
    assert "the DATA of 1 volume will NOT be in the backup" in warning.text
    assert "NOT captured" in plan.summary
    bulk = plan.steps[-1].bulk
    assert bulk is not None
    assert [(item.target.name, item.verb) for item in bulk.items] == [("database", "not captured")]
    journal = await backups.back_up(include_kinds=["pvc"])
    assert (await backups.body()).volumes_not_captured == ((backups.namespace, "database"),)
    assert "the DATA of 1 volume are NOT in it" in journal.done["backup/objects"]


async def test_labels_select_and_keep_out(backups: Desk) -> None:
    """A selector, several of which one has to match, and the label that keeps an object out of every backup."""
    await backups.config_map("web", labels={"app": "web"})
    await backups.config_map("db", labels={"app": "db"})
    await backups.config_map("other", labels={"app": "other"})
    await backups.config_map("kept-out", labels={"app": "web", "velero.io/exclude-from-backup": "true"})
    kinds: dict[str, Any] = {"include_kinds": ["configmaps"]}
    await backups.back_up(selector=["app=web"], **kinds)
    assert names(await backups.objects(), "configmaps") == {"web"}
    await backups.back_up(selector=["app=web", "app=db"], **kinds)
    assert names(await backups.objects(), "configmaps") == {"web", "db"}


async def test_a_namespace_goes_with_what_is_in_it(backups: Desk) -> None:
    """Its labels say what may run there: a restore needs them."""
    await backups.back_up(include_kinds=["namespaces", "configmaps"])
    assert names(await backups.objects(), "namespaces") == {backups.namespace}


async def test_a_kind_that_nobody_serves_is_refused(backups: Desk) -> None:
    """A typing error must not make an empty backup."""
    with pytest.raises(UnknownKindError, match="wigdets"):
        await backups.plan(include_kinds=["wigdets"])


async def test_a_namespace_that_is_not_there_is_told(backups: Desk) -> None:
    """As Velero does: a warning, since it may be made by the next firing of a schedule."""
    plan = await backups.plan(include_namespaces=[backups.namespace, "no-such-namespace"])
    assert [finding.subjects for finding in plan.findings if finding.code == "no_such_namespace"] == [
        ("no-such-namespace",)
    ]


async def test_what_the_control_plane_makes_anew_is_left_out(backups: Desk) -> None:
    """Most of what changes between two backups would be events and leases."""
    plan = await backups.plan(include_kinds=[])
    left_out = next(finding.text for finding in plan.findings if finding.code == "left_out")
    assert "events" in left_out
    assert "leases.coordination.k8s.io" in left_out
    with suppress(PartialError):
        # Other tests' kinds come and go on this control plane.
        await backups.back_up(include_kinds=[])
    kinds = {(kind.group, kind.resource) for kind in (await backups.body()).kinds}
    assert ("", "events") not in kinds
    assert ("", "configmaps") in kinds


async def test_every_version_that_is_served_is_on_record(backups: Desk) -> None:
    """A restore to another API server picks one that both know."""
    await backups.back_up(include_kinds=["horizontalpodautoscalers", "configmaps"])
    contents = await load_contents(await backups.vault(), backups.cluster.info.uid, await backups.body())
    by_resource = {kind.resource: kind for kind in contents.kinds}
    assert by_resource["horizontalpodautoscalers"].preferred == "v2"
    assert set(by_resource["horizontalpodautoscalers"].served) >= {"v1", "v2"}
    assert by_resource["configmaps"].resource_version.isdigit()


def _deployment_spec() -> dict[str, object]:
    return {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "example/app:1"}]},
        },
    }


async def test_the_plan_counts_what_the_backup_will_hold(backups: Desk) -> None:
    """Not what controllers of Kubernetes' own make again: 541 objects told and 480 held look like a loss."""
    await backups.config_map("settings")
    ports = [{"port": 80, "targetPort": 80}]
    await backups.make("services", "web", spec={"selector": {"app": "web"}, "ports": ports})
    slices = await backups.cluster.resource("endpointslices")
    async with asyncio.timeout(180):
        while not [one async for one in backups.cluster.list(slices, backups.namespace)]:
            await backups.clock.sleep(0.1)
    plan = await backups.plan(include_kinds=())
    journal = await backups.back_up(include_kinds=())
    body = await backups.body()
    assert "endpointslices" not in {kind.resource for kind in body.kinds if kind.count}
    assert plan.blast_radius["objects"] == body.objects
    progress = [one for one in journal.told if one.kind == "progress"]
    assert {one.data["total"] for one in progress} == {body.objects}
    assert progress[-1].data["done"] == body.objects
    assert progress[-1].text.startswith(f"{body.objects} objects, ")
    named = await backups.plan(include_kinds=("endpointslices",))
    assert named.blast_radius["objects"] == 1, "who names the kind means them all"
