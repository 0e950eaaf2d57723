"""Following on a real API server: restarts, rollouts, its own death, clocks that are off, many streams, no rights."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.client_base import PODS
from k8sops.cluster.logs import LONGEST_LINE
from k8sops.core.clock import SystemClock
from k8sops.core.errors import ForbiddenError, UsageError
from k8sops.core.log_selection import LogSelection, LogSpan
from k8sops.core.logs import LogEntry
from k8sops.core.plan import JsonObject
from k8sops.logs.finding import find
from k8sops.logs.following import Following
from k8sops.logs.source import ClusterLogs
from tests.support.clients import client_of
from tests.support.restarts import kill_api_server, repair
from tests.support.workloads import create, deployment, naked_pod

if TYPE_CHECKING:
    from k8sops.sandbox.manager import SandboxHandle

DEADLINE_S = 120
NUMBER = re.compile(r"\bn=(\d+)\b")
NUMBERED = {"sandbox.k8sops.dev/log": "numbered", "sandbox.k8sops.dev/log-rate": "40"}


class Reader:
    """Reads on until something is true of what was read."""

    def __init__(self, following: Following, batches: AsyncGenerator[Sequence[LogEntry], None]) -> None:
        self.following = following
        self.entries: list[LogEntry] = []
        self._batches = batches

    async def until(self, enough: Callable[[list[LogEntry]], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not enough(self.entries):
                self.entries += await anext(self._batches)

    async def to_the_end(self) -> list[LogEntry]:
        async with asyncio.timeout(DEADLINE_S):
            async for batch in self._batches:
                self.entries += batch
        return self.lines

    @property
    def lines(self) -> list[LogEntry]:
        return [entry for entry in self.entries if not entry.marker]

    @property
    def markers(self) -> list[str]:
        return [entry.text for entry in self.entries if entry.marker]

    def numbers(self, pod: str) -> list[int]:
        """The numbers that a pod's lines bear, as they came."""
        found = (NUMBER.search(entry.text) for entry in self.lines if entry.stream.pod == pod)
        return [int(one[1]) for one in found if one is not None]


@asynccontextmanager
async def following(cluster: KubeCluster, selection: LogSelection, span: LogSpan) -> AsyncIterator[Reader]:
    """Closed at the end, as a door closes it."""
    found = Following(ClusterLogs(cluster), selection, span, SystemClock())
    batches = found.batches()
    try:
        yield Reader(found, batches)
    finally:
        await batches.aclose()


def speaking(name: str, namespace: str, **annotations: str) -> JsonObject:
    """A pod by itself, whose lines bear numbers."""
    pod = naked_pod(name, namespace)
    pod["metadata"]["annotations"] = NUMBERED | {
        f"sandbox.k8sops.dev/{key}": value for key, value in annotations.items()
    }
    return pod


async def running(cluster: KubeCluster, namespace: str, count: int) -> list[JsonObject]:
    """The pods, once so many run."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            pods = [pod async for pod in cluster.list(PODS, namespace)]
            if sum(pod["status"].get("phase") == "Running" for pod in pods) >= count:
                return pods
            await asyncio.sleep(0.1)


async def set_status(cluster: KubeCluster, pod: JsonObject, status: dict[str, Any]) -> None:
    """What a kubelet would say of the pod's one container."""
    told = {"name": "app", "image": "example/app:1", "imageID": "", "ready": True, **status}
    metadata = pod["metadata"]
    body = {"status": {"containerStatuses": [told]}}
    await cluster.patch(PODS, metadata["name"], metadata["namespace"], body=body, subresource="status")


def counted_on(numbers: list[int]) -> bool:
    """Whether no number is missing, doubled, or out of turn."""
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_an_api_server_that_dies_and_comes_back_costs_no_line(fresh_cluster: SandboxHandle) -> None:
    """The control plane is upgraded while somebody looks on: what was written meanwhile is still to be had."""
    async with client_of(fresh_cluster.kubeconfig) as cluster:
        await create(cluster, speaking("web", "default"))
        await create(cluster, speaking("shop", "default"))
        await running(cluster, "default", 2)
        async with following(cluster, LogSelection(namespaces=("default",)), LogSpan()) as reader:
            await reader.until(lambda entries: len(entries) > 100)
            await kill_api_server(fresh_cluster)
            await reader.until(lambda entries: sum("the stream broke" in one.text for one in entries) == 2)
            repairing = asyncio.create_task(repair(fresh_cluster))
            await reader.until(lambda entries: sum("connected again" in one.text for one in entries) == 2)
            await repairing
            seen = len(reader.entries)
            await reader.until(lambda entries: len(entries) > seen + 100)
            assert counted_on(reader.numbers("web"))
            assert counted_on(reader.numbers("shop"))
            assert reader.following.summary.reconnects >= 2
            assert not reader.following.summary.gaps


async def test_a_container_that_begins_anew_is_read_to_its_end_and_on(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The last words before a crash are what one looks for; the first ones after it show whether it helped."""
    await create(cluster, speaking("web", cluster_namespace))
    (pod,) = await running(cluster, cluster_namespace, 1)
    one = LogSelection(namespaces=(cluster_namespace,), workloads=("pod/web",))
    async with following(cluster, one, LogSpan()) as reader:
        await reader.until(lambda entries: len(entries) > 20)
        # Statuses tell whole seconds: the next one, lest the first life end before what it has written.
        now = (SystemClock().now() + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        begun = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
        last = {"exitCode": 1, "reason": "Error", "startedAt": begun, "finishedAt": now}
        status = {
            "restartCount": 1,
            "state": {"running": {"startedAt": now}},
            "lastState": {"terminated": last},
        }
        await set_status(cluster, pod, status)
        await reader.until(lambda entries: any("began anew (restart 1)" in entry.text for entry in entries))
        seen = len(reader.entries)
        await reader.until(lambda entries: len(entries) > seen + 20)
        numbers = reader.numbers("web")
    assert any("exit code 1 (Error)" in marker for marker in reader.markers)
    again = next(place for place in range(1, len(numbers)) if numbers[place] < numbers[place - 1])
    assert counted_on(numbers[:again])
    assert counted_on(numbers[again:])
    assert numbers[again] == 0
    assert not reader.following.summary.gaps


async def test_a_rollout_is_followed_from_the_old_pod_to_the_new_one(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Who deploys and looks on wants the new pod's first line, not a command that has ended."""
    await create(cluster, deployment("web", cluster_namespace, annotations=NUMBERED))
    (old,) = await running(cluster, cluster_namespace, 1)
    web = LogSelection(namespaces=(cluster_namespace,), workloads=("deployment/web",))
    async with following(cluster, web, LogSpan()) as reader:
        await reader.until(lambda entries: len(entries) > 10)
        body = {"spec": {"template": {"metadata": {"annotations": {"example/restarted": "now"}}}}}
        await cluster.patch(await cluster.resource("deployments"), "web", cluster_namespace, body=body)
        name = old["metadata"]["name"]
        await reader.until(
            lambda entries: any(one.marker and "the pod is gone" in one.text for one in entries)
        )
        await reader.until(lambda entries: sum(entry.stream.pod != name for entry in entries) > 20)
        (new,) = {entry.stream.pod for entry in reader.lines} - {name}
        assert counted_on(reader.numbers(name))
        assert counted_on(reader.numbers(new))
        assert reader.numbers(new)[0] == 0
        assert not reader.following.summary.gaps


async def test_jobs_that_a_cronjob_makes_later_are_followed_too(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """A nightly job is looked at before it runs, not after."""
    template = {
        "metadata": {"annotations": NUMBERED},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "example/app:1"}]},
    }
    nightly = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly", "namespace": cluster_namespace},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}},
    }
    made = await create(cluster, nightly)
    await create(cluster, speaking("other", cluster_namespace))
    wanted = LogSelection(namespaces=(cluster_namespace,), workloads=("cronjob/nightly",))
    async with following(cluster, wanted, LogSpan()) as reader:
        await reader.until(lambda entries: any("no pod yet" in entry.text for entry in entries))
        owner = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "name": "nightly",
            "uid": made["metadata"]["uid"],
            "controller": True,
        }
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "nightly-1", "namespace": cluster_namespace, "ownerReferences": [owner]},
            "spec": {"template": template},
        }
        await create(cluster, job)
        await reader.until(lambda entries: sum(not entry.marker for entry in entries) > 10)
        assert {entry.stream.pod.rsplit("-", 1)[0] for entry in reader.lines} == {"nightly-1"}
    assert [one.pod["metadata"]["name"][:9] for one in (await find(cluster, wanted)).pods] == ["nightly-1"]


async def test_clocks_that_are_off_and_lines_alike_come_as_they_were_written(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Stamps that go back, and three equal lines of one nanosecond: each once, in the file's order."""
    await create(cluster, speaking("skewed", cluster_namespace, log="skewed"))
    await create(cluster, speaking("twins", cluster_namespace, log="twins"))
    await running(cluster, cluster_namespace, 2)
    async with following(
        cluster, LogSelection(namespaces=(cluster_namespace,)), LogSpan(tail=None)
    ) as reader:
        await reader.until(lambda entries: len(entries) > 400)
        assert counted_on(reader.numbers("skewed"))
        twins = [entry.text for entry in reader.lines if entry.stream.pod == "twins"]
        counts = Counter(twins[:80])
        assert {count for text, count in list(counts.items())[:20] if "once more" in text} == {3}
        assert not reader.following.summary.gaps


async def test_without_following_all_lines_are_in_one_order_of_time(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The story of an incident is told across pods."""
    for number in range(4):
        await create(cluster, speaking(f"web-{number}", cluster_namespace))
    await running(cluster, cluster_namespace, 4)
    span = LogSpan(tail=50, follow=False)
    async with following(cluster, LogSelection(namespaces=(cluster_namespace,)), span) as reader:
        lines = await reader.to_the_end()
    assert [entry.at for entry in lines] == sorted(entry.at for entry in lines)
    assert {entry.stream.pod for entry in lines} == {f"web-{number}" for number in range(4)}
    assert reader.following.summary.lines == len(lines)
    assert reader.following.progress.said == "4 of 4 streams read"


async def test_a_namespace_without_rights_is_told_and_the_others_are_followed(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """One binding that is missing must not cost the incident's other half."""
    await create(cluster, speaking("web", cluster_namespace))
    await running(cluster, cluster_namespace, 1)
    refused = "kube-public"
    limited = Refusing(cluster, refused)
    both = LogSelection(namespaces=(cluster_namespace, refused))
    found = Following(limited, both, LogSpan(follow=False), SystemClock())
    lines = [entry async for batch in found.batches() for entry in batch]
    assert lines
    assert any(refused in error for error in found.summary.errors)
    alone = Following(limited, LogSelection(namespaces=(refused,)), LogSpan(), SystemClock()).batches()
    with pytest.raises(ForbiddenError):
        await anext(alone)


class Refusing(ClusterLogs):
    """As the API server answers who may not watch the pods of one namespace."""

    def __init__(self, cluster: KubeCluster, namespace: str) -> None:
        super().__init__(cluster)
        self._refused = namespace

    async def watch(self, resource: Any, namespace: str = "", **selectors: str) -> AsyncGenerator[Any, None]:
        if namespace == self._refused:
            raise ForbiddenError(f"watch pods in {namespace}: forbidden")
        async for event in super().watch(resource, namespace, **selectors):
            yield event


async def test_three_hundred_streams_are_followed_with_nothing_lost(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Other tools refuse at fifty; here each stream's lines are counted."""
    names = [f"c{number}" for number in range(10)]
    for number in range(30):
        pod = speaking(f"many-{number}", cluster_namespace, **{"log-rate": "2"})
        pod["spec"]["containers"] = [{"name": name, "image": "example/app:1"} for name in names]
        await create(cluster, pod)
    await running(cluster, cluster_namespace, 30)
    span = LogSpan(tail=1)
    async with following(cluster, LogSelection(namespaces=(cluster_namespace,)), span) as reader:
        await reader.until(lambda _: reader.following.progress.said == "300 of 300 streams open")
        seen = len(reader.entries)
        await reader.until(lambda entries: len(entries) > seen + 1_000)
        streams: dict[str, list[int]] = {}
        for entry in reader.lines:
            streams.setdefault(entry.stream.label, []).append(int(NUMBER.findall(entry.text)[0]))
        assert len(streams) == 300
        assert [label for label, numbers in streams.items() if not counted_on(numbers)] == []
        assert not reader.following.summary.gaps


async def test_a_line_of_ten_megabytes_is_cut_and_told(cluster: KubeCluster, cluster_namespace: str) -> None:
    """A program that forgets its newlines must not take the reader's memory, nor the lines behind it."""
    await create(cluster, speaking("long", cluster_namespace, log="longline"))
    await running(cluster, cluster_namespace, 1)
    async with following(
        cluster, LogSelection(namespaces=(cluster_namespace,)), LogSpan(tail=None)
    ) as reader:
        await reader.until(lambda entries: sum(entry.cut > 0 for entry in entries) > 1)
        assert {entry.cut > 9_000_000 for entry in reader.lines if entry.cut} == {True}
        assert max(len(entry.text) for entry in reader.lines) <= LONGEST_LINE
        assert counted_on(reader.numbers("long"))


async def test_what_is_no_pattern_is_named(cluster: KubeCluster) -> None:
    """A pattern from a chat may be anything."""
    with pytest.raises(UsageError, match=r"'\(\?=x\)' is no pattern"):
        await find(cluster, LogSelection(pods="(?=x)"))
