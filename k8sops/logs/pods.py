"""The pods of a selection as they come and go: one watch for each target, none of whose losses ends the run.

A watch that survives disconnects is the cluster's business; here stands what to do where it gives up: others go on, and
it is begun anew. What a target cannot read at all is an error of the request, not its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from k8sops.cluster.client_base import PODS
from k8sops.core.clock import Clock
from k8sops.core.errors import ForbiddenError, K8sOpsError, NotFoundError, UnreachableError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource, WatchEvent
from k8sops.core.tasks import all_of
from k8sops.logs.targets import PodReader, Target, is_of_cronjob, job_of

AGAIN_S: Final = 10.0
POLL_S: Final = 3.0


class PodWatch:
    """One target's pods. `heard` is called with each as it is now, `lost` with the uid of one that is gone."""

    def __init__(
        self,
        cluster: PodReader,
        target: Target,
        clock: Clock,
        heard: Callable[[JsonObject], None],
        lost: Callable[[str], None],
    ) -> None:
        self.target: Final = target
        self.error: K8sOpsError | None = None
        """Why the pods cannot be read, while they cannot."""
        self.settled: Final = asyncio.Event()
        """All pods there are have been told, or cannot be."""
        self._cluster = cluster
        self._clock = clock
        self._heard = heard
        self._lost = lost
        self._pods: dict[str, JsonObject | None] = {}
        """By uid; those whose job is not known yet, with the pod."""
        self._anew: set[str] = set()
        """What a watch that was begun anew has shown so far."""
        self._jobs: set[str] = set()
        self._jobs_known = not target.cronjob
        self._pods_known = False
        self._doubt: asyncio.Handle | None = None

    @property
    def has_pods(self) -> bool:
        """Whether any pod is known."""
        return bool(self._pods)

    async def run(self) -> None:
        """Watch until cancelled; returns only where reading is forbidden from the start."""
        works = [self._watched(PODS, self.target.labels, self.target.fields, self._hear)]
        if self.target.cronjob:
            works.append(self._watched(await self._cluster.resource("jobs.batch"), "", "", self._hear_job))
        await all_of(works)

    async def _watched(
        self, resource: Resource, labels: str, fields: str, hear: Callable[[WatchEvent], None]
    ) -> None:
        while True:
            if resource is PODS:
                self._anew = set()
            try:
                events = self._cluster.watch(
                    resource, self.target.namespace, label_selector=labels, field_selector=fields
                )
                async with aclosing(events):
                    async for event in events:
                        hear(event)
            except ForbiddenError as error:
                self._no_doubt()
                if not await self._poll() and not self.settled.is_set():
                    self._give_up(error)
                    return
            except K8sOpsError as error:
                self._no_doubt()
                self._give_up(error)
            await self._clock.sleep(AGAIN_S)

    def _hear(self, event: WatchEvent) -> None:
        if event.type == "lost" and not self.settled.is_set():
            # A refusal is told as a loss first, and raised with the next step.
            error = UnreachableError(event.message)
            self._doubt = asyncio.get_running_loop().call_soon(self._give_up, error)
        elif event.type == "synced":
            self.error, self._pods_known = None, True
            for uid in self._pods.keys() - self._anew:
                self._forget(uid)
            self._settle()
        elif event.type == "deleted":
            self._forget(event.object["metadata"]["uid"])
        elif event.type in {"added", "modified"}:
            self._anew.add(event.object["metadata"]["uid"])
            self._know(event.object)

    def _hear_job(self, event: WatchEvent) -> None:
        if event.type == "synced":
            self._jobs_known = True
            self._settle()
        elif event.type in {"added", "modified"} and is_of_cronjob(event.object, self.target.cronjob):
            self._jobs.add(event.object["metadata"]["uid"])
            for pod in [pod for pod in self._pods.values() if pod is not None]:
                self._know(pod)

    def _know(self, pod: JsonObject) -> None:
        waits = self.target.cronjob and job_of(pod) not in self._jobs
        self._pods[pod["metadata"]["uid"]] = pod if waits else None
        if not waits:
            self._heard(pod)

    def _forget(self, uid: str) -> None:
        if uid in self._pods and self._pods.pop(uid) is None:
            self._lost(uid)

    def _settle(self) -> None:
        if self._pods_known and self._jobs_known:
            self.settled.set()

    def _no_doubt(self) -> None:
        """What was told as a loss has been raised, for what it is."""
        if self._doubt is not None:
            self._doubt.cancel()

    def _give_up(self, error: K8sOpsError) -> None:
        self.error = error
        self.settled.set()

    async def _poll(self) -> bool:
        """Ask for the one pod again and again: who may read it need not be allowed to watch. False: neither."""
        target = self.target
        if not (target.pod and target.namespace):
            return False
        uid = ""
        try:
            while True:
                pod = await self._cluster.get(PODS, target.pod, target.namespace)
                if uid and uid != pod["metadata"]["uid"]:
                    self._forget(uid)
                uid = pod["metadata"]["uid"]
                self._know(pod)
                self.settled.set()
                await self._clock.sleep(POLL_S)
        except NotFoundError as error:
            if uid:
                self._forget(uid)
            self._give_up(error)
            return True
        except ForbiddenError:
            return False
