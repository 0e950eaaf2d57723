"""Reads the pods whose usage is asked for, keeping of each only what its usage follows from.

A list is kept for a few times as long as it took to read: a small namespace is read afresh nearly every time, ten
thousand pods every ten seconds or so, however many ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from k8sops.sandbox.played.api import METADATA_ONLY, PlayedApi
from k8sops.sandbox.played.quantities import number
from k8sops.sandbox.played.usage import Bounds

LEAST_SECONDS: Final = 1.0
TIMES_AS_LONG: Final = 5.0
MOST_KEPT: Final = 64
PLAY: Final = "sandbox.k8sops.dev/play"
LOAD: Final = "sandbox.k8sops.dev/cpu-load"

Part = Literal["healthy", "crashing", "swelling"]


class Container(msgspec.Struct, frozen=True, gc=False):
    """A container that has a status, and the part it plays."""

    name: str
    bounds: Bounds
    part: Part


class Sample(msgspec.Struct, frozen=True):
    """A pod that runs."""

    namespace: str
    name: str
    uid: str
    node: str
    labels: dict[str, str]
    workload: str
    """Namespace and name of what made it, without the hash of a release: these share one load."""
    load: float
    """Cores that all ready pods of the workload use together; 0 where each has its own usage."""
    ready: bool
    containers: tuple[Container, ...]


class Reading(msgspec.Struct, frozen=True):
    """The running pods of one namespace, or of all."""

    pods: tuple[Sample, ...]
    sharing: dict[str, int]
    """How many ready pods each workload with a load has."""


class PodReader:
    """Lists pods, in one namespace (`""`: in all), and remembers for a moment."""

    def __init__(self, api: PlayedApi, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._api: Final = api
        self._monotonic: Final = monotonic
        self._kept: Final[dict[str, tuple[float, Reading]]] = {}
        self._locks: Final[dict[str, asyncio.Lock]] = {}

    async def read(self, namespace: str) -> Reading:
        """The running pods. Raises SandboxError where the API server does not answer."""
        # Several that ask at once wait for one list.
        async with self._locks.setdefault(namespace, asyncio.Lock()):
            began = self._monotonic()
            for known, (until, _) in list(self._kept.items()):
                if until <= began:
                    del self._kept[known]
            for scope in (namespace, ""):
                if scope in self._kept:
                    return self._kept[scope][1]
            reading = await self._list(namespace)
            if len(self._kept) < MOST_KEPT:
                now = self._monotonic()
                self._kept[namespace] = (now + LEAST_SECONDS + TIMES_AS_LONG * (now - began), reading)
        return reading

    async def selected(self, namespace: str, query: dict[str, str]) -> frozenset[str]:
        """The uids of those that a label or field selector chooses; the API server is asked, who knows the grammar."""
        accept = METADATA_ONLY.format(list="List")
        return frozenset(
            [
                item.metadata.uid
                async for page in self._api.pages(_path(namespace), query, accept)
                for item in msgspec.json.decode(page, type=_MetadataList).items or ()
            ]
        )

    async def _list(self, namespace: str) -> Reading:
        pods: list[Sample] = []
        async for page in self._api.pages(_path(namespace)):
            pods += [
                _sample(one)
                for one in msgspec.json.decode(page, type=_PodList).items
                if one.status.phase == "Running"
            ]
        sharing: dict[str, int] = {}
        for pod in pods:
            if pod.load and pod.ready:
                sharing[pod.workload] = sharing.get(pod.workload, 0) + 1
        return Reading(tuple(pods), sharing)


class _Owner(msgspec.Struct, gc=False):
    name: str
    controller: bool = False


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    uid: str
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[_Owner] = []
    deletion_timestamp: str = ""


class _Resources(msgspec.Struct):
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}


class _Container(msgspec.Struct):
    name: str
    resources: _Resources = msgspec.field(default_factory=_Resources)


class _Spec(msgspec.Struct, rename="camel"):
    containers: list[_Container]
    init_containers: list[_Container] = []
    node_name: str = ""


class _ContainerStatus(msgspec.Struct):
    name: str
    state: dict[str, Any] = {}


class _Condition(msgspec.Struct, gc=False):
    type: str
    status: str


class _Status(msgspec.Struct, rename="camel"):
    phase: str = ""
    conditions: list[_Condition] = []
    container_statuses: list[_ContainerStatus] = []
    init_container_statuses: list[_ContainerStatus] = []


class _Pod(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec
    status: _Status = msgspec.field(default_factory=_Status)


class _PodList(msgspec.Struct):
    items: list[_Pod]


class _WithMetadata(msgspec.Struct):
    metadata: _Metadata


class _MetadataList(msgspec.Struct):
    items: list[_WithMetadata] | None = None
    """None where there is none: this kind of list has null for empty."""


def _path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"


def _sample(pod: _Pod) -> Sample:
    metadata, status = pod.metadata, pod.status
    runs = {one.name for one in status.container_statuses if "running" in one.state}
    beside = {one.name for one in status.init_container_statuses if "running" in one.state}
    play = metadata.annotations.get(PLAY, "")
    owner = next((one.name for one in metadata.owner_references if one.controller), metadata.name)
    release = metadata.labels.get("pod-template-hash", "")
    return Sample(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        node=pod.spec.node_name,
        labels=metadata.labels,
        workload=f"{metadata.namespace}/{owner.removesuffix(f'-{release}')}",
        load=number(metadata.annotations.get(LOAD, "0")),
        ready=not metadata.deletion_timestamp
        and any(one.type == "Ready" and one.status == "True" for one in status.conditions),
        containers=tuple(
            Container(
                one.name, _bounds(one.resources), _part(one.name in runs | beside, play if i == 0 else "")
            )
            for i, one in enumerate(
                [*pod.spec.containers, *(one for one in pod.spec.init_containers if one.name in beside)]
            )
        ),
    )


def _part(runs: bool, play: str) -> Part:
    if play == "oom-loop":
        return "swelling"
    return "healthy" if runs and play != "crash-loop" else "crashing"


def _bounds(resources: _Resources) -> Bounds:
    asked, most = resources.requests, resources.limits
    return Bounds(
        number(asked.get("cpu", "0")),
        number(asked.get("memory", "0")),
        number(most.get("cpu", "0")),
        number(most.get("memory", "0")),
    )
