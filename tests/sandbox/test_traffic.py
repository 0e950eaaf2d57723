"""Pods that change at a rate: seen by watches, told truthfully, and afterwards as they were."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from k8sops.core import errors
from k8sops.core.clock import SystemClock
from k8sops.core.ports import Cluster
from k8sops.sandbox.etcdapi import open_etcd_beside
from k8sops.sandbox.pacing import Pace, keep_pace
from k8sops.sandbox.seed.api import open_api
from k8sops.sandbox.traffic import CONNECTIONS, Traffic, TrafficPlan
from k8sops.sandbox.traffic_writers import TRUE_COUNT
from tests.sandbox.waiting import wait_until_async
from tests.support.engine_world import eventually
from tests.support.workloads import create, deployment

WAYS = ("etcd", "api")
FAST = {"sandbox.k8sops.dev/fast": "true"}
PODS = 4


@asynccontextmanager
async def traffic(
    kubeconfig: Path, way: str = "etcd", **plan: Any
) -> AsyncIterator[tuple[Traffic, list[str]]]:
    """Traffic that has not begun, and what it says."""
    said: list[str] = []
    async with open_api(kubeconfig, connections=CONNECTIONS) as api, open_etcd_beside(kubeconfig) as etcd:
        assert etcd is not None
        chosen = etcd if way == "etcd" else None
        yield Traffic(api, TrafficPlan(**plan), SystemClock(), said.append, chosen), said


async def pods_of(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    return [one async for one in cluster.list(await cluster.resource("pods"), namespace)]


def restarts(pods: list[dict[str, Any]]) -> list[int]:
    return [one["status"]["containerStatuses"][0]["restartCount"] for one in pods]


@pytest.fixture
async def running(cluster: Cluster, cluster_namespace: str) -> str:
    """A namespace with ready pods."""
    await create(cluster, deployment("web", cluster_namespace, replicas=PODS, annotations=FAST))

    async def ready() -> bool:
        pods = await pods_of(cluster, cluster_namespace)
        return len(pods) == PODS and all(one["status"]["phase"] == "Running" for one in pods)

    await eventually(ready)
    return cluster_namespace


@pytest.mark.parametrize("way", WAYS)
async def test_pods_change_and_are_afterwards_as_they_were(
    cluster: Cluster, kubeconfig: Path, running: str, way: str
) -> None:
    """The story a sandbox tells must survive a demonstration of its screen."""
    before = await pods_of(cluster, running)
    async with traffic(kubeconfig, way, updates=20, seconds=2, namespace=running, churn=0.2) as (
        moving,
        said,
    ):
        report = await moving.run()
    assert report.through_api == (way == "api")
    assert report.updates > 0
    assert report.created > 0
    assert (report.pods, report.restored) == (PODS, PODS)
    after = await pods_of(cluster, running)
    assert restarts(after) == restarts(before)
    changed = [one["metadata"]["resourceVersion"] for one in after]
    assert changed != [one["metadata"]["resourceVersion"] for one in before]
    assert [one["metadata"].get("annotations") for one in after] == [
        one["metadata"].get("annotations") for one in before
    ]
    assert "20 changes a second" in said[0]


@pytest.mark.parametrize("way", WAYS)
async def test_a_cancelled_one_puts_everything_back_first(
    cluster: Cluster, kubeconfig: Path, running: str, way: str
) -> None:
    """Ctrl-C is how most of it ends."""
    async with traffic(kubeconfig, way, updates=50, seconds=600, namespace=running) as (moving, _):
        task = asyncio.ensure_future(moving.run())

        async def changed() -> bool:
            return any(restarts(await pods_of(cluster, running)))

        await eventually(changed)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    pods = await pods_of(cluster, running)
    assert restarts(pods) == [0] * PODS
    assert not [one for one in pods if TRUE_COUNT in one["metadata"].get("annotations", {})]


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_killed_one_left_is_put_right_by_the_next(
    cluster: Cluster, kubeconfig: Path, running: str, way: str
) -> None:
    """Nobody else knows the true counts any more."""
    resource = await cluster.resource("pods")
    for pod in await pods_of(cluster, running):
        status = pod["status"]["containerStatuses"][0] | {"restartCount": 77}
        body = {"metadata": {"annotations": {TRUE_COUNT: "3"}}, "status": {"containerStatuses": [status]}}
        name = pod["metadata"]["name"]
        await cluster.patch(resource, name, running, body=body, patch_type="merge", subresource="status")
    async with traffic(kubeconfig, way, updates=5, seconds=0.5, namespace=running) as (moving, _):
        await moving.run()
    pods = await pods_of(cluster, running)
    assert restarts(pods) == [3] * PODS
    assert not [one for one in pods if TRUE_COUNT in one["metadata"].get("annotations", {})]


@pytest.mark.parametrize("way", WAYS)
async def test_pods_that_go_away_are_left_out_and_without_any_it_ends(
    cluster: Cluster, kubeconfig: Path, running: str, way: str
) -> None:
    """A drain in the middle must not turn into errors, nor its successors be taken for the old pods."""
    async with traffic(kubeconfig, way, updates=20, seconds=600, namespace=running) as (moving, said):
        task = asyncio.ensure_future(moving.run())
        await wait_until_async("it to have found its pods", lambda: bool(said))
        await cluster.delete(await cluster.resource("deployments"), "web", running)
        with pytest.raises(errors.SandboxError, match="are gone"):
            await asyncio.wait_for(task, 120)


@pytest.mark.parametrize("way", WAYS)
async def test_each_change_is_one_event_that_every_client_sees(
    cluster: Cluster, kubeconfig: Path, running: str, way: str
) -> None:
    """Benchmarks count them, and a client that takes a watch up again at a resourceVersion must miss none."""
    seen: list[dict[str, Any]] = []
    synced = asyncio.Event()

    async def look() -> None:
        watch = cluster.watch(await cluster.resource("pods"), running)
        async with contextlib.aclosing(watch):
            async for event in watch:
                if event.type == "synced":
                    synced.set()
                elif synced.is_set():
                    seen.append(event.object)

    def steps() -> dict[str, list[int]]:
        """The counts that each pod went through; what somebody else writes meanwhile changes none."""
        found: dict[str, list[int]] = {}
        for pod in seen:
            counts = found.setdefault(pod["metadata"]["name"], [0])
            if counts[-1] != (count := restarts([pod])[0]):
                counts.append(count)
        return found

    looking = asyncio.create_task(look())
    await asyncio.wait_for(synced.wait(), 120)
    async with traffic(kubeconfig, way, updates=40, seconds=2, namespace=running) as (moving, _):
        report = await moving.run()
    assert report.updates > 0

    def all_there() -> bool:
        return sum(len(counts) - 1 for counts in steps().values()) >= report.updates + report.restored

    await wait_until_async("an event for each change", all_there, 120)
    looking.cancel()
    await asyncio.wait([looking])
    for counts in steps().values():
        assert counts == [*range(len(counts) - 1), 0]
    versions = [pod["metadata"]["resourceVersion"] for pod in seen]
    assert len(set(versions)) == len(versions)


@pytest.mark.parametrize("way", WAYS)
async def test_what_others_write_to_a_moving_pod_stays(
    cluster: Cluster, kubeconfig: Path, running: str, way: str
) -> None:
    """A person who tries something out under traffic must not lose it to the next change, nor to the restoring."""
    resource = await cluster.resource("pods")
    names = [one["metadata"]["name"] for one in await pods_of(cluster, running)]
    async with traffic(kubeconfig, way, updates=50, seconds=600, namespace=running) as (moving, _):
        task = asyncio.ensure_future(moving.run())

        async def moved(least: int) -> bool:
            return all(count > least for count in restarts(await pods_of(cluster, running)))

        await eventually(lambda: moved(0), within_s=120)
        for name in names:
            body = {"metadata": {"labels": {"tried": "out"}, "annotations": {"noted": "by-hand"}}}
            await cluster.patch(resource, name, running, body=body, patch_type="merge")
        least = max(restarts(await pods_of(cluster, running)))
        await eventually(lambda: moved(least), within_s=120)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    for pod in await pods_of(cluster, running):
        assert pod["metadata"]["labels"]["tried"] == "out"
        assert pod["metadata"]["annotations"]["noted"] == "by-hand"
        assert TRUE_COUNT not in pod["metadata"]["annotations"]
        assert restarts([pod]) == [0]


async def test_a_namespace_without_pods_is_told_before_anything_begins(
    kubeconfig: Path, cluster_namespace: str
) -> None:
    """The likeliest causes: nothing seeded, or a typing error."""
    async with traffic(kubeconfig, updates=5, namespace=cluster_namespace) as (moving, _):
        with pytest.raises(errors.UsageError, match=f"no pod runs in namespace {cluster_namespace}"):
            await moving.run()


class StepClock(SystemClock):
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


async def test_a_pace_is_kept_exactly_where_work_takes_no_time() -> None:
    """Each piece has its moment, none comes early."""
    clock, moments = StepClock(), list[float]()

    async def work(_: int) -> None:
        moments.append(clock.time)

    pace = Pace(10)
    await keep_pace(pace, work, seconds=2, workers=1, clock=clock)
    assert moments == pytest.approx([number / 10 for number in range(20)])
    assert pace.held


async def test_a_stall_is_made_up_for_by_a_second_at_most_and_shows_in_the_rate() -> None:
    """After a paused API server a burst of all that was missed would be an outage of its own."""
    clock, moments = StepClock(), list[float]()

    async def work(number: int) -> None:
        moments.append(clock.time)
        if number == 9:
            clock.time += 10

    pace = Pace(10)
    await keep_pace(pace, work, seconds=20, workers=1, clock=clock)
    at_once = [moment for moment in moments if moment == pytest.approx(10.9)]
    assert len(at_once) <= 12
    assert not pace.held
    assert pace.done == pytest.approx(110, abs=3)
    assert pace.achieved == pytest.approx(5.5, abs=0.3)


def test_an_impossible_wish_is_refused() -> None:
    """Bounded in rate and in time."""
    for wrong in (TrafficPlan(updates=0), TrafficPlan(updates=1e6), TrafficPlan(updates=5, seconds=1e9)):
        with pytest.raises(errors.UsageError, match="cannot be"):
            wrong.checked()
