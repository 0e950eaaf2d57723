"""How long a drain's plan takes once everything is read: `python -m tests.bench.bench_drain_plan`; exits 1 if too long.

CPU seconds for pools of 500 nodes with 10,000 pods, 500 workloads in 50 namespaces, every second one under a budget;
fit preview, budgets, waves, findings and steps included.
"""

from __future__ import annotations

import sys
import time
from typing import Any, TypeVar

import msgspec

from k8sops.actions.drain.reading import Scene
from tests.actions.drain.made_up import budget, deployment, node, plan, pod, scene, service
from tests.bench.bench_cluster import Figure

NODES = 500
WORKLOADS = 500
REPLICAS = 20
LIMIT_S = 2.0

T = TypeVar("T")


def in_namespace(found: T, number: int) -> T:
    """The same object in the namespace of its workload's number; ten workloads share one."""
    thing: Any = found
    meta = msgspec.structs.replace(thing.metadata, namespace=f"team-{number // 10}")
    moved: T = msgspec.structs.replace(thing, metadata=meta)
    return moved


def pool(drained: int) -> Scene:
    """The cluster, with so many nodes to drain."""
    nodes = [
        node(f"n{number}", cpu="16", labels={"topology.kubernetes.io/zone": f"z{number % 3}"})
        for number in range(NODES)
    ]
    pods, budgets, services, workloads = [], [], [], []
    for number in range(WORKLOADS):
        name = f"w{number}"
        workloads += [(kind, in_namespace(one, number)) for kind, one in deployment(name, REPLICAS)]
        services.append(in_namespace(service(name, app=name), number))
        if number % 2:
            budgets.append(in_namespace(budget(name, app=name, max_unavailable=2), number))
        for replica in range(REPLICAS):
            where = f"n{(number * REPLICAS + replica * 8) % NODES}"
            one = pod(f"{name}-{replica}", where, of=("ReplicaSet", f"{name}-1"), app=name, cpu="200m")
            pods.append(in_namespace(one, number))
    names = [f"n{number}" for number in range(drained)]
    return scene(nodes, pods, drained=names, budgets=budgets, services=services, workloads=workloads)


def figure(drained: int, limit: float | None) -> Figure:
    """The best of three."""
    of = pool(drained)
    names = tuple(one.name for one in of.chosen)
    least, moved = float("inf"), 0
    for _ in range(3):
        began = time.process_time()
        told = plan(of, nodes=names)
        least = min(least, time.process_time() - began)
        moved = told.blast_radius["pods"]
    title = f"drain plan: {NODES} nodes, {NODES * REPLICAS:,} pods, {drained} drained, {moved} pods move"
    return Figure(title, least, "s", limit)


def main() -> int:
    """Print the figures."""
    found = [figure(1, LIMIT_S), figure(20, LIMIT_S), figure(100, None)]
    sys.stdout.write("".join(f"{one}\n" for one in found))
    return 0 if all(one.held for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
