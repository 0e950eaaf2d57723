"""A large world for measuring the fit preview: 500 applications of every kind of constraint on 500 nodes."""

from __future__ import annotations

import random
from typing import Any, Final

import msgspec

from k8sops.forecast.objects import Node, Pod
from k8sops.forecast.world import World

NODES: Final = 500
PODS: Final = 10_000
MOVING: Final = 400
HOST, ZONE, POOL = "kubernetes.io/hostname", "topology.kubernetes.io/zone", "pool"


def large_world(*, cpu: int) -> tuple[World, frozenset[str], list[Pod]]:
    """The world, the nodes that leave and 400 pods that move; `cpu` is the processor of a node."""
    rng = random.Random(1)  # noqa: S311 - for variety, not secrecy
    nodes = tuple(_node(index, cpu) for index in range(NODES))
    specs = [_spec(rng, app) for app in range(500)]
    pods = tuple(_pod(index, specs[index % 500], f"n{rng.randrange(NODES):03}") for index in range(PODS))
    leaving: set[str] = set()
    moving: list[Pod] = []
    for node in nodes:
        if len(moving) >= MOVING:
            break
        leaving.add(node.name)
        moving += [pod for pod in pods if pod.spec.node_name == node.name]
    return World(nodes, pods), frozenset(leaving), moving[:MOVING]


def _node(index: int, cpu: int) -> Node:
    name = f"n{index:03}"
    labels = {HOST: name, ZONE: "abc"[index % 3], POOL: f"p{index % 7}"}
    room = {"cpu": str(cpu), "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    return msgspec.convert(
        {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": room}}, Node
    )


def _spec(rng: random.Random, app: int) -> dict[str, Any]:
    requests = {"cpu": f"{rng.choice([100, 250, 500])}m", "memory": "256Mi"}
    spec: dict[str, Any] = {"containers": [{"name": "main", "resources": {"requests": requests}}]}
    selector = {"matchLabels": {"app": f"a{app}"}}
    match app % 5:
        case 1:
            term = {"topologyKey": HOST, "labelSelector": selector}
            spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        case 2:
            spec["topologySpreadConstraints"] = [
                {"maxSkew": 1, "topologyKey": ZONE, "labelSelector": selector}
            ]
        case 3:
            one = {"key": POOL, "operator": "In", "values": [f"p{app % 7}", f"p{(app + 1) % 7}"]}
            required = {"nodeSelectorTerms": [{"matchExpressions": [one]}]}
            spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
        case _:
            pass
    return spec


def _pod(index: int, spec: dict[str, Any], node: str) -> Pod:
    owner = {
        "kind": "ReplicaSet",
        "name": f"a{index % 500}",
        "uid": "any",
        "apiVersion": "apps/v1",
        "controller": True,
    }
    metadata = {
        "name": f"p{index}",
        "namespace": f"ns{index % 50}",
        "labels": {"app": f"a{index % 500}"},
        "ownerReferences": [owner],
    }
    manifest = {"metadata": metadata, "spec": {**spec, "nodeName": node}, "status": {"phase": "Running"}}
    return msgspec.convert(manifest, Pod)
