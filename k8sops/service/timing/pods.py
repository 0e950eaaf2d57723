"""The pods of a timeline: what their status tells, and which of their logs are worth a search, the troubled first."""

from __future__ import annotations

from contextlib import suppress
from typing import Final, NamedTuple

from k8sops.cluster.client_base import PODS
from k8sops.core.errors import K8sOpsError, NotFoundError, UsageError
from k8sops.core.log_selection import LogSelection
from k8sops.core.logs import LogStream, stamp_ns
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader
from k8sops.core.timeline import Moment, TimelineWanted, Unknown
from k8sops.logs.containers import container_names, state_of
from k8sops.logs.finding import find
from k8sops.service.timing.lists import unknown_of
from k8sops.service.timing.scope import Scope
from k8sops.timeline.facts import subject
from k8sops.timeline.reading_pods import moments_of_pod


class Life(NamedTuple):
    """A log that may be searched; the least `rank` first."""

    rank: int
    stream: LogStream
    previous: bool


class Pods:
    """What pods told."""

    def __init__(self, reader: ClusterReader, scope: Scope, wanted: TimelineWanted) -> None:
        self.moments: Final[list[Moment]] = []
        self.unknown: Final[list[Unknown]] = []
        self.lives: Final[list[Life]] = []
        self._reader = reader
        self._scope = scope
        self._wanted = wanted

    async def read(self) -> None:
        """Those of the namespaces, or of what was named."""
        if self._wanted.objects:
            for named in self._wanted.objects:
                await self._read_named(named)
            return
        for namespace in self._wanted.namespaces or ("",):
            try:
                async for pod in self._reader.list(PODS, namespace):
                    self._take(pod)
            except K8sOpsError as error:
                where = f" in {namespace}" if namespace else " in all namespaces"
                self.unknown.append(unknown_of(f"pods{where}", error))

    async def _read_named(self, named: str) -> None:
        """The pods of one object; an object that is gone may still be told of by events."""
        kind, _, name = named.partition("/")
        resource = await self._reader.resource(kind)
        namespaces = self._wanted.namespaces if resource.namespaced else ()
        there = False
        for namespace in namespaces:
            with suppress(NotFoundError):
                self._scope.name(resource.kind, await self._reader.get(resource, name, namespace))
                there = True
        if not namespaces:
            only = f"metadata.name={name}"
            async for found in self._reader.list(resource, field_selector=only):
                self._scope.name(resource.kind, found)
                there = True
        if not there:
            gone = [subject(resource.kind, namespace, name) for namespace in namespaces or ("",)]
            self._scope.name_gone(gone)
        # A node has pods of every namespace, or of those that were named.
        everywhere = LogSelection(nodes=(name,), namespaces=self._wanted.namespaces)
        selection = LogSelection(namespaces=namespaces, workloads=(named,))
        await self._take_found(named, everywhere if resource.qualified == "nodes" else selection)

    async def _take_found(self, named: str, selection: LogSelection) -> None:
        try:
            found = await find(self._reader, selection)
        except (NotFoundError, UsageError):
            # It is gone, or is of a kind that has no pods.
            return
        except K8sOpsError as error:
            self.unknown.append(unknown_of(f"pods of {named}", error))
            return
        self.unknown.extend(Unknown(source=f"pods of {named}", why=why) for why in found.errors)
        for pod in found.objects:
            self._take(pod)

    def _take(self, pod: JsonObject) -> None:
        self._scope.see_pod(pod)
        told = [moment for moment in moments_of_pod(pod) if moment.at_ns]
        self.moments.extend(told)
        if not self._wanted.logs:
            return
        metadata, rank = pod["metadata"], 0 if any(moment.bad for moment in told) else 1
        for name in container_names(pod):
            state, stream = state_of(pod, name), LogStream(metadata["namespace"], metadata["name"], name)
            if state.readable:
                self.lives.append(Life(rank, stream, previous=False))
            if state.before is not None and stamp_ns(state.before.at) >= self._wanted.since_ns:
                self.lives.append(Life(rank, stream, previous=True))
