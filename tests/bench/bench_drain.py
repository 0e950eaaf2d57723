"""A pool of 20 nodes with 400 pods under mixed budgets, drained by this program and by kubectl.

`python -m tests.bench.bench_drain`, on a sandbox of its own; `--without-kubectl` spares its ten minutes. Every pod uses
up its grace period of 30 s. The bound is what budgets and grace periods impose on anybody, given how long replacements
took to be ready; an independent watcher measures that, and counts healthy pods all the while.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec

from k8sops.core.errors import NotFoundError
from k8sops.core.ports import Cluster, WatchEvent
from k8sops.core.run import RunState
from k8sops.sandbox.binaries import ensure_binary
from k8sops.sandbox.manager import SandboxManager
from k8sops.sandbox.namespaces import create_namespace
from tests.actions.drain.ground import ALICE, READY, STOP, ended, is_ready, service, told
from tests.bench.bench_cluster import Figure
from tests.support.clients import client_of
from tests.support.engine_world import eventually
from tests.support.fault_proxy import FaultProxy
from tests.support.workloads import create, pod_template

NODES: Final = 20
SPARE: Final = 20
GRACE_S: Final = 30
READY_S: Final = 2
FASTER: Final = 5.0
OVER_BOUND: Final = 1.2
CALLS_PER_POD: Final = 3
SET_UP_S: Final = 600
LONGEST_S: Final = 1800


class App(msgspec.Struct, frozen=True):
    """A workload and how many of its pods a budget lets be away at once; 0 is no budget."""

    name: str
    replicas: int
    away: int = 0
    stateful: bool = False

    def bound_s(self, ready_s: float = READY_S) -> float:
        """The least time its pods take to leave under its budget, all of them."""
        turns = ceil(self.replicas / self.away) if self.away else 1
        # A StatefulSet makes the next pod of a name when the last is gone; a ReplicaSet makes it at once.
        turn_s = GRACE_S + ready_s if self.stateful else ready_s
        return (turns - 1) * turn_s + max(GRACE_S, turn_s)


APPS: Final = (
    *(App(f"db-{n}", 3, 1, stateful=True) for n in range(4)),
    *(App(f"web-{n}", 20, 5) for n in range(8)),
    *(App(f"tight-{n}", 10, 1) for n in range(4)),
    *(App(f"free-{n}", 18) for n in range(10)),
    App("rest", 8),
)
PODS: Final = sum(app.replicas for app in APPS)


class Watched(msgspec.Struct):
    """What the watcher saw of each app."""

    fewest: dict[str, int]
    """Of its healthy pods, at any moment."""
    ready_s: dict[str, list[float]]
    """How long its new pods took to be ready."""

    @property
    def violated(self) -> list[str]:
        """Budgets that did not hold at some moment, with the fewest healthy pods."""
        return [
            f"{app.name} {self.fewest[app.name]} of {app.replicas - app.away}"
            for app in APPS
            if app.away and self.fewest[app.name] < app.replicas - app.away
        ]

    @property
    def bound_s(self) -> float:
        """What budgets and grace periods leave no drain a way round, with pods as quick as they were."""
        return max(app.bound_s(median(self.ready_s[app.name] or [READY_S])) for app in APPS)


def bound_s() -> float:
    """The same on an idle machine."""
    return max(app.bound_s() for app in APPS)


def say(sentence: str) -> None:
    """Progress goes beside the figures, not among them."""
    sys.stderr.write(f"{sentence}\n")


class Pool:
    """The pool and its pods, set up anew for each drain."""

    def __init__(self, cluster: Cluster, names: list[str], pool: list[str]) -> None:
        self.cluster = cluster
        self.pool = pool
        self.spare = [name for name in names if name not in pool]

    async def fill(self, namespace: str) -> None:
        """All pods on the pool's nodes, ready, under budgets that are reckoned."""
        await self._cordon(self.pool, cordoned=False)
        await self._cordon(self.spare, cordoned=True)
        for app in APPS:
            await create(self.cluster, self._workload(app, namespace))
        async with asyncio.timeout(SET_UP_S):
            await eventually(lambda: self._all_ready(namespace), within_s=SET_UP_S)
        for app in APPS:
            if app.away:
                await create(self.cluster, self._budget(app, namespace))
        await eventually(lambda: self._all_reckoned(namespace), within_s=60)
        await self._cordon(self.spare, cordoned=False)

    async def empty(self) -> bool:
        """Whether no pod is left on the pool."""
        pods = await self.cluster.resource("pods")
        return not [pod async for pod in self.cluster.list(pods) if pod["spec"].get("nodeName") in self.pool]

    async def clear(self, namespace: str) -> None:
        """Take the pods of a drain away."""
        spaces = await self.cluster.resource("namespaces")
        await self.cluster.delete(spaces, namespace)

        async def gone() -> bool:
            pods = await self.cluster.resource("pods")
            found = [pod async for pod in self.cluster.list(pods, namespace)]
            for pod in found:
                try:
                    await self.cluster.delete(
                        pods, pod["metadata"]["name"], namespace, grace_period_seconds=0
                    )
                except NotFoundError:
                    continue
            return not found

        await eventually(gone, within_s=SET_UP_S)

    async def _cordon(self, nodes: list[str], *, cordoned: bool) -> None:
        resource = await self.cluster.resource("nodes")
        for name in nodes:
            await self.cluster.patch(resource, name, body={"spec": {"unschedulable": cordoned or None}})

    async def _all_ready(self, namespace: str) -> bool:
        await asyncio.sleep(1)
        pods = await self.cluster.resource("pods")
        found = [pod async for pod in self.cluster.list(pods, namespace)]
        return len(found) == PODS and all(is_ready(pod) for pod in found)

    async def _all_reckoned(self, namespace: str) -> bool:
        budgets = await self.cluster.resource("poddisruptionbudgets.policy")
        found = [one async for one in self.cluster.list(budgets, namespace)]
        away = {f"{app.name}-pdb": app.away for app in APPS}
        return all(
            one.get("status", {}).get("disruptionsAllowed") == away[one["metadata"]["name"]] for one in found
        )

    def _workload(self, app: App, namespace: str) -> dict[str, Any]:
        template = pod_template(app.name, {READY: f"{READY_S}s", STOP: "grace"})
        template["spec"] |= {
            "terminationGracePeriodSeconds": GRACE_S,
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"app": app.name}},
                }
            ],
        }
        spec = {
            "replicas": app.replicas,
            "selector": {"matchLabels": {"app": app.name}},
            "template": template,
        }
        if app.stateful:
            spec |= {"serviceName": app.name, "podManagementPolicy": "Parallel"}
        kind = "StatefulSet" if app.stateful else "Deployment"
        meta = {"name": app.name, "namespace": namespace}
        return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec}

    def _budget(self, app: App, namespace: str) -> dict[str, Any]:
        return {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": f"{app.name}-pdb", "namespace": namespace},
            "spec": {"selector": {"matchLabels": {"app": app.name}}, "maxUnavailable": app.away},
        }


class _Counting:
    """Counts one watch's events."""

    def __init__(self) -> None:
        self.seen = Watched({app.name: app.replicas for app in APPS}, {app.name: [] for app in APPS})
        self.synced = asyncio.Event()
        self._ready: dict[str, dict[str, bool]] = {app.name: {} for app in APPS}
        self._born: dict[str, float] = {}

    def take(self, event: WatchEvent) -> None:
        """One event more."""
        if event.type == "synced":
            self.synced.set()
        if not event.object:
            return
        uid = event.object["metadata"]["uid"]
        if event.type == "deleted":
            for pods in self._ready.values():
                pods.pop(uid, None)
            return
        app = event.object["metadata"]["labels"]["app"]
        self._ready[app][uid] = ready = is_ready(event.object)
        now = time.monotonic()
        if self.synced.is_set() and event.type == "added":
            self._born[uid] = now
        if ready and uid in self._born:
            self.seen.ready_s[app].append(now - self._born.pop(uid))
        if self.synced.is_set():
            self.seen.fewest[app] = min(self.seen.fewest[app], sum(self._ready[app].values()))


@asynccontextmanager
async def watched(cluster: Cluster, namespace: str) -> AsyncIterator[Watched]:
    """Look on by a watch of its own."""
    counting = _Counting()
    pods = await cluster.resource("pods")

    async def watch() -> None:
        async with aclosing(cluster.watch(pods, namespace)) as events:
            async for event in events:
                counting.take(event)

    task = asyncio.create_task(watch())
    try:
        await counting.synced.wait()
        yield counting.seen
    finally:
        task.cancel()
        await asyncio.wait([task])


async def by_us(pool: Pool, kubeconfig: Path, namespace: str) -> tuple[float, int, Watched]:
    """Seconds, requests, and what was seen meanwhile."""
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as folder:
        async with (
            FaultProxy(kubeconfig) as proxy,
            service(proxy.kubeconfig, Path(folder)) as ops,
            watched(pool.cluster, namespace) as seen,
        ):
            run = await ops.propose("drain", {"nodes": pool.pool}, ALICE)
            assert not run.plan.blockers, [finding.text for finding in run.plan.blockers]
            say(f"plan: {run.plan.summary} (forecast {run.plan.forecast.seconds} s)")
            proxy.seen.clear()
            began = time.monotonic()
            await ops.start(run.id, ALICE)
            over = await ended(ops, run.id, within_s=LONGEST_S)
            took = time.monotonic() - began
            assert over.state is RunState.SUCCEEDED, (over.error, told(over)[-20:])
            assert await pool.empty()
            say(f"requests: {_counted(proxy)}")
            return took, len(proxy.seen), seen


def _counted(proxy: FaultProxy) -> str:
    """How many of which kind."""
    counts = Counter(
        f"{one.method} {'eviction' if one.path.endswith('/eviction') else one.path.split('/')[-2]}"
        for one in proxy.seen
    )
    return ", ".join(f"{number} {kind}" for kind, number in counts.most_common(8))


async def by_kubectl(pool: Pool, kubeconfig: Path, namespace: str) -> tuple[float, Watched]:
    """Seconds, and what was seen meanwhile."""
    kubectl = await ensure_binary("kubectl")
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as cache:
        async with watched(pool.cluster, namespace) as seen:
            began = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                str(kubectl), "drain", *pool.pool, f"--kubeconfig={kubeconfig}", f"--cache-dir={cache}",
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            assert await asyncio.wait_for(process.wait(), LONGEST_S) == 0
            took = time.monotonic() - began
            assert await pool.empty()
            return took, seen


async def figures(*, with_kubectl: bool) -> list[Figure]:
    """Everything, on a sandbox of its own that is taken down afterwards."""
    with tempfile.TemporaryDirectory(prefix="k8sops-bench-") as home:
        manager = SandboxManager(Path(home))
        handle = await manager.up("drain", nodes=NODES + SPARE)
        try:
            async with client_of(handle.kubeconfig) as cluster:
                names = [f"node-{n}" for n in range(1, NODES + SPARE + 1)]
                pool = Pool(cluster, names, names[:NODES])
                await create_namespace(handle, "ours")
                say(f"{PODS} pods on {NODES} nodes; the bound is {bound_s():.0f} s where nothing else runs")
                await pool.fill("ours")
                took, calls, seen = await by_us(pool, handle.kubeconfig, "ours")
                found = [
                    Figure(f"drain of {NODES} nodes, {PODS} pods", took, "s"),
                    Figure("drain: the bound that budgets impose", seen.bound_s, "s"),
                    Figure("drain: against that bound", took / seen.bound_s, "x", OVER_BOUND),
                    Figure("drain: requests for each evicted pod", calls / PODS, "", CALLS_PER_POD),
                    Figure("drain: budgets that did not hold", len(seen.violated), "", 0),
                ]
                for figure in [*found, *seen.violated]:
                    say(str(figure))
                if with_kubectl:
                    await pool.clear("ours")
                    await create_namespace(handle, "theirs")
                    await pool.fill("theirs")
                    theirs, seen = await by_kubectl(pool, handle.kubeconfig, "theirs")
                    found += [
                        Figure("kubectl drain of the same", theirs, "s"),
                        Figure("kubectl: budgets that did not hold", len(seen.violated), ""),
                        Figure("drain: part of kubectl's time", took / theirs, "x", 1 / FASTER),
                    ]
                return found
        finally:
            await manager.down("drain")


def main() -> int:
    """Print the figures; 1 where a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without-kubectl", action="store_true", help="measure this program only")
    found = asyncio.run(figures(with_kubectl=not parser.parse_args().without_kubectl))
    sys.stdout.write("".join(f"{figure}\n" for figure in found))
    return int(not all(figure.held for figure in found))


if __name__ == "__main__":
    sys.exit(main())
