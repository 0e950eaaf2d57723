"""Lets a sandbox's pods change at a steady rate, for screens, benchmarks and demonstrations.

A change is one more restart of a pod's first container: what lists, tables and watches show, and nothing acts upon.
It ends by itself and puts every count back. Killed outright it leaves counts and an annotation with the true one,
which the next traffic over these pods puts right.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError, SandboxError, UnreachableError, UsageError
from k8sops.sandbox.pacing import Pace, keep_pace
from k8sops.sandbox.seed.api import RefusedError, SeedApi
from k8sops.sandbox.seed.load_objects import LOAD_LABEL
from k8sops.sandbox.seed.manifests import collection_path

JsonObject = dict[str, Any]

CONNECTIONS: Final = 32
MOST_RATE: Final = 5000.0
MOST_SECONDS: Final = 3600.0
PROGRESS_SECONDS: Final = 2.0
TRUE_COUNT: Final = "sandbox.k8sops.dev/restarts-before-traffic"
PLAY: Final = "sandbox.k8sops.dev/play"
CHURN_LABEL: Final = "sandbox.k8sops.dev/traffic"
CHURNING: Final = 20
"""Pods of its own that are there at a time."""
JSON_PATCH: Final = "application/json-patch+json"
OF_ANOTHER_POD: Final = frozenset({404, 409, 422})
_ANNOTATION: Final = "/metadata/annotations/" + TRUE_COUNT.replace("/", "~1")
_COUNT: Final = "/status/containerStatuses/0/restartCount"


class TrafficPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted."""

    updates: float
    """A second."""
    seconds: float = 60.0
    namespace: str = ""
    """Empty: the load's pods, or where there is no load all that run."""
    pods: int = 1000
    """Over at most so many."""
    churn: float = 0.0
    """Of the changes, how many create or delete a pod instead."""

    def checked(self) -> TrafficPlan:
        """Itself. Raises UsageError for what cannot be wanted."""
        if not (0 < self.updates <= MOST_RATE and 0 < self.seconds <= MOST_SECONDS):
            raise UsageError(
                f"{self.updates:g} updates a second for {self.seconds:g} s cannot be",
                hint=f"at most {MOST_RATE:,.0f} a second, for at most {MOST_SECONDS:.0f} s",
            )
        return self


class TrafficReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. Rates are per second, times in seconds."""

    asked: float
    achieved: float
    updates: int
    refused: int
    created: int
    deleted: int
    pods: int
    seconds: float
    p95: float
    restored: int

    @property
    def held(self) -> bool:
        """Whether the rate asked for was reached, within a twentieth."""
        return self.achieved >= 0.95 * self.asked


class _Pod:
    """A pod that is changed, its count now and its true one."""

    __slots__ = ("bare", "changed", "count", "marked", "path", "true", "uid")

    def __init__(self, item: JsonObject) -> None:
        metadata = item["metadata"]
        annotations = metadata.get("annotations") or {}
        self.path = f"{collection_path('Pod', metadata['namespace'])}/{metadata['name']}/status"
        self.uid: str = metadata["uid"]
        self.count: int = item["status"]["containerStatuses"][0]["restartCount"]
        self.marked = TRUE_COUNT in annotations
        self.changed = self.marked
        self.true = int(annotations.get(TRUE_COUNT, self.count))
        self.bare = not annotations

    def change(self) -> list[JsonObject]:
        """One more restart; the first time the true count is noted on the pod."""
        self.count += 1
        self.changed = True
        patch = [self._same(), {"op": "replace", "path": _COUNT, "value": self.count}]
        if not self.marked:
            noted = {TRUE_COUNT: str(self.true)}
            mark = ("/metadata/annotations", noted) if self.bare else (_ANNOTATION, str(self.true))
            patch.append({"op": "add", "path": mark[0], "value": mark[1]})
            self.marked = True
        return patch

    def restore(self) -> list[JsonObject]:
        """As it was."""
        count = {"op": "replace", "path": _COUNT, "value": self.true}
        return [self._same(), count, {"op": "remove", "path": _ANNOTATION}]

    def _same(self) -> JsonObject:
        return {"op": "test", "path": "/metadata/uid", "value": self.uid}


class Traffic:
    """One stretch of changes on one sandbox."""

    def __init__(self, api: SeedApi, plan: TrafficPlan, clock: Clock, say: Callable[[str], None]) -> None:
        self._api: Final = api
        self._plan: Final = plan.checked()
        self._clock: Final = clock
        self._say: Final = say
        self._pods: Final[deque[_Pod]] = deque()
        self._gone: Final[set[str]] = set()
        self._own: Final[deque[str]] = deque()
        self._made: Final = uuid.uuid4().hex[:5]
        self._refused = self._created = self._deleted = 0

    async def run(self) -> TrafficReport:
        """Change pods until the time is over, then put them back; so too when cancelled, which is raised after.

        Raises UsageError where there is no pod to change, SandboxError where all of them went away.
        """
        plan = self._plan
        await self._find()
        pods = list(self._pods)
        self._say(f"{plan.updates:g} changes a second over {len(pods):,} pods, for {plan.seconds:g} s")
        pace = Pace(plan.updates)
        telling = asyncio.create_task(self._tell(pace))
        restored = 0
        try:
            await keep_pace(pace, self._one, seconds=plan.seconds, workers=CONNECTIONS, clock=self._clock)
        except BaseExceptionGroup as failed:
            raise _first(failed) from None
        finally:
            telling.cancel()
            restored = await self._restore(pods)
        return TrafficReport(
            asked=plan.updates,
            achieved=(pace.done - self._refused) / pace.seconds if pace.seconds else 0.0,
            updates=pace.done - self._refused,
            refused=self._refused,
            created=self._created,
            deleted=self._deleted,
            pods=len(pods),
            seconds=pace.seconds,
            p95=pace.slowest(0.95),
            restored=restored,
        )

    async def _find(self) -> None:
        load = {"labelSelector": f"{LOAD_LABEL}=true"}
        for selector in ({},) if self._plan.namespace else (load, {}):
            await self._find_some(selector)
            if self._pods:
                return
        where = f" in namespace {self._plan.namespace}" if self._plan.namespace else ""
        raise UsageError(f"no pod runs{where} that could change", hint="`k8sops sandbox seed` makes some")

    async def _find_some(self, selector: dict[str, str]) -> None:
        path = collection_path("Pod", self._plan.namespace)
        async for item in self._api.items(path, fieldSelector="status.phase=Running", **selector):
            if _is_steady(item):
                self._pods.append(_Pod(item))
            if len(self._pods) >= self._plan.pods:
                return

    async def _one(self, number: int) -> None:
        churn = self._plan.churn
        try:
            if int((number + 1) * churn) != int(number * churn):
                await self._churn(number)
            else:
                await self._change()
        except (RefusedError, UnreachableError):
            # A paused or restarting API server is part of the demonstration.
            self._refused += 1

    async def _change(self) -> None:
        if not self._pods:
            raise SandboxError("all pods that could change are gone", hint="start it again to find others")
        pod = self._pods[0]
        self._pods.rotate(-1)
        try:
            await self._patch(pod, pod.change())
        except RefusedError as error:
            if error.status in OF_ANOTHER_POD:
                with contextlib.suppress(ValueError):
                    self._pods.remove(pod)
                self._gone.add(pod.uid)
            raise

    async def _churn(self, number: int) -> None:
        """A pod more, or once there are enough of them, the oldest less."""
        path = collection_path("Pod", self._plan.namespace or "default")
        if len(self._own) < CHURNING:
            name = f"traffic-{self._made}-{number}"
            await self._api.send("POST", path, msgspec.json.encode(_own_pod(name)), attempts=1)
            self._own.append(name)
            self._created += 1
        else:
            name = self._own.popleft()
            await self._api.send("DELETE", f"{path}/{name}?gracePeriodSeconds=0", attempts=1)
            self._deleted += 1

    async def _restore(self, pods: list[_Pod]) -> int:
        """Put back every count that was changed; returns how many were."""
        waiting = iter([pod for pod in pods if pod.changed and pod.uid not in self._gone])
        restored = 0

        async def worker() -> None:
            nonlocal restored
            for pod in waiting:
                with contextlib.suppress(K8sOpsError):
                    await self._patch(pod, pod.restore(), attempts=3)
                    restored += 1

        self._say("putting the counts back")
        await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
        if self._plan.churn:
            query = urlencode({"labelSelector": f"{CHURN_LABEL}=true", "gracePeriodSeconds": "0"})
            with contextlib.suppress(K8sOpsError):
                path = collection_path("Pod", self._plan.namespace or "default")
                await self._api.send("DELETE", f"{path}?{query}")
        return restored

    async def _patch(self, pod: _Pod, patch: list[JsonObject], *, attempts: int = 1) -> None:
        await self._api.send("PATCH", pod.path, msgspec.json.encode(patch), JSON_PATCH, attempts=attempts)

    async def _tell(self, pace: Pace) -> None:
        before = 0
        while True:
            await self._clock.sleep(PROGRESS_SECONDS)
            rate = (pace.done - before) / PROGRESS_SECONDS
            refused = f", {self._refused:,} refused" if self._refused else ""
            self._say(f"  {rate:,.0f}/s, {pace.done:,} changes so far{refused}")
            before = pace.done


def _is_steady(item: JsonObject) -> bool:
    """Whether a restart more means nothing to whoever plays the pod."""
    metadata = item["metadata"]
    owners = {owner["kind"] for owner in metadata.get("ownerReferences") or ()}
    return (
        not metadata.get("deletionTimestamp")
        and bool(item["status"].get("containerStatuses"))
        and "Job" not in owners
        and PLAY not in (metadata.get("annotations") or {})
        and CHURN_LABEL not in (metadata.get("labels") or {})
    )


def _own_pod(name: str) -> JsonObject:
    labels = {CHURN_LABEL: "true", "sandbox.k8sops.dev/fast": "true"}
    container = {"name": "app", "image": "registry.acme.example/traffic:1"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container]},
    }


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """One error of many workers that met the same."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
