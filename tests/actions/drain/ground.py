"""Nodes of a test's own on the shared control plane, pods that run only there, and a service that drains them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from k8sops.core.actor import Actor
from k8sops.core.errors import NotFoundError
from k8sops.core.ops import Ops
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Cluster
from k8sops.core.run import Run
from k8sops.sandbox.nodes import node_manifest
from k8sops.service import open_ops
from k8sops.service.config import Config
from tests.support.engine_world import eventually
from tests.support.workloads import create, pod_template

ALICE: Final = Actor(name="kubernetes-admin")
STOP: Final = "sandbox.k8sops.dev/stop-time"
READY: Final = "sandbox.k8sops.dev/ready-delay"
FAST: Final = {"sandbox.k8sops.dev/fast": "true"}
POOL: Final = "tests.k8sops.dev/pool"
WITHIN_S: Final = 180.0


class Ground:
    """A pool of nodes that only this test's pods tolerate."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.nodes: list[str] = []

    async def add_nodes(self, count: int) -> list[str]:
        """So many more nodes, ready; their names."""
        made = []
        for index in range(len(self.nodes) + 1, len(self.nodes) + count + 1):
            manifest = node_manifest(index)
            name = f"{self.namespace}-{index}"
            manifest["metadata"]["name"] = name
            manifest["metadata"]["labels"] |= {"kubernetes.io/hostname": name, POOL: self.namespace}
            taint = {"key": POOL, "value": self.namespace, "effect": "NoSchedule"}
            manifest["spec"] = {"taints": [taint]}
            await create(self.cluster, manifest)
            made.append(name)
        self.nodes += made
        for name in made:
            await self.until(lambda name=name: self._ready(name))  # type: ignore[misc]
        return made

    async def remove(self) -> None:
        """Take the nodes away, and what still holds pods on them."""
        pods = await self.cluster.resource("pods")
        for pod in await self.pods():
            meta = pod["metadata"]
            with suppress(NotFoundError):
                if meta.get("finalizers"):
                    await self.free(meta["name"])
                await self.cluster.delete(pods, meta["name"], self.namespace, grace_period_seconds=0)
        nodes = await self.cluster.resource("nodes")
        for name in self.nodes:
            with suppress(NotFoundError):
                await self.cluster.delete(nodes, name)

    def template(
        self,
        app: str,
        *,
        on: str = "",
        grace_s: int = 1,
        annotations: dict[str, str] | None = None,
        finalizer: str = "",
        volumes: list[JsonObject] | None = None,
    ) -> JsonObject:
        """A pod template for this pool; `on` pins it to a node."""
        template = pod_template(app, annotations if annotations is not None else FAST)
        spec: dict[str, Any] = template["spec"]
        spec["terminationGracePeriodSeconds"] = grace_s
        spec["nodeSelector"] = {POOL: self.namespace} | ({"kubernetes.io/hostname": on} if on else {})
        spec["tolerations"] = [{"key": POOL, "operator": "Exists"}]
        spec["volumes"] = volumes or []
        if finalizer:
            template["metadata"]["finalizers"] = [finalizer]
        return template

    async def workload(self, kind: str, name: str, replicas: int, **how: Any) -> None:
        """A Deployment or StatefulSet, returned once all its pods are ready."""
        manifest: JsonObject = {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": self.template(name, **how),
            },
        }
        if kind == "StatefulSet":
            manifest["spec"] |= {"serviceName": name, "podManagementPolicy": "Parallel"}
        await create(self.cluster, manifest)
        await self.until(lambda: self._ready_pods(name, replicas))

    async def bare(self, name: str, **how: Any) -> None:
        """A pod that nothing makes again, ready."""
        template = self.template(name, **how)
        meta = template["metadata"] | {"name": name, "namespace": self.namespace}
        await create(self.cluster, template | {"apiVersion": "v1", "kind": "Pod", "metadata": meta})
        await self.until(lambda: self._ready_pods(name, 1))

    async def budget(self, app: str, **spec: Any) -> None:
        """A budget over an app's pods, returned once the controller has reckoned it."""
        manifest = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": f"{app}-pdb", "namespace": self.namespace},
            "spec": {"selector": {"matchLabels": {"app": app}}, **spec},
        }
        await create(self.cluster, manifest)

        async def reckoned() -> bool:
            status = (await self.get("poddisruptionbudgets.policy", f"{app}-pdb")).get("status", {})
            # The controller may have seen the budget before it has seen that the pods are ready.
            ready = sum(is_ready(pod) for pod in await self.pods(app=app))
            return bool(status.get("observedGeneration")) and status.get("currentHealthy") == ready

        await self.until(reckoned)

    async def pods(self, node: str = "", app: str = "") -> list[JsonObject]:
        """Pods of this test: all of them, of a node, of an app."""
        resource = await self.cluster.resource("pods")
        listed = self.cluster.list(
            resource,
            self.namespace,
            field_selector=f"spec.nodeName={node}" if node else "",
            label_selector=f"app={app}" if app else "",
        )
        return [pod async for pod in listed]

    async def get(self, kind: str, name: str) -> JsonObject:
        """One object of the namespace."""
        return await self.cluster.get(await self.cluster.resource(kind), name, self.namespace)

    async def gone(self, pod: str) -> bool:
        """Whether there is no pod of this name."""
        try:
            await self.get("pods", pod)
        except NotFoundError:
            return True
        return False

    async def node(self, name: str) -> JsonObject:
        """One node."""
        return await self.cluster.get(await self.cluster.resource("nodes"), name)

    async def patch(self, kind: str, name: str, body: JsonObject) -> None:
        """A merge patch on an object of the namespace, or on a node."""
        resource = await self.cluster.resource(kind)
        namespace = self.namespace if resource.namespaced else ""
        await self.cluster.patch(resource, name, namespace, body=body)

    async def tainted(self, name: str, *keys: str) -> None:
        """Return once a node has these taints and no others: that of a cordon comes and goes a moment later."""

        async def so() -> bool:
            taints = (await self.node(name))["spec"].get("taints", [])
            return sorted(taint["key"] for taint in taints) == sorted(keys)

        await self.until(so)

    async def free(self, pod: str) -> None:
        """Take a pod's finalizers away."""
        await self.patch("pods", pod, {"metadata": {"finalizers": None}})

    @asynccontextmanager
    async def only(self, node: str) -> AsyncIterator[None]:
        """Pods made meanwhile land on this node, and may move anywhere afterwards."""
        others = [name for name in self.nodes if name != node]
        for name in others:
            await self.patch("nodes", name, {"spec": {"unschedulable": True}})
        yield
        for name in others:
            await self.patch("nodes", name, {"spec": {"unschedulable": None}})
            await self.until(lambda name=name: self._ready(name))  # type: ignore[misc]

    @asynccontextmanager
    async def lowest_ready(self, app: str) -> AsyncIterator[Callable[[], int]]:
        """Watch an app's pods by a watch of its own; the fewest that were ready at any moment."""
        ready: dict[str, bool] = {}
        lowest: list[int] = []
        synced = asyncio.Event()
        resource = await self.cluster.resource("pods")

        async def watch() -> None:
            async with aclosing(
                self.cluster.watch(resource, self.namespace, label_selector=f"app={app}")
            ) as events:
                async for event in events:
                    if event.type == "synced":
                        synced.set()
                    elif event.object:
                        uid = event.object["metadata"]["uid"]
                        ready[uid] = event.type != "deleted" and is_ready(event.object)
                    if synced.is_set():
                        lowest.append(sum(ready.values()))

        task = asyncio.create_task(watch())
        try:
            await synced.wait()
            yield lambda: min(lowest)
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def until(self, holds: Callable[[], Awaitable[bool]], within_s: float = WITHIN_S) -> None:
        """Return once it holds."""
        await eventually(holds, within_s=within_s)

    async def _ready(self, name: str) -> bool:
        conditions = (await self.node(name)).get("status", {}).get("conditions", [])
        taints = (await self.node(name))["spec"].get("taints", [])
        settled = all(taint["key"] == POOL for taint in taints)
        return settled and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    async def _ready_pods(self, app: str, count: int) -> bool:
        pods = await self.pods(app=app)
        return len(pods) >= count and all(is_ready(pod) for pod in pods)


def is_ready(pod: JsonObject) -> bool:
    """Whether it is ready and not ending."""
    conditions = pod.get("status", {}).get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(
        one["type"] == "Ready" and one["status"] == "True" for one in conditions
    )


@asynccontextmanager
async def service(kubeconfig: Path, store: Path) -> AsyncIterator[Ops]:
    """The service on a store of the test's own."""
    config = Config(kubeconfig=(kubeconfig,), database_url=f"sqlite:///{store}/k8sops.db")
    async with open_ops(config) as ops:
        yield ops


async def begun(ops: Ops, **params: Any) -> Run:
    """A drain that has been started."""
    run = await ops.propose("drain", params, ALICE)
    assert not run.plan.blockers, [finding.text for finding in run.plan.blockers]
    return await ops.start(run.id, ALICE)


async def ended(ops: Ops, run: str, within_s: float = WITHIN_S) -> Run:
    """The run once it is over."""
    async with asyncio.timeout(within_s), aclosing(ops.watch(run)) as events:
        async for _ in events:
            pass
    return await ops.get_run(run)


async def drained(ops: Ops, **params: Any) -> Run:
    """A drain, carried out."""
    return await ended(ops, (await begun(ops, **params)).id)


async def heard(ops: Ops, run: str, holds: Callable[[str], bool], within_s: float = WITHIN_S) -> str:
    """The first event that says, with its text or with what it waits for, what is wanted."""
    async with asyncio.timeout(within_s), aclosing(ops.watch(run)) as events:
        async for event in events:
            said = f"{event.text}; {waiting}" if (waiting := event.data.get("waiting_for")) else event.text
            if holds(f"{event.kind}: {said}"):
                return said
    raise AssertionError(f"run {run} ended without saying it")


def told(run: Run) -> list[str]:
    """All that was said, for messages of failed tests."""
    return [f"{event.kind} {event.step}: {event.text} {event.data}" for event in run.events]
