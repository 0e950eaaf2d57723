"""Wait until a workload's replicas are ready: by watch, with a deadline, saying all the while what it waits for.

A lost connection is told and survived. A change of `spec.replicas` by someone else ends the wait as overruled,
because going on would report the success of a change that no longer stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Final, TypeVar

from k8sops.actions.troubles import pods_in_trouble
from k8sops.actions.workload import (
    REPORTS_READINESS,
    Readiness,
    failure_to_create,
    readiness_of,
    readiness_of_pods,
)
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError, NotFoundError, OverruledError, UnreachableError, WaitError
from k8sops.core.events import Emission, Emit, waits
from k8sops.core.plan import JsonObject, Step
from k8sops.core.ports import Cluster, Resource, ScaleView, WatchEvent
from k8sops.core.text import counted

RETRY_S: Final = 1.0

T = TypeVar("T")


class _Waiter:
    def __init__(
        self, cluster: Cluster, resource: Resource, step: Step, wanted: int, emit: Emit, clock: Clock
    ) -> None:
        self.cluster = cluster
        self.resource = resource
        self.step = step
        self.wanted = wanted
        self.emit = emit
        self.clock = clock
        self.label = step.target.label
        self.started = clock.now()
        self.last = Readiness(existing=0, ready=0, observed=False)
        self.lost = ""
        self.told = ""
        self.selector = ""
        self.by_pods = False
        """Whether readiness is counted from pods, for kinds that do not report it themselves."""

    async def run(self) -> None:
        self.selector = (await self._patiently(self._scale)).selector
        self.by_pods = self.resource.kind not in REPORTS_READINESS and bool(self.selector)
        async with aclosing(await self._watch()) as events:
            async for event in events:
                if event.type in {"lost", "recovered"}:
                    await self._tell_connection(event)
                elif event.type == "deleted" and not self.by_pods:
                    raise NotFoundError(f"{self.label} was deleted while waiting for its replicas")
                elif (event.object or event.type == "synced") and await self._settled(event.object):
                    return

    async def _watch(self) -> AsyncGenerator[WatchEvent, None]:
        target = self.step.target
        if self.by_pods:
            pods = await self._patiently(partial(self.cluster.resource, "pods"))
            return self.cluster.watch(pods, target.namespace, label_selector=self.selector)
        return self.cluster.watch(
            self.resource, target.namespace, field_selector=f"metadata.name={target.name}"
        )

    async def _scale(self) -> ScaleView:
        target = self.step.target
        return await self.cluster.scale_of(self.resource, target.name, target.namespace)

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a read until the API server answers; the wait's own deadline is the bound."""
        while True:
            try:
                answer = await call()
            except K8sOpsError as error:
                if not error.transient:
                    raise
                await self._tell_connection(WatchEvent(type="lost", message=error.message))
                await self.clock.sleep(error.retry_after or RETRY_S)
                continue
            self.lost = ""
            return answer

    async def _settled(self, workload: JsonObject) -> bool:
        """Whether the wait is over; `workload` is whatever the watch brought, a pod or nothing included."""
        if self.by_pods or not workload:
            scale = await self._patiently(self._scale)
            uid, replicas = scale.uid, scale.spec_replicas
            if self.by_pods:
                self.last = readiness_of_pods(await self._patiently(self._listed))
        elif self.resource.kind in REPORTS_READINESS:
            uid, replicas = workload["metadata"]["uid"], int(workload["spec"].get("replicas", 1))
            self.last = readiness_of(workload)
        else:
            scale = await self._patiently(self._scale)
            uid, replicas = scale.uid, scale.spec_replicas
            self.last = Readiness(existing=scale.status_replicas, ready=scale.status_replicas, observed=True)
        self._still_ours(uid, replicas)
        await self._tell_progress(failure_to_create(workload) if workload else "")
        return self.last.complete(self.wanted)

    def _still_ours(self, uid: str, replicas: int) -> None:
        if uid != self.step.target.uid:
            raise OverruledError(f"{self.label} was deleted and made again while waiting for its replicas")
        if replicas != self.wanted:
            raise OverruledError(
                f"{self.label} was set to {replicas} replicas by something else while waiting for {self.wanted}",
                hint="look for an autoscaler or a GitOps controller that owns it: "
                f"`k8sops get hpa -n {self.step.target.namespace}`",
            )

    async def _tell_connection(self, event: WatchEvent) -> None:
        self.lost = event.message if event.type == "lost" else ""
        await self.emit(Emission(kind="note", step=self.step.id, text=event.message))
        await self._tell_progress("")

    async def _tell_progress(self, obstacle: str) -> None:
        remaining = self.lost or obstacle or self._what_is_missing()
        ready = min(self.last.ready, self.wanted)
        left = self.last.existing if self.last.observed else 0
        text = f"{ready} of {self.wanted} ready" if self.wanted else f"{counted(left, 'pod')} left"
        if (text + remaining) == self.told:
            return
        self.told = text + remaining
        data = {
            "done": ready,
            "total": self.wanted,
            "unit": "replicas ready",
            **waits(f"{self.label}: {remaining}" if remaining else "", self.started),
        }
        await self.emit(Emission(kind="progress", step=self.step.id, text=text, data=data))

    def _what_is_missing(self) -> str:
        if not self.last.observed:
            return "its controller has not seen the change"
        if self.last.existing > self.wanted:
            return f"{counted(self.last.existing - self.wanted, 'pod')} still ending"
        if self.last.ready < self.wanted:
            return f"{counted(self.wanted - self.last.ready, 'replica')} not ready"
        return ""

    async def _pods(self) -> AsyncGenerator[JsonObject, None]:
        if not self.selector:
            return
        pods = await self.cluster.resource("pods")
        namespace = self.step.target.namespace
        async for pod in self.cluster.list(pods, namespace, label_selector=self.selector):
            yield pod

    async def _listed(self) -> list[JsonObject]:
        return [pod async for pod in self._pods()]

    async def at_deadline(self, timeout_s: int) -> K8sOpsError:
        message = f"{self.label} is set to {self.wanted} replicas, but {self.last.ready} are ready after {timeout_s} s"
        undo = (self.step.undo or {}).get("command", "")
        if self.lost:
            return UnreachableError(f"{message}: {self.lost}", hint=f"the change stands; to go back: {undo}")
        return WaitError(
            f"{message}{await pods_in_trouble(self._pods)}", hint=f"the change stands; to go back: {undo}"
        )


async def wait_until_ready(
    cluster: Cluster,
    resource: Resource,
    step: Step,
    *,
    wanted: int,
    timeout_s: int,
    emit: Emit,
    clock: Clock,
) -> None:
    """Return once exactly `wanted` replicas exist and are ready.

    Raises WaitError at the deadline, naming the pods that are not ready and why; OverruledError when the replicas
    were changed by something else; NotFoundError when the workload is gone.
    """
    waiter = _Waiter(cluster, resource, step, wanted, emit, clock)
    try:
        async with asyncio.timeout(timeout_s):
            await waiter.run()
    except TimeoutError:
        raise await waiter.at_deadline(timeout_s) from None
