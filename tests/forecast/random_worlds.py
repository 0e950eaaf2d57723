"""Random clusters as the structs a forecast reads, without a control plane."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from k8sops.forecast.objects import Node, Pod
from k8sops.forecast.storage import Claim, CsiNode, PersistentVolume
from k8sops.forecast.world import World
from tests.forecast.random_clusters import PRIORITIES, Manifest, RandomCluster, random_cluster

T = TypeVar("T")


def random_world(seed: int) -> tuple[World, frozenset[str], list[Pod]]:
    """A world, the nodes that leave and the pods that move."""
    made = random_cluster("p", seed)
    world = World(
        nodes=tuple(_decoded(Node, one) for one in made.nodes),
        pods=tuple(_pod(one) for one in made.pods),
        namespaces={one["metadata"]["name"]: one["metadata"]["labels"] for one in made.namespaces},
        claims=tuple(_decoded(Claim, {**one, "status": {"phase": "Bound"}}) for one in made.claims),
        volumes=tuple(_decoded(PersistentVolume, one) for one in made.volumes),
        csi_nodes=tuple(_decoded(CsiNode, one) for one in made.csi_nodes),
    )
    leaving = frozenset(made.leaving)
    return world, leaving, [pod for pod in world.pods if pod.spec.node_name in leaving]


def cluster_of(seed: int) -> RandomCluster:
    """The manifests behind a world."""
    return random_cluster("p", seed)


def _pod(manifest: Manifest) -> Pod:
    """As admission leaves it: the class's priority and policy written into the pod."""
    spec = dict(manifest["spec"])
    name = spec.get("priorityClassName", "")
    spec["priority"] = PRIORITIES.get(name, 0)
    spec["preemptionPolicy"] = "Never" if name == "fit-meek" else "PreemptLowerPriority"
    owners = [
        {"kind": "ReplicaSet", "name": "any", "uid": "any", "apiVersion": "apps/v1", "controller": True}
    ]
    metadata = {**manifest["metadata"], "ownerReferences": owners}
    return _decoded(Pod, {"metadata": metadata, "spec": spec, "status": {"phase": "Running"}})


def _decoded(item: type[T], manifest: Manifest) -> T:
    return msgspec.json.decode(msgspec.json.encode(manifest), type=item)
