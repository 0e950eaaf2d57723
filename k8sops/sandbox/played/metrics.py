"""PodMetrics and NodeMetrics (metrics.k8s.io/v1beta1) of what was read, at a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from k8sops.sandbox.played.api import PlayedApi
from k8sops.sandbox.played.quantities import cores, memory, number
from k8sops.sandbox.played.reading import PodReader, Reading, Sample
from k8sops.sandbox.played.usage import TICK_SECONDS, Meter, Usage

JsonObject = dict[str, Any]

GROUP_VERSION: Final = "metrics.k8s.io/v1beta1"
NODE_BUSY: Final = 0.97
"""Of a node's capacity: more than there is cannot be used."""


class Metrics:
    """Answers for pods and nodes."""

    def __init__(self, api: PlayedApi, meter: Meter, now: Callable[[], float]) -> None:
        self._api: Final = api
        self._meter: Final = meter
        self._now: Final = now
        """Seconds since the epoch."""
        self._reader: Final = PodReader(api)

    async def pods(self, namespace: str, query: dict[str, str]) -> list[JsonObject]:
        """PodMetrics of the running pods that the selectors in `query` choose."""
        reading = await self._reader.read(namespace)
        wanted = await self._reader.selected(namespace, query) if query else None
        moment = self._moment()
        return [
            self._pod_metrics(pod, reading, moment)
            for pod in reading.pods
            if (not namespace or pod.namespace == namespace) and (wanted is None or pod.uid in wanted)
        ]

    async def pod(self, namespace: str, name: str) -> JsonObject | None:
        """PodMetrics of one; None where it does not run."""
        reading = await self._reader.read(namespace)
        moment = self._moment()
        for pod in reading.pods:
            if pod.namespace == namespace and pod.name == name:
                return self._pod_metrics(pod, reading, moment)
        return None

    async def nodes(self, query: dict[str, str]) -> list[JsonObject]:
        """NodeMetrics of the nodes that the selectors in `query` choose; one that is not ready answers nobody."""
        found: list[_Node] = []
        async for page in self._api.pages("/api/v1/nodes", query):
            found += msgspec.json.decode(page, type=_NodeList).items
        ready = [one for one in found if one.is_ready()]
        if not ready:
            return []
        reading = await self._reader.read("")
        moment = self._moment()
        sums = self._sums(reading, moment, {one.metadata.name for one in ready})
        return [self._node_metrics(one, sums[one.metadata.name], moment) for one in ready]

    def _moment(self) -> float:
        return self._now() // TICK_SECONDS * TICK_SECONDS

    def _sums(self, reading: Reading, moment: float, nodes: set[str]) -> defaultdict[str, Usage]:
        sums: defaultdict[str, Usage] = defaultdict(lambda: Usage(0.0, 0.0))
        for pod in reading.pods:
            if pod.node in nodes:
                sums[pod.node] = _total([sums[pod.node], *self._containers(pod, reading, moment)])
        return sums

    def _containers(self, pod: Sample, reading: Reading, moment: float) -> list[Usage]:
        """What each container uses. A workload's load is shared by its ready pods, and is the first container's."""
        load = pod.load / reading.sharing[pod.workload] if pod.load and pod.ready else 0.0
        found: list[Usage] = []
        for index, container in enumerate(pod.containers):
            key = f"{pod.uid}/{container.name}"
            match container.part:
                case "crashing":
                    found.append(self._meter.crashing(key, moment))
                case "swelling":
                    found.append(self._meter.swelling(key, container.bounds, moment))
                case _:
                    own = load if index == 0 else 0.0
                    found.append(self._meter.healthy(key, container.bounds, moment, own))
        return found

    def _pod_metrics(self, pod: Sample, reading: Reading, moment: float) -> JsonObject:
        metadata: JsonObject = {"name": pod.name, "namespace": pod.namespace}
        usages = self._containers(pod, reading, moment)
        return {
            **_head("PodMetrics", metadata, pod.labels, moment),
            "containers": [
                {"name": container.name, "usage": _usage(usage)}
                for container, usage in zip(pod.containers, usages, strict=True)
            ],
        }

    def _node_metrics(self, node: _Node, pods: Usage, moment: float) -> JsonObject:
        cpu, room = (number(node.status.capacity.get(name, "0")) for name in ("cpu", "memory"))
        name = node.metadata.name
        used = _total([pods, self._meter.system(name, cpu, room, moment)])
        capped = Usage(min(used.cpu, cpu * NODE_BUSY), min(used.memory, room * NODE_BUSY))
        return {
            **_head("NodeMetrics", {"name": name}, node.metadata.labels, moment),
            "usage": _usage(capped),
        }


class _Metadata(msgspec.Struct):
    name: str
    labels: dict[str, str] = {}


class _Condition(msgspec.Struct, gc=False):
    type: str
    status: str


class _Status(msgspec.Struct):
    capacity: dict[str, str] = {}
    conditions: list[_Condition] = []


class _Node(msgspec.Struct):
    metadata: _Metadata
    status: _Status = msgspec.field(default_factory=_Status)

    def is_ready(self) -> bool:
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)


class _NodeList(msgspec.Struct):
    items: list[_Node]


def _head(kind: str, metadata: JsonObject, labels: dict[str, str], moment: float) -> JsonObject:
    stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": kind,
        "apiVersion": GROUP_VERSION,
        "metadata": metadata | {"creationTimestamp": stamp} | ({"labels": labels} if labels else {}),
        "timestamp": stamp,
        "window": f"{TICK_SECONDS}s",
    }


def _total(usages: Iterable[Usage]) -> Usage:
    given = list(usages)
    return Usage(sum(one.cpu for one in given), sum(one.memory for one in given))


def _usage(usage: Usage) -> JsonObject:
    return {"cpu": cores(usage.cpu), "memory": memory(usage.memory)}
