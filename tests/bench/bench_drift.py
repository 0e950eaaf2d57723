"""A drain's plan that waits ten minutes for its approval under 50 status writes a second, and still applies.

`python -m tests.bench.bench_drift`, on a sandbox of its own; `--seconds` shortens the wait. Nodes get heartbeats, pods
lose readiness and get it back, budgets are reckoned anew all the while: none of it is anything that somebody approved
(DESIGN §8, Drift). The writes go on until the carrier has planned again and begun.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock
from k8sops.core.errors import K8sOpsError
from k8sops.core.ops import Ops
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Cluster
from k8sops.core.run import Run, RunState, Vote
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.namespaces import create_namespace
from k8sops.service import open_ops
from k8sops.service.config import Config
from tests.actions.drain.ground import FAST, ended, is_ready, told
from tests.bench.bench_cluster import Figure
from tests.support.clients import client_of
from tests.support.engine_world import eventually
from tests.support.scheduling import a_policy
from tests.support.workloads import create, deployment

NODES: Final = 6
DRAINED: Final = ("node-1", "node-2")
PODS: Final = 24
AWAY: Final = 4
WRITES_PER_S: Final = 50
LONGEST_GAP_MS: Final = 1.02 * 1000 / WRITES_PER_S
"""A fiftieth of a second, and what a clock and the last write leave open."""
WAIT_S: Final = 600
AT_ONCE: Final = 64
WITHIN_S: Final = 300
NAMESPACE: Final = "drift"
ALICE: Final = Actor(name="alice")
BOB: Final = Actor(name="bob")


class Storm(msgspec.Struct):
    """What was written."""

    nodes: int = 0
    pods: int = 0
    refused: int = 0
    seconds: float = 0.0

    @property
    def written(self) -> int:
        """All that the server took."""
        return self.nodes + self.pods


def say(sentence: str) -> None:
    """Progress goes beside the figures, not among them."""
    sys.stderr.write(f"{sentence}\n")


def heartbeat() -> JsonObject:
    """What a kubelet writes of its node."""
    now = f"{SystemClock().now():%Y-%m-%dT%H:%M:%SZ}"
    return {"type": "Ready", "status": "True", "lastHeartbeatTime": now}


def readiness(ready: bool) -> JsonObject:
    """What a kubelet writes of a pod whose probe fails or passes."""
    return {"type": "Ready", "status": "True" if ready else "False", "reason": "Flapping"}


async def write(cluster: Cluster, storm: Storm, kind: str, found: JsonObject, condition: JsonObject) -> None:
    """One status write; one that the server refuses is counted, not repeated."""
    meta = found["metadata"]
    try:
        await cluster.patch(
            await cluster.resource(kind),
            meta["name"],
            meta.get("namespace", ""),
            body={"status": {"conditions": [condition]}},
            patch_type="strategic",
            subresource="status",
        )
    except K8sOpsError:
        storm.refused += 1
    else:
        setattr(storm, kind, getattr(storm, kind) + 1)


async def keep_writing(
    cluster: Cluster, storm: Storm, pods: Sequence[JsonObject], nodes: Sequence[JsonObject]
) -> None:
    """A node and three pods in turn, each write when it is due; at most 64 are on their way."""
    gate = asyncio.Semaphore(AT_ONCE)
    began = time.monotonic()
    every_node, every_pod = itertools.cycle(nodes), itertools.cycle(pods)

    async def one(number: int) -> None:
        async with gate:
            if number % 4 == 0:
                await write(cluster, storm, "nodes", next(every_node), heartbeat())
            else:
                await write(cluster, storm, "pods", next(every_pod), readiness(number // len(pods) % 2 == 0))
        storm.seconds = time.monotonic() - began

    async with asyncio.TaskGroup() as group:
        for number in itertools.count():
            await asyncio.sleep(max(0.0, began + number / WRITES_PER_S - time.monotonic()))
            group.create_task(one(number))


@asynccontextmanager
async def stormy(cluster: Cluster) -> AsyncIterator[Storm]:
    """Status writes for as long as this is open; every pod is ready again afterwards."""
    storm = Storm()
    pods = await listed(cluster, "pods", NAMESPACE)
    task = asyncio.create_task(keep_writing(cluster, storm, pods, await listed(cluster, "nodes")))
    try:
        yield storm
    finally:
        task.cancel()
        await asyncio.wait([task])
        for pod in pods:
            await write(cluster, Storm(), "pods", pod, readiness(ready=True))


async def listed(cluster: Cluster, kind: str, namespace: str = "") -> list[JsonObject]:
    """All of a kind."""
    return [one async for one in cluster.list(await cluster.resource(kind), namespace)]


async def fill(cluster: Cluster) -> None:
    """Ready pods under a budget that is reckoned."""
    await create(cluster, deployment("web", NAMESPACE, replicas=PODS, annotations=FAST))
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "maxUnavailable": AWAY},
    }
    await create(cluster, budget)

    async def settled() -> bool:
        pods = await listed(cluster, "pods", NAMESPACE)
        (found,) = await listed(cluster, "poddisruptionbudgets.policy", NAMESPACE)
        allowed = found.get("status", {}).get("disruptionsAllowed")
        return len(pods) == PODS and all(map(is_ready, pods)) and allowed == AWAY

    await eventually(settled, within_s=WITHIN_S)


async def approved(ops: Ops, run: Run) -> Run:
    """With bob's vote on the plan that was shown; the run once its carrier has planned again."""
    run = await ops.decide(run.id, Vote(verdict="approve", digest=run.plan.digest), BOB)
    await ops.carry(run.id)
    async with asyncio.timeout(WITHIN_S), aclosing(ops.watch(run.id)) as events:
        async for _ in events:
            run = await ops.get_run(run.id)
            if run.state not in {RunState.AWAITING_APPROVAL, RunState.QUEUED}:
                break
    return run


async def empty(cluster: Cluster) -> bool:
    """Whether no pod is left on the drained nodes."""
    pods = await listed(cluster, "pods", NAMESPACE)
    return not any(pod["spec"].get("nodeName") in DRAINED for pod in pods)


async def waited(manager: SandboxManager, handle: SandboxHandle, home: Path, wait_s: float) -> list[Figure]:
    """Propose, wait under the storm, approve, apply."""
    kubeconfig = home / "alice.kubeconfig"
    kubeconfig.write_bytes(manager.kubeconfig_for(handle.name, "alice", ["system:masters"]))
    async with client_of(handle.kubeconfig) as cluster:
        await create_namespace(handle, NAMESPACE)
        await fill(cluster)
        config = Config(
            kubeconfig=(kubeconfig,),
            database_url=f"sqlite:///{home}/k8sops.db",
            policy=a_policy(home, cluster.info.uid),
        )
        async with open_ops(config) as ops:
            run = await ops.propose("drain", {"nodes": DRAINED}, ALICE)
            say(f"{run.state}: {run.plan.summary}")
            assert run.state is RunState.AWAITING_APPROVAL, [one.text for one in run.plan.blockers]
            async with stormy(cluster) as storm:
                await asyncio.sleep(wait_s)
                over = await approved(ops, run)
            say(f"{storm.written} status writes in {storm.seconds:.0f} s; then: {over.state}")
            over = await ended(ops, run.id, within_s=WITHIN_S)
            say(f"{over.state}: {over.outcome or over.error or told(over)[-1]}")
            gone = await empty(cluster)
    applied = over.state is RunState.SUCCEEDED and gone
    return [
        Figure("drift: seconds that the plan waited", storm.seconds, "s"),
        Figure("drift: status writes meanwhile, of nodes", storm.nodes, ""),
        Figure("drift: status writes meanwhile, of pods", storm.pods, ""),
        Figure("drift: status writes refused", storm.refused, ""),
        Figure(
            "drift: from one write to the next", 1000 * storm.seconds / storm.written, "ms", LONGEST_GAP_MS
        ),
        Figure("drift: drains that did not apply", int(not applied), "", 0),
    ]


async def figures(wait_s: float) -> list[Figure]:
    """Everything, on a sandbox of its own that is taken down afterwards."""
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        manager = SandboxManager(Path(home))
        handle = await manager.up("drift", nodes=NODES)
        try:
            return await waited(manager, handle, Path(home), wait_s)
        finally:
            await manager.down("drift")


def main() -> int:
    """Print the figures; 1 where a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=WAIT_S, help="how long the plan waits")
    found = asyncio.run(figures(parser.parse_args().seconds))
    sys.stdout.write("".join(f"{figure}\n" for figure in found))
    return int(not all(figure.held for figure in found))


if __name__ == "__main__":
    sys.exit(main())
