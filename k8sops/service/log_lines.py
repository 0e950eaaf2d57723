"""Logs of a pod, or of all the pods of a workload, as one stream: what there is in order of time, then what comes.

Pods are watched, so that one that is replaced is followed on. Between the cluster and whoever reads stand at most
`MOST_WAITING` lines: a reader that is slow slows the streams down, and memory stays bounded.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol

from k8sops.cluster.client_base import PODS
from k8sops.cluster.logs import LogLine, LogQuery, stream_logs
from k8sops.cluster.paths import object_path, subject_of
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.clock import Clock
from k8sops.core.errors import ForbiddenError, K8sOpsError, NotFoundError, UsageError
from k8sops.core.logs import LogEntry, LogStream, LogWanted
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource, WatchEvent
from k8sops.core.selectors import selector_text
from k8sops.service.log_containers import container_names, state_of
from k8sops.service.log_streams import ContainerLog

MOST_WAITING: Final = 2_000
MOST_AT_ONCE: Final = 1_000
READERS: Final = 8
POLL_S: Final = 3.0


class LogCluster(Protocol):
    """What following needs of a cluster."""

    async def resource(self, kind: str) -> Resource:
        """Resolve a kind as typed."""
        ...

    async def get(self, resource: Resource, name: str, namespace: str = "") -> JsonObject:
        """One object."""
        ...

    def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[JsonObject, None]:
        """All objects."""
        ...

    def watch(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[WatchEvent, None]:
        """The present state, then changes."""
        ...

    def log(self, stream: LogStream, query: LogQuery) -> AsyncGenerator[LogLine, None]:
        """The lines of one container."""
        ...


class ClusterLogs(ReadOnlyCluster):
    """`LogCluster` on a real cluster."""

    def log(self, stream: LogStream, query: LogQuery) -> AsyncGenerator[LogLine, None]:
        """The lines of one container, as the kubelet serves them."""
        return stream_logs(
            self.transport,
            object_path(PODS, stream.pod, stream.namespace, "log"),
            query,
            subject=f"log of {subject_of(PODS, stream.pod, stream.namespace)}",
        )


async def log_batches(
    cluster: LogCluster, wanted: LogWanted, clock: Clock
) -> AsyncGenerator[Sequence[LogEntry], None]:
    """Lines in batches, the oldest first; ends where nothing is followed, or the one pod is gone.

    Raises NotFoundError, ForbiddenError, UsageError where a kind selects no pods.
    """
    follower = LogFollower(cluster, wanted, clock)
    try:
        async with aclosing(follower.batches()) as batches:
            async for batch in batches:
                yield batch
    finally:
        await follower.aclose()


class LogFollower:
    """The streams of one request; iterate `batches` once, then close."""

    def __init__(self, cluster: LogCluster, wanted: LogWanted, clock: Clock) -> None:
        self._cluster = cluster
        self._wanted = wanted
        self._clock = clock
        self._containers: dict[tuple[str, str], ContainerLog] = {}
        """By the pod's uid, and the container's name."""
        self._waiting: asyncio.Queue[LogEntry | K8sOpsError | None] = asyncio.Queue(MOST_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()
        self._synced = asyncio.Event()
        self._following = False
        self._one_pod = False
        self._followed = 0

    async def batches(self) -> AsyncGenerator[Sequence[LogEntry], None]:
        """What there is, then what comes."""
        labels, fields = await self._selected()
        self._spawn(self._watch(labels, fields))
        await self._until_synced()
        history = await self._history()
        for start in range(0, len(history), MOST_AT_ONCE):
            yield history[start : start + MOST_AT_ONCE]
        if not self._wanted.follow or self._wanted.previous or self._wanted.part == "head":
            return
        if not self._containers:
            nobody = LogStream(self._wanted.namespace, self._wanted.name, "")
            yield [LogEntry(nobody, 0, "there is no pod yet; it is waited for", marker=True)]
        self._following = True
        for container in list(self._containers.values()):
            self._spawn(self._follow(container))
        async for batch in self._coming():
            yield batch

    async def aclose(self) -> None:
        """End all streams."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _coming(self) -> AsyncGenerator[Sequence[LogEntry], None]:
        while True:
            batch: list[LogEntry] = []
            found = await self._waiting.get()
            while isinstance(found, LogEntry):
                batch.append(found)
                if len(batch) == MOST_AT_ONCE or self._waiting.empty():
                    found = None
                    break
                found = self._waiting.get_nowait()
            else:
                if batch:
                    yield batch
                if found is not None:
                    raise found
                return
            yield batch

    async def _selected(self) -> tuple[str, str]:
        """Label and field selector of the pods that are meant."""
        wanted = self._wanted
        resource = await self._cluster.resource(wanted.kind)
        if resource.qualified == "pods":
            self._one_pod = True
            return "", f"metadata.name={wanted.name}"
        found = await self._cluster.get(resource, wanted.name, wanted.namespace)
        if resource.qualified == "cronjobs.batch":
            return await self._jobs_of(found), ""
        selector = (found.get("spec") or {}).get("selector")
        if selector and resource.qualified in {"services", "replicationcontrollers"}:
            selector = {"matchLabels": selector}
        if not isinstance(selector, dict) or not selector:
            raise UsageError(
                f"{subject_of(resource, wanted.name, wanted.namespace)} selects no pods, so it has no logs"
            )
        return selector_text(selector), ""

    async def _jobs_of(self, cronjob: JsonObject) -> str:
        jobs = await self._cluster.resource("jobs.batch")
        uid = cronjob["metadata"]["uid"]
        names = [
            job["metadata"]["name"]
            async for job in self._cluster.list(jobs, self._wanted.namespace)
            if any(owner.get("uid") == uid for owner in job["metadata"].get("ownerReferences") or ())
        ]
        if not names:
            raise NotFoundError(f"cronjob {self._wanted.namespace}/{self._wanted.name} has no jobs yet")
        return f"job-name in ({','.join(names)})"

    async def _watch(self, labels: str, fields: str) -> None:
        try:
            events = self._cluster.watch(
                PODS, self._wanted.namespace, label_selector=labels, field_selector=fields
            )
            async with aclosing(events):
                async for event in events:
                    await self._hear(event)
        except ForbiddenError as error:
            if not self._one_pod:
                await self._fail(error)
                return
            # Who may read one pod need not be allowed to watch them.
            await self._poll()
        except K8sOpsError as error:
            await self._fail(error)

    async def _poll(self) -> None:
        wanted = self._wanted
        try:
            while True:
                pod = await self._cluster.get(PODS, wanted.name, wanted.namespace)
                await self._hear(WatchEvent(type="modified", object=pod))
                self._synced.set()
                await self._clock.sleep(POLL_S)
        except K8sOpsError as error:
            await self._fail(error)

    async def _hear(self, event: WatchEvent) -> None:
        if event.type == "synced":
            self._synced.set()
        elif event.type == "deleted":
            uid = event.object["metadata"]["uid"]
            for key in [key for key in self._containers if key[0] == uid]:
                # The task that follows it says so, and ends.
                self._containers.pop(key).end()
        elif event.type in {"added", "modified"}:
            self._know(event.object)

    def _know(self, pod: JsonObject) -> None:
        metadata = pod["metadata"]
        for name in container_names(pod):
            if self._wanted.container and name != self._wanted.container:
                continue
            key = (metadata["uid"], name)
            container = self._containers.get(key)
            if container is None:
                stream = LogStream(self._wanted.namespace, metadata["name"], name)
                container = ContainerLog(stream, self._cluster.log, self._wanted, self._clock)
                self._containers[key] = container
                container.tell(state_of(pod, name))
                if self._following:
                    self._spawn(self._follow(container))
            container.tell(state_of(pod, name))

    async def _until_synced(self) -> None:
        """Raises what the watch could not go on after, NotFoundError where the one pod is not there."""
        synced = asyncio.ensure_future(self._synced.wait())
        failed = asyncio.ensure_future(self._waiting.get())
        try:
            await asyncio.wait({synced, failed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in (synced, failed):
                waiter.cancel()
        if failed.done() and not failed.cancelled() and isinstance(failed.result(), K8sOpsError):
            raise failed.result()  # type: ignore[misc]
        if self._one_pod and not self._containers:
            which = f"container {self._wanted.container} of pod" if self._wanted.container else "pod"
            raise NotFoundError(f"{which} {self._wanted.namespace}/{self._wanted.name} does not exist")

    async def _history(self) -> list[LogEntry]:
        slots = asyncio.Semaphore(READERS)

        async def read(container: ContainerLog) -> list[LogEntry]:
            async with slots:
                return await container.history()

        found = await asyncio.gather(*(read(container) for container in self._containers.values()))
        return list(heapq.merge(*found, key=lambda entry: entry.at))

    async def _follow(self, container: ContainerLog) -> None:
        self._followed += 1
        try:
            async with aclosing(container.follow()) as entries:
                async for entry in entries:
                    await self._waiting.put(entry)
        except K8sOpsError as error:
            await self._fail(error)
        finally:
            self._followed -= 1
        if self._one_pod and not self._containers and not self._followed:
            await self._waiting.put(None)

    async def _fail(self, error: K8sOpsError) -> None:
        await self._waiting.put(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
