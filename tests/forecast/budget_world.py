"""Random workloads under random budgets on a real control plane, each pod in a state the test chose.

The label `sandbox.k8sops.dev/static` keeps the simulated kubelet's hands off, so what a pod's status says is what was
written here and stays.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from k8sops.cluster.client import KubeCluster
from k8sops.core.plan import JsonObject
from k8sops.forecast.budgets import Ledger
from k8sops.forecast.budgets_counting import Controller, Scale, scales_of, scales_wanted
from k8sops.forecast.objects import Budget, Pod
from tests.support.pauses import pause_after
from tests.support.workloads import create

T = TypeVar("T")

DEADLINE_S: Final = 240.0
HOLD: Final = "tests.k8sops.dev/hold"
STATIC: Final = {"sandbox.k8sops.dev/static": "true"}
RULES: Final[tuple[dict[str, Any], ...]] = (
    *({"minAvailable": value} for value in (0, 1, 2, 4, "0%", "34%", "50%", "100%")),
    *({"maxUnavailable": value} for value in (0, 1, 2, 9, "1%", "34%", "50%", "100%")),
    {},
)
KINDS: Final = ("Deployment", "ReplicaSet", "StatefulSet", "bare", "mixed", "Job")


async def until(what: str, condition: Callable[[], Awaitable[str]]) -> None:
    """Wait until it returns nothing; else it says what is still missing."""
    missing = "?"
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(DEADLINE_S):
            began = loop.time()
            while missing := await condition():
                await asyncio.sleep(pause_after(loop.time() - began))
                began = loop.time()
    except TimeoutError:
        raise AssertionError(f"waited {DEADLINE_S:.0f} s in vain for {what}: {missing}") from None


async def read(cluster: KubeCluster, kind: type[T], plural: str, namespace: str) -> list[T]:
    """All objects of a kind in the namespace."""
    return [one async for one in cluster.list_as(kind, await cluster.resource(plural), namespace)]


async def read_scales(
    cluster: KubeCluster, namespace: str, budgets: Iterable[Budget], pods: list[Pod]
) -> dict[str, Scale]:
    """What the controllers of the namespace want, read as a planner would."""
    scales = scales_of(
        deployments=await read(cluster, Controller, "deployments", namespace),
        replica_sets=await read(cluster, Controller, "replicasets", namespace),
        others=await read(cluster, Controller, "statefulsets", namespace),
    )
    lacking = {reference.kind for _, reference in scales_wanted(budgets, pods, scales)}
    assert lacking <= {"Job"}
    return scales


async def ledger_now(cluster: KubeCluster, namespace: str) -> tuple[Ledger, list[Budget], list[Pod]]:
    """A ledger over what is in the namespace."""
    budgets = await read(cluster, Budget, "poddisruptionbudgets", namespace)
    pods = await read(cluster, Pod, "pods", namespace)
    return Ledger.of(budgets, pods, await read_scales(cluster, namespace, budgets, pods)), budgets, pods


def alone(ledger: Ledger, budgets: Iterable[Budget], pods: Iterable[Pod]) -> list[Budget]:
    """Those that share no pod with another: of two over one pod the controller keeps only one up to date."""
    doubled = {one.key for pod in pods for one in ledger.budgets_of(pod) if len(ledger.budgets_of(pod)) > 1}
    return [one for one in budgets if one.key not in doubled]


def difference(ledger: Ledger, budget: Budget) -> str:
    """How the controller's status differs from what was computed."""
    found, status = ledger.count(budget.key), budget.status
    if found.failure:
        failed = any(one.reason == "SyncFailed" for one in status.conditions)
        return "" if failed and status.disruptions_allowed == 0 else f"{budget.key} has not failed yet"
    told = (status.expected_pods, status.desired_healthy, status.current_healthy, status.disruptions_allowed)
    computed = (found.expected, found.desired_healthy, found.healthy, found.allowed)
    if status.observed_generation == budget.metadata.generation and told == computed:
        return ""
    return f"{budget.key}: the controller says {told}, computed {computed}"


async def unreckoned(cluster: KubeCluster, namespace: str) -> str:
    """Where the disruption controller has not counted yet what is in the namespace now."""
    ledger, budgets, pods = await ledger_now(cluster, namespace)
    return "; ".join(filter(None, (difference(ledger, one) for one in alone(ledger, budgets, pods))))


class BudgetWorld:
    """A namespace full of cases; the app label of a case is its name."""

    def __init__(self, cluster: KubeCluster, namespace: str, seed: int) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.random = random.Random(seed)  # noqa: S311 - the same worlds each time
        self.wanted: dict[str, int] = {}

    async def add(self, app: str) -> None:
        """One workload of a random kind and size, with one budget, now and then two."""
        kind, size = self.random.choice(KINDS), self.random.randint(1, 4)
        budgets = 2 if self.random.random() < 0.12 else 1
        for place in range(budgets):
            spec = self.random.choice(RULES) | {"selector": {"matchLabels": {"app": app}}}
            if policy := self.random.choice(["", "", "IfHealthyBudget", "AlwaysAllow"]):
                spec["unhealthyPodEvictionPolicy"] = policy
            await self._create("policy/v1", "PodDisruptionBudget", f"{app}-{place}", spec)
        self.wanted[app] = size
        if kind in {"bare", "mixed"}:
            for place in range(size if kind == "bare" else 1):
                await create(self.cluster, self._pod(app, f"{app}-bare-{place}"))
        if kind == "mixed":
            self.wanted[app] += 1
        if kind != "bare":
            await self.add_workload(app, "ReplicaSet" if kind == "mixed" else kind, size)

    async def add_workload(self, app: str, kind: str, size: int) -> None:
        """A controller of static pods."""
        made = self._pod(app, "")
        # Without a label of their own, controllers would adopt the bare pods beside them.
        template = {"metadata": {"labels": STATIC | {"app": app, "made": "yes"}}, "spec": made["spec"]}
        spec: dict[str, Any] = {"template": template}
        if kind == "Job":
            spec |= {"parallelism": size, "completions": size}
            template["spec"] = template["spec"] | {"restartPolicy": "Never"}
        else:
            spec |= {"replicas": size, "selector": {"matchLabels": {"app": app, "made": "yes"}}}
        if kind == "StatefulSet":
            spec |= {"podManagementPolicy": "Parallel", "serviceName": app}
        await self._create("batch/v1" if kind == "Job" else "apps/v1", kind, app, spec)

    async def pods_of(self, app: str) -> list[Pod]:
        """The pods of a case by name."""
        resource = await self.cluster.resource("pods")
        found = self.cluster.list_as(Pod, resource, self.namespace, label_selector=f"app={app}")
        return sorted([pod async for pod in found], key=lambda pod: pod.metadata.name)

    async def settle(self) -> None:
        """Wait until every workload has the pods it wants."""

        async def missing() -> str:
            counts: dict[str, int] = {}
            for pod in await read(self.cluster, Pod, "pods", self.namespace):
                if pod.spec.node_name:
                    counts[pod.metadata.labels["app"]] = counts.get(pod.metadata.labels["app"], 0) + 1
            return ", ".join(app for app, size in self.wanted.items() if counts.get(app, 0) < size)

        await until("the pods of all cases", missing)

    async def scramble(self) -> None:
        """Give each pod a state: mostly ready, else not ready, pending, finished (bare ones) or held in deletion."""
        pods = await read(self.cluster, Pod, "pods", self.namespace)
        pods.sort(key=lambda pod: pod.metadata.name)
        work = []
        for pod in pods:
            state = self.random.choices(
                ["ready", "unready", "pending", "failed", "ending"], [60, 20, 6, 7, 7]
            )[0]
            if state == "failed" and pod.metadata.controller is not None:
                state = "ready"
            work.append(self.put(pod, state))
        await asyncio.gather(*work)

    async def put(self, pod: Pod, state: str) -> None:
        """Write a pod's state."""
        resource, name = await self.cluster.resource("pods"), pod.metadata.name
        if state == "pending":
            return
        ready = "True" if state in {"ready", "ending"} else "False"
        status = {
            "phase": "Failed" if state == "failed" else "Running",
            "conditions": [{"type": "Ready", "status": ready}],
        }
        await self.cluster.patch(
            resource,
            name,
            self.namespace,
            body={"status": status},
            patch_type="strategic",
            subresource="status",
        )
        if state == "ending":
            await self.cluster.patch(
                resource, name, self.namespace, body={"metadata": {"finalizers": [HOLD]}}
            )
            await self.cluster.delete(resource, name, self.namespace)

    async def _create(self, api_version: str, kind: str, name: str, spec: JsonObject) -> None:
        metadata = {"name": name, "namespace": self.namespace}
        await create(
            self.cluster, {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
        )

    def _pod(self, app: str, name: str) -> JsonObject:
        metadata = {"name": name, "namespace": self.namespace, "labels": STATIC | {"app": app}}
        spec = {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "app", "image": "example/app:1"}],
        }
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@asynccontextmanager
async def budget_world(cluster: KubeCluster, namespace: str, seed: int) -> AsyncIterator[BudgetWorld]:
    """A world whose held pods are let go afterwards, so that the namespace can be deleted."""
    try:
        yield BudgetWorld(cluster, namespace, seed)
    finally:
        resource = await cluster.resource("pods")
        for pod in await read(cluster, Pod, "pods", namespace):
            if HOLD in pod.metadata.finalizers:
                await cluster.patch(
                    resource, pod.metadata.name, namespace, body={"metadata": {"finalizers": None}}
                )
