"""Made-up clusters for plans of drains: a few lines each, with what a real one would have said."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from k8sops.actions.drain.action import Drain
from k8sops.actions.drain.controllers import Template, TemplateSpec, Workload, WorkloadSpec, controllers_of
from k8sops.actions.drain.outlook import Outlook, outlook
from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.planning import plan_of
from k8sops.actions.drain.reading import Scene, Service, ServiceSpec
from k8sops.cluster.structs import Condition, Meta, OwnerReference
from k8sops.core.plan import ClusterInfo, Finding, Plan
from k8sops.forecast.objects import (
    Budget,
    BudgetSpec,
    Container,
    FullMeta,
    Node,
    NodeSpec,
    NodeStatus,
    Pod,
    PodSpec,
    PodStatus,
    Resources,
    Selector,
    Volume,
)
from k8sops.forecast.world import World

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CLUSTER = ClusterInfo(context="made-up", server="https://example.invalid", uid="c-1", name="made-up")


class Noon:
    """A clock that stands still."""

    def now(self) -> datetime:
        """Noon."""
        return NOW

    def monotonic(self) -> float:
        """Always the same."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Nobody sleeps in a plan."""
        raise AssertionError("a plan slept")


READY = Condition(type="Ready", status="True")


def node(name: str, *, labels: dict[str, str] | None = None, cpu: str = "4", **spec: Any) -> Node:
    """A ready node with room for 4 cores, 8Gi and 110 pods."""
    have = {"cpu": cpu, "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    return Node(
        FullMeta(name=name, uid=f"u-{name}", labels={"kubernetes.io/hostname": name, **(labels or {})}),
        NodeSpec(**spec),
        NodeStatus(conditions=(READY,), allocatable=have, capacity=have),
    )


def workload(kind: str, name: str, replicas: int = 1, *, owner: tuple[str, str] | None = None) -> Workload:
    """In namespace shop; `owner` is kind and name of what controls it."""
    references = (controlled_by(*owner),) if owner else ()
    meta = Meta(name=name, namespace="shop", uid=f"u-{kind}-{name}", owner_references=references)
    return Workload(meta, WorkloadSpec(replicas, Template(TemplateSpec())))


def controlled_by(kind: str, name: str) -> OwnerReference:
    """The reference of a controller made by `workload`."""
    version = {"Job": "batch/v1", "CronJob": "batch/v1"}.get(kind, "apps/v1")
    return OwnerReference(kind, name, f"u-{kind}-{name}", version, controller=True)


def pod(
    name: str,
    on: str,
    *,
    of: tuple[str, str] | None = ("ReplicaSet", "web-1"),
    app: str = "web",
    ready: bool = True,
    cpu: str = "100m",
    annotations: dict[str, str] | None = None,
    phase: str = "Running",
    empty_dir: bool = False,
    ending: datetime | None = None,
    **spec: Any,
) -> Pod:
    """A pod in namespace shop with a grace period of 30 seconds; `of` is its controller."""
    volumes = (Volume(name="scratch", empty_dir={}),) if empty_dir else ()
    return Pod(
        FullMeta(
            name=name,
            namespace="shop",
            uid=f"u-{name}",
            labels={"app": app},
            owner_references=(controlled_by(*of),) if of else (),
            annotations=annotations or {},
            deletion_timestamp=ending,
        ),
        PodSpec(
            node_name=on,
            containers=(Container(name="app", resources=Resources(requests={"cpu": cpu})),),
            volumes=spec.pop("volumes", volumes),
            termination_grace_period_seconds=spec.pop("grace", 30),
            **spec,
        ),
        PodStatus(phase=phase, conditions=(READY,) if ready else ()),
    )


def budget(name: str, app: str = "web", **spec: Any) -> Budget:
    """In namespace shop, over the pods of an app."""
    return Budget(
        FullMeta(name=name, namespace="shop", uid=f"u-{name}"),
        BudgetSpec(selector=Selector(match_labels={"app": app}), **spec),
    )


def service(name: str, app: str = "web") -> Service:
    """In namespace shop, for the pods of an app."""
    return Service(Meta(name=name, namespace="shop", uid=f"u-svc-{name}"), ServiceSpec({"app": app}))


def deployment(name: str, replicas: int) -> list[tuple[str, Workload]]:
    """A Deployment and its ReplicaSet `NAME-1`."""
    return [
        ("Deployment", workload("Deployment", name, replicas)),
        ("ReplicaSet", workload("ReplicaSet", f"{name}-1", replicas, owner=("Deployment", name))),
    ]


def scene(
    nodes: Iterable[Node],
    pods: Iterable[Pod] = (),
    *,
    drained: Iterable[str] = ("n1",),
    budgets: Iterable[Budget] = (),
    services: Iterable[Service] = (),
    workloads: Iterable[tuple[str, Workload]] | None = None,
    autoscaler: str = "",
    **rest: Any,
) -> Scene:
    """A cluster of these; workloads are the Deployment `web` of three pods unless given."""
    nodes = tuple(nodes)
    named = {one.name: one for one in nodes}
    by_kind: dict[str, list[Workload]] = {}
    for kind, one in deployment("web", 3) if workloads is None else workloads:
        by_kind.setdefault(kind, []).append(one)
    daemonsets = by_kind.pop("DaemonSet", [])
    return Scene(
        world=World(nodes=nodes, pods=tuple(pods), namespaces={"shop": {}}, **rest),
        chosen=tuple(named[name] for name in drained),
        budgets=tuple(budgets),
        controllers=controllers_of(by_kind, daemonsets),
        services=tuple(services),
        autoscaler=autoscaler,
    )


def params(**given: Any) -> DrainParams:
    """For node n1, unless told otherwise."""
    return DrainParams(**({"nodes": ("n1",)} | given))


def forecast(of: Scene, **given: Any) -> Outlook:
    """What is expected of draining it."""
    return outlook(of, params(**given), NOW)


def plan(of: Scene, **given: Any) -> Plan:
    """The plan for it."""
    return plan_of(Drain(), forecast(of, **given), CLUSTER, Noon())


def finding(of: Plan, code: str) -> Finding:
    """The one finding with this code."""
    found = [one for one in of.findings if one.code == code]
    assert len(found) == 1, [(one.level, one.code) for one in of.findings]
    return found[0]


def codes(of: Plan, level: str = "") -> set[str]:
    """The codes of all findings, or of those of a level."""
    return {one.code for one in of.findings if level in {"", one.level}}
