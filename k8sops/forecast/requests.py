"""What a pod asks of a node, summed as the scheduler sums it.

Containers run side by side, init containers one after the other, sidecars (init containers that restart always) beside
all that come later; pod-level requests stand for the sum; overhead comes on top. Source: KEP-753, KEP-2837, KEP-1287.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from k8sops.cluster.structs import Quantities
from k8sops.forecast.objects import Container, ContainerStatus, Pod
from k8sops.forecast.quantities import amount

Amounts: TypeAlias = dict[str, int]
"""Resource to amount in the scheduler's units (thousandths of a core, bytes, pieces)."""

_POD_LEVEL: Final = frozenset({"cpu", "memory"})
_UNASKED: Final = {"cpu": 100, "memory": 200 * 1024 * 1024}
"""What scoring takes a container for that asks for nothing (source: the scheduler's non-zero requests)."""


def requests_of(pod: Pod) -> Amounts:
    """What a new pod of this specification asks for."""
    return _total(pod, {})


def held_by(pod: Pod) -> Amounts:
    """What a pod on a node takes of it: while it is resized in place the larger of old and new."""
    statuses = (*pod.status.container_statuses, *pod.status.init_container_statuses)
    resizing = {one.name: one for one in statuses if one.resources is not None or one.allocated_resources}
    return _total(pod, resizing)


def scored_requests(pod: Pod, asked: Amounts) -> tuple[int, int]:
    """Processor and memory as scoring counts them, where a container that asks for nothing counts a little."""
    cpu, memory = asked.get("cpu", 0), asked.get("memory", 0)
    for container in pod.spec.containers:
        requests = container.resources.requests
        if "cpu" not in requests:
            cpu += _UNASKED["cpu"]
        if "memory" not in requests:
            memory += _UNASKED["memory"]
    return cpu, memory


def _total(pod: Pod, resizing: Mapping[str, ContainerStatus]) -> Amounts:
    spec = pod.spec
    total: Amounts = {}
    for container in spec.containers:
        _add(total, _of(container, resizing))
    if spec.init_containers:
        _start(total, spec.init_containers, resizing)
    if spec.resources is not None:
        for resource, text in spec.resources.requests.items():
            if resource in _POD_LEVEL or resource.startswith("hugepages-"):
                total[resource] = amount(resource, text)
    if spec.overhead:
        _add(total, _amounts(spec.overhead))
    return {resource: value for resource, value in total.items() if value}


def _start(
    total: Amounts, containers: tuple[Container, ...], resizing: Mapping[str, ContainerStatus]
) -> None:
    """Raise the total to what starting takes."""
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in containers:
        asked = _of(container, resizing)
        if container.restart_policy == "Always":
            _add(total, asked)
            _add(sidecars, asked)
            asked = sidecars
        else:
            asked = dict(asked)
            _add(asked, sidecars)
        _raise(peak, asked)
    _raise(total, peak)


def _of(container: Container, resizing: Mapping[str, ContainerStatus]) -> Amounts:
    asked = _amounts(container.resources.requests)
    status = resizing.get(container.name) if resizing else None
    if status is not None:
        _raise(asked, _amounts(status.allocated_resources))
        if status.resources is not None:
            _raise(asked, _amounts(status.resources.requests))
    return asked


def _amounts(quantities: Quantities) -> Amounts:
    return {resource: amount(resource, text) for resource, text in quantities.items()}


def _add(into: Amounts, more: Amounts) -> None:
    for resource, value in more.items():
        into[resource] = into.get(resource, 0) + value


def _raise(into: Amounts, least: Amounts) -> None:
    for resource, value in least.items():
        if value > into.get(resource, 0):
            into[resource] = value
