"""The second lock: what mypy did not stop, run time does, at the client and beneath it."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.readonly import MUTATIONS, ReadOnlyCluster
from k8sops.core.errors import NotFoundError, ReadOnlyError, TooManyRequestsError
from k8sops.core.ports import Cluster, ClusterReader


def test_the_list_of_mutations_is_what_the_port_adds() -> None:
    """A mutation added to the port must not slip through the wrapper."""
    added = {name for name in vars(Cluster) if not name.startswith("_")}
    assert added - {name for name in vars(ClusterReader) if not name.startswith("_")} == MUTATIONS


async def test_every_mutation_is_refused_by_name(cluster: KubeCluster) -> None:
    """Reached through Any, as careless code would."""
    reader: Any = ReadOnlyCluster(cluster)
    for name in MUTATIONS:
        with pytest.raises(ReadOnlyError, match=name):
            getattr(reader, name)


async def test_the_transport_beneath_refuses_too(cluster: KubeCluster, cluster_namespace: str) -> None:
    """Reaching through helps nobody; a DELETE whose body says no dryRun deletes, whatever its query says."""
    transport = ReadOnlyCluster(cluster).transport
    path = f"/api/v1/namespaces/{cluster_namespace}"
    for method, query, body in (
        ("DELETE", {}, None),
        ("POST", {}, b"{}"),
        ("PATCH", {"dryRun": ""}, b"{}"),
        ("DELETE", {"dryRun": "All"}, b'{"kind":"DeleteOptions","apiVersion":"v1"}'),
    ):
        with pytest.raises(ReadOnlyError):
            await transport.request(method, path, query=query, body=body)
    with pytest.raises(ReadOnlyError):
        await transport.websocket(f"{path}/pods/x/exec", protocols=["v5.channel.k8s.io"])
    with pytest.raises(ReadOnlyError):
        await transport.request("GET", f"{path}/services/x/proxy/admin")
    assert (await cluster.get(await cluster.resource("ns"), cluster_namespace))["status"]["phase"] == "Active"


async def test_dry_runs_and_questions_pass_and_change_nothing(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """A preview needs them; the API server once took a dry-run deletion for a real one."""
    reader = ReadOnlyCluster(cluster)
    assert (await reader.whoami()).username
    maps, pods = await reader.resource("cm"), await reader.resource("pods")
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": cluster_namespace},
        "data": {"k": "v"},
    }
    await reader.preview_create(maps, manifest)
    await reader.preview_apply(maps, manifest, field_manager="test")
    with pytest.raises(NotFoundError):
        await cluster.get(maps, "a", cluster_namespace)
    created = await cluster.create(maps, manifest)
    await reader.preview_delete(maps, "a", cluster_namespace)
    assert (await cluster.get(maps, "a", cluster_namespace))["metadata"] == created["metadata"]
    pod = await cluster.create(
        pods,
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": cluster_namespace, "labels": {"app": "p"}},
            "spec": {"containers": [{"name": "c", "image": "c"}], "schedulerName": "nobody"},
        },
    )
    uid = pod["metadata"]["uid"]
    try:
        await reader.preview_evict("p", cluster_namespace, uid=uid)
    except TooManyRequestsError as error:
        pytest.fail(f"no budget covers this pod: {error}")
    after = await cluster.get(pods, "p", cluster_namespace)
    assert after["metadata"]["uid"] == uid
    assert "deletionTimestamp" not in after["metadata"]
