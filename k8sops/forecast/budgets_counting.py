"""How many healthy pods a PodDisruptionBudget wants and has: the disruption controller's arithmetic, done from pods.

A budget's own status may be stale (of two budgets over one pod the controller refreshes only one), so nothing of it is
read here but `disruptedPods`, the evictions that were granted a moment ago.
Source: Kubernetes 1.36, `pkg/controller/disruption/disruption.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from k8sops.cluster.structs import Meta, OwnerReference
from k8sops.forecast.objects import Budget, Pod
from k8sops.forecast.selectors import matches

GRANTED_FOR: Final = timedelta(minutes=2)
"""How long the controller counts a pod as gone after its eviction was granted and before its deletion is seen."""


class Scale(msgspec.Struct, frozen=True, gc=False):
    """How many pods a controller wants; `uid` is the Deployment's where a ReplicaSet belongs to one."""

    uid: str
    replicas: int


Scales = Mapping[str, Scale]
"""By the uid of the controller that a pod names: for a Deployment's pods, their ReplicaSet's."""


class ControllerSpec(msgspec.Struct, frozen=True, gc=False):
    """The replicas it wants; the API's default is one."""

    replicas: int = 1


class Controller(msgspec.Struct, frozen=True, gc=False):
    """A Deployment, ReplicaSet, StatefulSet or ReplicationController, as much as budgets need of it."""

    metadata: Meta = Meta()
    spec: ControllerSpec = ControllerSpec()


class BudgetCount(msgspec.Struct, frozen=True, gc=False):
    """The numbers of a budget's status as the controller would write them, and what they could at best become."""

    expected: int = 0
    desired_healthy: int = 0
    healthy: int = 0
    reachable: int = 0
    """Healthy pods once all that is wanted runs: more than this the budget never sees."""
    failure: str = ""
    """Why the controller cannot compute it; such a budget allows nothing."""

    @property
    def allowed(self) -> int:
        """How many healthy pods may go now."""
        if self.failure or self.expected <= 0:
            return 0
        return max(0, self.healthy - self.desired_healthy)


def scales_of(
    *,
    deployments: Iterable[Controller] = (),
    replica_sets: Iterable[Controller] = (),
    others: Iterable[Controller] = (),
) -> dict[str, Scale]:
    """What controllers want; `others` are StatefulSets and ReplicationControllers.

    A ReplicaSet whose Deployment is gone, or that belongs to something else, speaks for itself.
    """
    by_uid = {one.metadata.uid: one for one in deployments}
    scales = {one.metadata.uid: Scale(one.metadata.uid, one.spec.replicas) for one in others}
    for one in replica_sets:
        owner = one.metadata.controller
        root = by_uid.get(owner.uid, one) if owner and owner.kind == "Deployment" else one
        scales[one.metadata.uid] = Scale(root.metadata.uid, root.spec.replicas)
    return scales


def scales_wanted(
    budgets: Iterable[Budget], pods: Sequence[Pod], scales: Scales
) -> tuple[tuple[str, OwnerReference], ...]:
    """The controllers (namespace, reference) that budgets count by and `scales` lacks: read their scale subresource.

    Whatever has no such subresource (a Job, a DaemonSet) is left out of `scales`, and its budgets fail as they do on
    the cluster.
    """
    found: dict[str, tuple[str, OwnerReference]] = {}
    for budget in budgets:
        if not counts_by_scale(budget):
            continue
        for pod in covered(budget, pods):
            controller = pod.metadata.controller
            if controller is not None and controller.uid not in scales:
                found[controller.uid] = (pod.metadata.namespace, controller)
    return tuple(found.values())


def counts_by_scale(budget: Budget) -> bool:
    """Whether the number of expected pods comes from controllers; with an integer minAvailable pods are counted."""
    return budget.spec.max_unavailable is not None or isinstance(budget.spec.min_available, str)


def covered(budget: Budget, pods: Iterable[Pod]) -> list[Pod]:
    """The pods the budget selects, whatever their state; an empty selector selects all of the namespace."""
    namespace = budget.metadata.namespace
    return [
        pod
        for pod in pods
        if pod.metadata.namespace == namespace and matches(budget.spec.selector, pod.metadata.labels)
    ]


def count(budget: Budget, pods: Iterable[Pod], scales: Scales, *, now: datetime | None = None) -> BudgetCount:
    """Count a budget over the pods of its namespace; with `now`, evictions just granted count as gone."""
    chosen = covered(budget, pods)
    healthy = sum(is_healthy(budget, pod, now) for pod in chosen)
    wanted, orphan = _wanted(chosen, scales)
    bare = sum(pod.metadata.controller is None and not pod.ending and not pod.finished for pod in chosen)
    unknown = sum(_is_unknown(pod, scales) and not pod.ending and not pod.finished for pod in chosen)
    reachable = wanted + bare + unknown
    if orphan and counts_by_scale(budget):
        return BudgetCount(healthy=healthy, reachable=reachable, failure=orphan)
    expected, desired = _expected_and_desired(budget, len(chosen), wanted)
    return BudgetCount(expected, desired, healthy, reachable)


def is_healthy(budget: Budget, pod: Pod, now: datetime | None = None) -> bool:
    """Whether the budget counts the pod: ready, not ending, and no eviction of it granted in the last two minutes."""
    if pod.ending or not pod.ready:
        return False
    granted = budget.status.disrupted_pods.get(pod.metadata.name)
    return granted is None or now is None or granted + GRANTED_FOR <= now


def scaled(value: int | str, total: int) -> int:
    """A count, or a percentage of `total` rounded up, as budgets round both of their fields.

    Source: `intstr.GetScaledValueFromIntOrPercent(…, roundUp=true)`.
    """
    if isinstance(value, int):
        return value
    return -(-int(value.removesuffix("%")) * total // 100)


def _expected_and_desired(budget: Budget, pods: int, wanted: int) -> tuple[int, int]:
    spec = budget.spec
    if spec.max_unavailable is not None:
        return wanted, max(0, wanted - scaled(spec.max_unavailable, wanted))
    if isinstance(spec.min_available, str):
        return wanted, scaled(spec.min_available, wanted)
    if spec.min_available is not None:
        return pods, spec.min_available
    return 0, 0


def _wanted(pods: Iterable[Pod], scales: Scales) -> tuple[int, str]:
    """The sum over distinct controllers, and what is to be said of the first pod whose controller has no scale."""
    roots: dict[str, int] = {}
    failure = ""
    for pod in pods:
        controller = pod.metadata.controller
        if controller is None:
            continue
        scale = scales.get(controller.uid)
        if scale is not None:
            roots[scale.uid] = scale.replicas
        elif not failure:
            failure = (
                f"pod {pod.metadata.name} belongs to {controller.kind} {controller.name}, which has no scale"
            )
    return sum(roots.values()), failure


def _is_unknown(pod: Pod, scales: Scales) -> bool:
    controller = pod.metadata.controller
    return controller is not None and controller.uid not in scales
