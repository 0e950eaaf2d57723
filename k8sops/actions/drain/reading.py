"""All that a drain's plan rests on, read from the cluster at once.

Nodes, pods and budgets must be readable. What only sharpens the forecast may be forbidden: it is then named in
`unread`, and the plan says what it could not foresee.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from k8sops.actions.drain.controllers import Controllers, Workload, controllers_of
from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.pools import nodes_by_name, nodes_of_pool
from k8sops.actions.worlds import Named, node_maker, read_storage
from k8sops.cluster.structs import Meta, OwnerReference
from k8sops.core.errors import (
    ClusterError,
    ForbiddenError,
    K8sOpsError,
    UsageError,
)
from k8sops.core.ports import ClusterReader
from k8sops.forecast.budgets_counting import Scale, scales_wanted
from k8sops.forecast.objects import Budget, Node, Pod
from k8sops.forecast.world import World

T = TypeVar("T")

_KINDS: Final = {
    "Deployment": "deployments.apps",
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
    "ReplicationController": "replicationcontrollers",
    "Job": "jobs.batch",
}
_MOST_CUSTOM: Final = 200
_AT_ONCE: Final = 8


class ServiceSpec(msgspec.Struct, frozen=True, gc=False):
    """Which pods a service sends to."""

    selector: dict[str, str] = {}


class Service(msgspec.Struct, frozen=True, gc=False):
    """A service."""

    metadata: Meta = Meta()
    spec: ServiceSpec = ServiceSpec()


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as a drain sees it."""

    world: World
    chosen: tuple[Node, ...]
    """The nodes that are to be drained."""
    budgets: tuple[Budget, ...] = ()
    controllers: Controllers = Controllers()
    services: tuple[Service, ...] = ()
    selected: frozenset[str] | None = None
    """uids of the pods that `--pod-selector` takes; None is all."""
    autoscaler: str = ""
    """What makes new nodes here: `cluster-autoscaler`, `Karpenter`, or nothing."""
    unread: tuple[str, ...] = ()
    """Resources that could not be read, as permission to list them is missing."""


class _Reading:
    def __init__(self, cluster: ClusterReader, params: DrainParams) -> None:
        self.cluster = cluster
        self.params = params
        self.unread: list[str] = []
        self.gate = asyncio.Semaphore(_AT_ONCE)

    async def all_of(self, item: type[T], kind: str, *, selector: str = "") -> tuple[T, ...]:
        resource = await self.cluster.resource(kind)
        async with self.gate:
            listed = self.cluster.list_as(
                item, resource, label_selector=selector, page_size=self.params.chunk_size
            )
            return tuple([one async for one in listed])

    async def if_allowed(self, item: type[T], kind: str) -> tuple[T, ...] | None:
        try:
            return await self.all_of(item, kind)
        except ForbiddenError:
            self.unread.append(kind.split(".", 1)[0])
            return None

    async def chosen(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        params = self.params
        if params.nodes:
            return tuple(nodes_by_name(nodes, params.nodes))
        if params.pool:
            return tuple(sorted(nodes_of_pool(nodes, params.pool, params.pool_label), key=_by_name))
        taken = {one.metadata.uid for one in await self.all_of(Named, "nodes", selector=params.selector)}
        found = tuple(sorted((node for node in nodes if node.metadata.uid in taken), key=_by_name))
        if not found:
            raise UsageError(
                f"no node matches the selector {params.selector!r}",
                hint="`k8sops get nodes -l SELECTOR` shows what a selector matches",
            )
        return found

    async def selected_pods(self) -> frozenset[str] | None:
        if not self.params.pod_selector:
            return None
        taken = await self.all_of(Named, "pods", selector=self.params.pod_selector)
        return frozenset(one.metadata.uid for one in taken)

    async def controllers(self) -> Controllers:
        kinds = [*_KINDS.values(), "daemonsets.apps"]
        *lists, daemonsets = await asyncio.gather(*(self.if_allowed(Workload, kind) for kind in kinds))
        workloads = {kind: listed or () for kind, listed in zip(_KINDS, lists, strict=True)}
        return controllers_of(workloads, daemonsets)

    async def with_custom(
        self, controllers: Controllers, budgets: Sequence[Budget], pods: Sequence[Pod]
    ) -> Controllers:
        """With what controllers of other kinds want, where a budget counts by it; their scale subresource says so."""
        unknown = [
            pod
            for pod in pods
            if (owner := pod.metadata.controller) is not None and owner.uid not in controllers.scales
        ]
        wanted = scales_wanted(budgets, unknown, controllers.scales)[:_MOST_CUSTOM]
        found = await asyncio.gather(*(self._scale(namespace, owner) for namespace, owner in wanted))
        more = {scale.uid: scale for scale in found if scale is not None}
        return msgspec.structs.replace(controllers, scales={**controllers.scales, **more})

    async def _scale(self, namespace: str, owner: OwnerReference) -> Scale | None:
        group = owner.api_version.rpartition("/")[0]
        try:
            async with self.gate:
                resource = await self.cluster.resource(f"{owner.kind}.{group}" if group else owner.kind)
                view = await self.cluster.scale_of(resource, owner.name, namespace)
        except (ClusterError, UsageError):
            # Without a scale the disruption controller cannot count either; the ledger says what follows.
            return None
        return Scale(owner.uid, view.spec_replicas)


async def read_scene(cluster: ClusterReader, params: DrainParams) -> Scene:
    """Read everything, in parallel. Raises NotFoundError or UsageError where nodes asked for are not there."""
    reading = _Reading(cluster, params)
    try:
        async with asyncio.TaskGroup() as group:
            nodes = group.create_task(reading.all_of(Node, "nodes"))
            chosen = group.create_task(_chosen(reading, nodes))
            pods = group.create_task(reading.all_of(Pod, "pods"))
            budgets = group.create_task(reading.all_of(Budget, "poddisruptionbudgets.policy"))
            controllers = group.create_task(reading.controllers())
            selected = group.create_task(reading.selected_pods())
            services = group.create_task(reading.if_allowed(Service, "services"))
            spaces = group.create_task(reading.if_allowed(Named, "namespaces"))
            storage = group.create_task(read_storage(reading.if_allowed))
    except* K8sOpsError as failures:
        # One sentence for the user: the first of what went wrong together.
        raise _first(failures) from None
    known, autoscaler = await asyncio.gather(
        reading.with_custom(controllers.result(), budgets.result(), pods.result()),
        node_maker(cluster, reading.if_allowed, _images(controllers.result())),
    )
    return Scene(
        world=World(
            nodes=nodes.result(),
            pods=pods.result(),
            namespaces={one.metadata.name: one.metadata.labels for one in spaces.result() or ()},
            **storage.result()._asdict(),
        ),
        chosen=chosen.result(),
        budgets=budgets.result(),
        controllers=known,
        services=services.result() or (),
        selected=selected.result(),
        autoscaler=autoscaler,
        unread=tuple(sorted(reading.unread)),
    )


async def _chosen(reading: _Reading, nodes: asyncio.Task[tuple[Node, ...]]) -> tuple[Node, ...]:
    return await reading.chosen(await nodes)


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = failures.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _by_name(node: Node) -> str:
    return node.name


def _images(controllers: Controllers) -> list[str]:
    """Of all that runs."""
    return [
        container.image
        for _, workload in controllers.workloads.values()
        if workload.spec.replicas > 0
        for container in workload.spec.template.spec.containers
    ]
