"""Pods that an operator made: their owner is of a kind nobody here has heard of."""

from __future__ import annotations

import uuid
from pathlib import Path

import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.core.plan import JsonObject
from tests.actions.collecting.sources.ground import gathered, gathering_of, until
from tests.support.clients import client_of
from tests.support.workloads import create, naked_pod


async def served_kind(cluster: KubeCluster, group: str) -> None:
    """A custom kind, once the API server serves it."""
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    manifest = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": spec,
    }
    await create(cluster, manifest)
    await until(cluster, "customresourcedefinitions", "", f"gadgets.{group}", _is_established)


def _is_established(found: JsonObject) -> bool:
    conditions = (found.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


async def test_an_owner_of_a_custom_kind_is_kept_though_the_kind_is_new(
    cluster: KubeCluster, kubeconfig: Path, cluster_namespace: str
) -> None:
    """An operator's own object says what it wants of its pods; its kind may be younger than what we know."""
    group = f"g{uuid.uuid4().hex[:8]}.example"
    async with client_of(kubeconfig) as known:
        assert group not in {one.group for one in await known.served()}
        await served_kind(cluster, group)
        await cluster.served(anew=True)
        pod = await made_by_a_gadget(cluster, group, cluster_namespace)
        gathering, sink = gathering_of(known, cluster_namespace, pods=[pod])
        await gathered(gathering, "objects")
    kept = yaml.safe_load(sink.files[f"namespaces/{cluster_namespace}/gadgets.{group}/one.yaml"].text)
    assert kept["spec"] == {"size": 3}
    assert f"namespaces/{cluster_namespace}/gadgets.{group}/one.txt" in sink.files
    await cluster.delete(await cluster.resource("customresourcedefinitions"), f"gadgets.{group}")


async def made_by_a_gadget(cluster: KubeCluster, group: str, namespace: str) -> JsonObject:
    """A pod that a custom object owns."""
    kind = {"apiVersion": f"{group}/v1", "kind": "Gadget"}
    metadata = {"name": "one", "namespace": namespace}
    made = await create(cluster, kind | {"metadata": metadata, "spec": {"size": 3}})
    manifest = naked_pod("worker", namespace)
    owner = kind | {"name": "one", "uid": made["metadata"]["uid"], "controller": True}
    manifest["metadata"]["ownerReferences"] = [owner]
    return await create(cluster, manifest)
