"""Lets a sandbox's pods change at a steady rate, for screens, benchmarks and demonstrations.

A change is one more restart of a pod's first container: what lists, tables and watches show, and nothing acts upon.
It goes straight into the sandbox's etcd, or through its API server where that is wanted.
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
from k8sops.sandbox.etcdapi import EtcdApi
from k8sops.sandbox.pacing import Pace, keep_pace
from k8sops.sandbox.seed.api import RefusedError, SeedApi
from k8sops.sandbox.seed.load_objects import LOAD_LABEL
from k8sops.sandbox.seed.manifests import collection_path
from k8sops.sandbox.traffic_writers import ApiWriter, EtcdWriter, MovingPod, Writer

JsonObject = dict[str, Any]

CONNECTIONS: Final = 32
MOST_RATE: Final = 5000.0
MOST_SECONDS: Final = 3600.0
PROGRESS_SECONDS: Final = 2.0
PLAY: Final = "sandbox.k8sops.dev/play"
CHURN_LABEL: Final = "sandbox.k8sops.dev/traffic"
CHURNING: Final = 20
"""Pods of its own that are there at a time."""
OF_ANOTHER_POD: Final = frozenset({404, 409, 422})


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
    through_api: bool
    """Whether each change was a request to the API server."""

    @property
    def held(self) -> bool:
        """Whether the rate asked for was reached, within a twentieth."""
        return self.achieved >= 0.95 * self.asked


class Traffic:
    """One stretch of changes on one sandbox."""

    def __init__(
        self,
        api: SeedApi,
        plan: TrafficPlan,
        clock: Clock,
        say: Callable[[str], None],
        etcd: EtcdApi | None = None,
    ) -> None:
        """Changes go into `etcd` where it is given, else through the API."""
        self._api: Final = api
        self._writer: Final[Writer] = EtcdWriter(api, etcd) if etcd else ApiWriter(api)
        self._plan: Final = plan.checked()
        self._clock: Final = clock
        self._say: Final = say
        self._idle: Final[asyncio.Queue[MovingPod]] = asyncio.Queue()
        """Those that no worker has in hand: two writers of one pod would only be in each other's way."""
        self._living = 0
        self._gone: Final[set[str]] = set()
        self._own: Final[deque[str]] = deque()
        self._made: Final = uuid.uuid4().hex[:5]
        self._refused = self._created = self._deleted = 0

    async def run(self) -> TrafficReport:
        """Change pods until the time is over, then put them back; so too when cancelled, which is raised after.

        Raises UsageError where there is no pod to change, SandboxError where all of them went away.
        """
        plan = self._plan
        pods = await self._find()
        self._living = len(pods)
        for pod in pods:
            self._idle.put_nowait(pod)
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
            through_api=isinstance(self._writer, ApiWriter),
        )

    async def _find(self) -> list[MovingPod]:
        load = {"labelSelector": f"{LOAD_LABEL}=true"}
        for selector in ({},) if self._plan.namespace else (load, {}):
            if found := await self._find_some(selector):
                return found
        where = f" in namespace {self._plan.namespace}" if self._plan.namespace else ""
        raise UsageError(f"no pod runs{where} that could change", hint="`k8sops sandbox seed` makes some")

    async def _find_some(self, selector: dict[str, str]) -> list[MovingPod]:
        found: list[MovingPod] = []
        path = collection_path("Pod", self._plan.namespace)
        selectors = {"fieldSelector": "status.phase=Running", **selector}
        async for item in self._api.items(path, **selectors):
            if _is_steady(item):
                found.append(MovingPod(item))
            if len(found) >= self._plan.pods:
                break
        await self._writer.learn(found, path, selectors)
        return found

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
        pod = await self._idle.get()
        try:
            await self._writer.change(pod)
        except RefusedError as error:
            if error.status in OF_ANOTHER_POD:
                self._lose(pod)
            raise
        finally:
            if pod.uid not in self._gone:
                self._idle.put_nowait(pod)

    def _lose(self, pod: MovingPod) -> None:
        self._gone.add(pod.uid)
        self._living -= 1
        if not self._living:
            raise SandboxError("all pods that could change are gone", hint="start it again to find others")

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

    async def _restore(self, pods: list[MovingPod]) -> int:
        """Put back every count that was changed; returns how many were."""
        waiting = iter([pod for pod in pods if pod.changed and pod.uid not in self._gone])
        restored = 0

        async def worker() -> None:
            nonlocal restored
            for pod in waiting:
                with contextlib.suppress(K8sOpsError):
                    await self._writer.restore(pod)
                    restored += 1

        self._say("putting the counts back")
        await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
        if self._plan.churn:
            query = urlencode({"labelSelector": f"{CHURN_LABEL}=true", "gracePeriodSeconds": "0"})
            with contextlib.suppress(K8sOpsError):
                path = collection_path("Pod", self._plan.namespace or "default")
                await self._api.send("DELETE", f"{path}?{query}")
        return restored

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
