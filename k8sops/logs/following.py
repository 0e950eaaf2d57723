"""The lines of a selection: what there is in one order of time, then what comes, from as many streams as there are.

Pods are watched, so that what replaces them is followed on. No number of streams ends a run: connections are opened a
few at a time and kept. Between the cluster and whoever reads stands a bounded number of bytes; a reader that is slow
slows the streams down, and what the kubelet drops meanwhile is told as a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from k8sops.core.clock import Clock, parse_rfc3339
from k8sops.core.errors import K8sOpsError, NotFoundError
from k8sops.core.log_selection import LogProgress, LogSelection, LogSpan, LogSummary
from k8sops.core.logs import LogEntry, LogStream
from k8sops.core.plan import JsonObject
from k8sops.logs.choosing import Chooser
from k8sops.logs.containers import is_over, state_of
from k8sops.logs.namespaces import absent, none_there
from k8sops.logs.pods import PodWatch
from k8sops.logs.reading import Put
from k8sops.logs.source import LogCluster
from k8sops.logs.spool import Spool
from k8sops.logs.stream import ContainerLog
from k8sops.logs.tally import Tally
from k8sops.logs.targets import targets_of
from k8sops.logs.window import Window

READERS: Final = 16
"""Logs that are read back at once."""
OPENERS: Final = 32
"""Connections that are being opened at once; any number may be open."""


class Following:
    """`core.log_selection.LogFollow` on a cluster."""

    def __init__(self, cluster: LogCluster, selection: LogSelection, span: LogSpan, clock: Clock) -> None:
        self._cluster = cluster
        self._selection = selection
        self._span = span
        self._clock = clock
        self._tally = Tally()
        self._pods: dict[str, dict[str, ContainerLog]] = {}
        """Containers by the pod's uid, and their own name."""
        self._numbers: dict[ContainerLog, int] = {}
        self._watches: list[PodWatch] = []
        self._holders: dict[str, set[int]] = {}
        """For each pod's uid, which of the watches see it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._window = Window(clock)
        self._slots = asyncio.Semaphore(OPENERS)
        self._readers = asyncio.Semaphore(READERS)
        self._follows = False
        self._began = clock.now()
        self._running = 0
        self._failed: dict[ContainerLog, K8sOpsError] = {}
        self._returns = False
        """Whether a pod that was named may come again under its name."""

    @property
    def summary(self) -> LogSummary:
        """What it has come to so far."""
        return self._tally.summary

    @property
    def progress(self) -> LogProgress:
        """How many streams are open."""
        return self._tally.progress

    async def batches(self) -> AsyncGenerator[Sequence[LogEntry], None]:
        """What there is, then what comes."""
        chooser = Chooser(self._selection)
        targets = await targets_of(self._cluster, self._selection)
        for said in targets.errors:
            self._tally.error(said)
        for number, target in enumerate(targets.found):
            heard, lost = partial(self._heard, chooser, number), partial(self._lost, number)
            self._watches.append(PodWatch(self._cluster, target, self._clock, heard, lost))
        try:
            for watch in self._watches:
                self._spawn(watch.run())
            await self._all_told()
            async with aclosing(self._past()) as past:
                async for batch in past:
                    yield batch
            if self._span.goes_on:
                async with aclosing(self._coming()) as coming:
                    async for batch in coming:
                        yield batch
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _all_told(self) -> None:
        """Wait until all pods there are have been told. Raises where none can be read, or none is what was named."""
        told = asyncio.ensure_future(_settled(self._watches))
        try:
            await asyncio.wait({told, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in self._tasks if task.done()]:
                task.result()
            await told
        finally:
            told.cancel()
        await self._look_for_namespaces()
        errors = [self._error_of(watch) for watch in self._watches]
        for error in filter(None, errors):
            self._tally.error(error.message)
        if errors and all(errors):
            raise next(filter(None, errors))

    async def _look_for_namespaces(self) -> None:
        """Tell which of those that were named are not there: they are watched like calm ones, and stay silent."""
        there = {one.target.namespace for one in self._watches if one.has_pods or one.error is not None}
        named = dict.fromkeys(self._selection.places)
        gone = await absent(self._cluster, [one for one in named if one not in there])
        if gone and len(gone) == len(named):
            raise none_there(gone)
        for name in gone:
            self._tally.error(none_there([name]).message)

    def _error_of(self, watch: PodWatch) -> K8sOpsError | None:
        if watch.error is not None or not watch.target.pod:
            return watch.error
        # In one of several namespaces is where most things are.
        alike = [one for one in self._watches if one.target.pod == watch.target.pod]
        if self._numbers and (self._span.goes_on or any(one.has_pods for one in alike)):
            return None
        where = f"{watch.target.namespace}/" if watch.target.namespace else ""
        which = (
            f"container {self._selection.containers.strip('^$')} of pod"
            if self._selection.containers and watch.has_pods
            else "pod"
        )
        return NotFoundError(f"{which} {where}{watch.target.pod} does not exist")

    async def _past(self) -> AsyncGenerator[Sequence[LogEntry], None]:
        known = list(self._numbers)
        spool = Spool(len(known))
        try:
            reading = [
                asyncio.create_task(self._read_back(one, partial(spool.put, self._numbers[one])))
                for one in known
            ]
            try:
                await asyncio.gather(*reading)
            finally:
                for task in reading:
                    task.cancel()
                await asyncio.gather(*reading, return_exceptions=True)
            if known and len(self._failed) == len(known):
                raise next(iter(self._failed.values()))
            async with aclosing(spool.batches()) as batches:
                async for batch in batches:
                    yield batch
        finally:
            spool.close()

    async def _read_back(self, container: ContainerLog, put: Put) -> None:
        async with self._readers:
            try:
                await container.history(put)
            except K8sOpsError as error:
                self._fail(container, error)
        self._tally.read += 1

    async def _coming(self) -> AsyncGenerator[Sequence[LogEntry], None]:
        if not self._pods:
            nobody = LogStream(",".join(self._selection.namespaces), ",".join(self._selection.workloads), "")
            yield [LogEntry(nobody, 0, "there is no pod yet; it is waited for", marker=True)]
        self._follows = self._tally.follows = True
        for container in self._numbers.keys() - self._failed.keys():
            self._begin(container)
        self._end_if_over()
        async with aclosing(self._window.batches()) as batches:
            async for batch in batches:
                yield batch

    def _begin(self, container: ContainerLog) -> None:
        self._running += 1
        self._spawn(self._follow(container))

    async def _follow(self, container: ContainerLog) -> None:
        put = partial(self._window.put, self._numbers[container])
        try:
            if container.has_past:
                await self._read_back(container, put)
            await container.follow(put)
        except K8sOpsError as error:
            self._fail(container, error)
        finally:
            self._running -= 1
        self._end_if_over()

    def _fail(self, container: ContainerLog, error: K8sOpsError) -> None:
        self._failed[container] = error
        self._tally.error(f"{container.stream.namespace}/{container.stream.label}: {error.message}")

    def _end_if_over(self) -> None:
        """Where pods were named, and none of them can come again, nothing more can come."""
        if not self._running and not self._returns and all(watch.target.pod for watch in self._watches):
            self._window.close()

    def _heard(self, chooser: Chooser, watch: int, pod: JsonObject) -> None:
        if not chooser.takes(pod):
            return
        uid, over = pod["metadata"]["uid"], is_over(pod)
        self._holders.setdefault(uid, set()).add(watch)
        known = self._pods.setdefault(uid, {})
        for found in chooser.containers(pod):
            if found.name not in known:
                known[found.name] = self._added(pod, found.name)
        for name, container in known.items():
            container.tell(state_of(pod, name), over=over)

    def _added(self, pod: JsonObject, name: str) -> ContainerLog:
        metadata = pod["metadata"]
        stream = LogStream(metadata["namespace"], metadata["name"], name)
        container = ContainerLog(
            stream, metadata["uid"], self._cluster, self._span, self._clock, self._tally, self._slots
        )
        # One that is older than we are has been selected only now: its past is as long as any other's.
        created = metadata.get("creationTimestamp")
        container.has_past = not created or parse_rfc3339(created) < self._began
        owners = metadata.get("ownerReferences") or ()
        self._returns |= any(owner.get("kind") == "StatefulSet" for owner in owners)
        self._numbers[container] = self._tally.streams
        self._tally.streams += 1
        if self._follows:
            self._begin(container)
        return container

    def _lost(self, watch: int, uid: str) -> None:
        holders = self._holders.get(uid, set())
        holders.discard(watch)
        if not holders:
            self._holders.pop(uid, None)
            for container in self._pods.pop(uid, {}).values():
                # The task that follows it says so, and ends.
                container.end()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._window.close(error)


async def _settled(watches: Sequence[PodWatch]) -> None:
    for watch in watches:
        await watch.settled.wait()
