"""The client's verbs on a real API server: preconditions, ownership, budgets, and who is told of what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.connect import connect
from k8sops.cluster.identity import Impersonation
from k8sops.core import errors
from k8sops.core.clock import SystemClock
from k8sops.core.ports import AccessRequest, Cluster, Resource
from k8sops.core.tables import TableQuery
from tests.support.clients import client_of


@pytest.fixture
async def maps(cluster: KubeCluster) -> Resource:
    """ConfigMaps."""
    return await cluster.resource("cm")


def config_map(namespace: str, **data: str) -> dict[str, Any]:
    """A ConfigMap called `a`."""
    metadata = {"name": "a", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def as_port(cluster: KubeCluster) -> Cluster:
    """The client is what the port promises; mypy checks it here."""
    return cluster


async def test_the_cluster_is_known_by_the_uid_of_kube_system(cluster: KubeCluster, kubeconfig: Path) -> None:
    """Context names are the user's fancy; the configured name and environment hang on the uid."""
    system = await as_port(cluster).get(await cluster.resource("ns"), "kube-system")
    uid = system["metadata"]["uid"]
    assert cluster.info.uid == uid
    named = await connect(
        context=None,
        kubeconfig=[kubeconfig],
        impersonate=None,
        clock=SystemClock(),
        cluster_names={uid: ("shop-eu", "production")},
    )
    await named.aclose()
    assert (named.info.name, named.info.environment) == ("shop-eu", "production")


async def test_an_object_is_made_once(cluster: KubeCluster, maps: Resource, cluster_namespace: str) -> None:
    """Create is not apply: the second one says so."""
    await cluster.create(maps, config_map(cluster_namespace))
    with pytest.raises(errors.AlreadyExistsError, match=f"configmap {cluster_namespace}/a already exists"):
        await cluster.create(maps, config_map(cluster_namespace))


async def test_a_deletion_hits_only_the_object_that_was_meant(
    cluster: KubeCluster, maps: Resource, cluster_namespace: str
) -> None:
    """An object deleted and made anew has another uid, and is another object."""
    made = await cluster.create(maps, config_map(cluster_namespace))
    with pytest.raises(errors.ConflictError, match="is another object now"):
        await cluster.delete(maps, "a", cluster_namespace, uid="00000000-0000-0000-0000-000000000000")
    with pytest.raises(errors.ConflictError):
        await cluster.delete(maps, "a", cluster_namespace, resource_version="1")
    await cluster.delete(maps, "a", cluster_namespace, uid=made["metadata"]["uid"])
    with pytest.raises(errors.NotFoundError, match=f"configmap {cluster_namespace}/a does not exist"):
        await cluster.get(maps, "a", cluster_namespace)


async def test_a_patch_hits_only_the_object_that_was_meant(
    cluster: KubeCluster, maps: Resource, cluster_namespace: str
) -> None:
    """Same for patches: uid and resourceVersion in the body are preconditions."""
    made = await cluster.create(maps, config_map(cluster_namespace))
    for metadata in ({"uid": "00000000-0000-0000-0000-000000000000"}, {"resourceVersion": "1"}):
        with pytest.raises(errors.ConflictError):
            await cluster.patch(maps, "a", cluster_namespace, body={"metadata": metadata, "data": {"k": "v"}})
    uid = made["metadata"]["uid"]
    body = {"metadata": {"uid": uid}, "data": {"k": "v"}}
    assert (await cluster.patch(maps, "a", cluster_namespace, body=body))["data"] == {"k": "v"}


async def test_a_replacement_is_locked_by_its_resource_version(
    cluster: KubeCluster, maps: Resource, cluster_namespace: str
) -> None:
    """Two writers: the second one hears of the first."""
    made = await cluster.create(maps, config_map(cluster_namespace))
    await cluster.replace(maps, "a", cluster_namespace, body={**made, "data": {"k": "1"}})
    with pytest.raises(errors.ConflictError, match="changed by somebody else meanwhile"):
        await cluster.replace(maps, "a", cluster_namespace, body={**made, "data": {"k": "2"}})


async def test_a_field_of_another_manager_is_not_taken_without_force(
    cluster: KubeCluster, maps: Resource, cluster_namespace: str
) -> None:
    """Who owns it is named, so that they can be asked."""
    await cluster.apply(maps, config_map(cluster_namespace, k="helm"), field_manager="helm")
    with pytest.raises(errors.ConflictError, match=r"\.data\.k is owned by helm"):
        await cluster.apply(maps, config_map(cluster_namespace, k="ours"), field_manager="k8sops")
    taken = await cluster.apply(
        maps, config_map(cluster_namespace, k="ours"), field_manager="k8sops", force=True
    )
    assert taken["data"] == {"k": "ours"}


async def test_scaling_is_locked_by_the_resource_version(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """A replica count changed since the plan was made must not be overwritten."""
    deployments = await cluster.resource("deploy")
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "c"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template, "paused": True}
    metadata = {"name": "web", "namespace": cluster_namespace}
    await cluster.create(
        deployments, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    )
    async with asyncio.timeout(60):
        while True:
            before = await cluster.scale_of(deployments, "web", cluster_namespace)
            lock = {"uid": before.uid, "resource_version": before.resource_version}
            try:
                after = await cluster.set_scale(deployments, "web", cluster_namespace, replicas=2, **lock)
                break
            except errors.ConflictError:
                # The deployment controller writes the new object's status in these very moments.
                continue
    assert before.spec_replicas == 0
    assert (after.spec_replicas, after.uid) == (2, before.uid)
    with pytest.raises(errors.ConflictError):
        await cluster.set_scale(deployments, "web", cluster_namespace, replicas=3, **lock)
    with pytest.raises(errors.UsageError, match="configmaps cannot be scaled"):
        await cluster.scale_of(await cluster.resource("cm"), "web", cluster_namespace)


async def test_an_eviction_a_budget_forbids_names_the_budget(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """And the dry run says the same beforehand. Another pod of the same name is not touched."""
    pods, budgets = await cluster.resource("pods"), await cluster.resource("pdb")
    labels = {"app": "p"}
    await cluster.create(
        budgets,
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "p-pdb", "namespace": cluster_namespace},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
        },
    )
    await cluster.create(
        pods,
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": cluster_namespace, "labels": labels},
            "spec": {"containers": [{"name": "c", "image": "c"}], "terminationGracePeriodSeconds": 0},
        },
    )
    async for event in cluster.watch(pods, cluster_namespace):
        conditions = {c["type"]: c["status"] for c in event.object.get("status", {}).get("conditions", [])}
        if conditions.get("Ready") == "True":
            break
    async for event in cluster.watch(budgets, cluster_namespace):
        if event.object.get("status", {}).get("currentHealthy") == 1:
            break
    uid = (await cluster.get(pods, "p", cluster_namespace))["metadata"]["uid"]
    for evict in (cluster.preview_evict, cluster.evict):
        with pytest.raises(errors.TooManyRequestsError, match="p-pdb"):
            await evict("p", cluster_namespace, uid=uid)
    await cluster.delete(budgets, "p-pdb", cluster_namespace)
    with pytest.raises(errors.ConflictError):
        await cluster.evict("p", cluster_namespace, uid="00000000-0000-0000-0000-000000000000")
    await cluster.evict("p", cluster_namespace, uid=uid)


async def test_a_table_is_what_the_server_would_print(cluster: KubeCluster) -> None:
    """With the identity that a live table needs."""
    table = await cluster.table(TableQuery(kind="ns", name="kube-system"))
    assert [column.name for column in table.columns][:2] == ["Name", "Status"]
    assert [(row.name, row.uid) for row in table.rows] == [("kube-system", cluster.info.uid)]


async def test_a_list_passes_a_selector_on(cluster: KubeCluster) -> None:
    """All namespaces' names by field selector, decoded to plain objects."""
    namespaces = await cluster.resource("namespaces")
    found = cluster.list(namespaces, field_selector="metadata.name=default")
    assert [item["metadata"]["name"] async for item in found] == ["default"]


async def test_permission_is_asked_of_the_server(kubeconfig: Path, cluster: KubeCluster) -> None:
    """Also as somebody else, with their groups."""
    request = AccessRequest(verb="delete", resource="nodes")
    assert (await cluster.can_i(request)).allowed
    bob = Impersonation(user="bob", groups=("one", "two"))
    async with client_of(kubeconfig, impersonate=bob) as other:
        assert not (await other.can_i(request)).allowed
        assert {"one", "two"} <= set((await other.whoami()).groups)


async def test_the_server_tells_its_version(cluster: KubeCluster) -> None:
    """`doctor` shows it."""
    assert (await cluster.server_version()).startswith("v1.")
