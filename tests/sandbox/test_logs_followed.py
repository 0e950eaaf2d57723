"""Followers of logs on a real control plane: many at once, and where a container, a pod or the kubelet's news end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

from k8sops.cluster.client import KubeCluster
from k8sops.core.tasks import all_of
from k8sops.sandbox.kubelet.followers import MOST_WAITING, Follower
from k8sops.sandbox.kubelet.podnews import PodNews
from k8sops.sandbox.logs.lives import life_of
from k8sops.sandbox.logs.reading import Reading
from k8sops.sandbox.podlookup import JsonObject, PodLookup
from k8sops.sandbox.restarts import restart_container
from tests.sandbox.conftest import Kubectl, KubectlBeside
from tests.sandbox.test_logs import STAMPED, START_NS, S, numbers, over, pod, read
from tests.sandbox.test_shared_control_plane import apply
from tests.sandbox.waiting import wait_until

PATIENCE_S: Final = 180.0
AT_ONCE: Final = 150
"""More than asyncio lets wait for a connection by default."""


def talker(name: str) -> dict[str, Any]:
    """A pod that starts at once and says forty numbered lines a second."""
    given = {"fast": "true", "log": "numbered", "log-rate": "40"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "annotations": {f"sandbox.k8sops.dev/{key}": text for key, text in given.items()},
        },
        "spec": {"containers": [{"name": "app", "image": "shop/web:1.0"}]},
    }


def talks(kubectl: Kubectl, name: str) -> None:
    """Apply a talker, and wait until it has said something."""
    apply(kubectl, talker(name))
    wait_until(f"{name} to talk", lambda: " n=5 " in kubectl("logs", name).stdout)


async def test_a_follower_is_let_go_at_a_restart_with_all_that_was_said(
    kubectl: Kubectl, kubectl_beside: KubectlBeside, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """What a follower saw and what `--previous` has must be the same lines, or nobody can prove that none is lost."""
    await asyncio.to_thread(talks, kubectl, "web")
    async with kubectl_beside("logs", "-f", "web", "--timestamps") as said:
        seen = [await asyncio.wait_for(said.readline(), PATIENCE_S) for _ in range(40)]
        assert await restart_container(cluster, cluster_namespace, "web", "app") == 1
        seen.append(await asyncio.wait_for(said.read(), PATIENCE_S))
    previous = await asyncio.to_thread(kubectl, "logs", "web", "--previous", "--timestamps")
    assert b"".join(seen).decode() == previous.stdout
    assert numbers(b"".join(seen))[0] == 0

    def begun_anew() -> bool:
        return numbers(kubectl("logs", "web").stdout.encode())[:1] == [0]

    await asyncio.to_thread(wait_until, "the next life to talk", begun_anew)


async def test_many_followers_may_come_at_once(
    kubectl: Kubectl, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Whoever follows a large cluster opens hundreds of streams in one moment, and none may be turned away."""
    await asyncio.to_thread(talks, kubectl, "web")
    path = f"/api/v1/namespaces/{cluster_namespace}/pods/web/log"

    async def follower() -> None:
        async with cluster.transport.stream(
            path, query=[("follow", "true"), ("tailLines", "2")], accept="*/*", connect_deadline_s=PATIENCE_S
        ) as body:
            text = b""
            while len(numbers(text)) < 6:
                block = await body.read(1 << 16)
                assert block, "the log ended"
                text += block
            counted = numbers(text)
            assert counted == list(range(counted[0], counted[-1] + 1))

    async with asyncio.timeout(PATIENCE_S):
        await all_of(follower() for _ in range(AT_ONCE))


async def test_a_follower_that_does_not_read_is_given_nothing_until_it_does() -> None:
    """The kubelet's memory must not grow with what a stopped client has not read; nothing is lost for it either."""
    waiting, given = MOST_WAITING, list[bytes]()
    life = life_of(pod("numbered"), "", "app", previous=False)
    follower = Follower("app", Reading(life, {}, START_NS), given.append, lambda: waiting)
    follower.go_on(START_NS + 10 * S)
    assert not given
    waiting = 0
    follower.go_on(START_NS + 20 * S)
    assert len(numbers(b"".join(given))) > 390
    restarted = pod("numbered", state=over(1, "2026-11-22T14:00:20Z"))
    follower.hear(restarted)
    assert follower.over.done()
    assert b"".join(given) == read(restarted, {}, 30, previous=True)


async def test_a_follower_hears_of_a_pod_that_goes() -> None:
    """There is nobody left who could tell it later."""
    life = life_of(pod("numbered"), "", "app", previous=False)
    follower = Follower("app", Reading(life, STAMPED, START_NS), lambda _: None, lambda: 0)
    follower.hear(pod("numbered"))
    assert not follower.over.done()
    follower.hear(None)
    assert follower.over.done()


class ScriptedPods(PodLookup):
    """Gives watches that end when told to, and what a look at a pod finds."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.found: tuple[int, JsonObject] = (404, {})

    async def version(self) -> str:
        return "7"

    async def changes(self, version: str) -> AsyncGenerator[bytes, None]:
        while (event := await self.events.get()) is not None:
            yield event

    async def ask(
        self, method: str, path: str, body: JsonObject | None = None, kind: str = "application/json"
    ) -> tuple[int, JsonObject]:
        return self.found


def changed(name: str, generated: bool = False) -> bytes:
    """A watch event as the API server writes it."""
    prefix = '"generateName":"web-",' if generated else ""
    return (
        '{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1",'
        f'"metadata":{{"name":"{name}",{prefix}"namespace":"shop","uid":"1"}}}}}}\n'
    ).encode()


async def test_news_are_of_the_pod_asked_for_and_none_is_missed() -> None:
    """A change between the first look at a pod and the moment somebody listens must not be lost."""
    pods = ScriptedPods()
    heard: asyncio.Queue[JsonObject | None] = asyncio.Queue()
    all_news = PodNews(pods)
    async with all_news.of("shop", "web-1") as at_once, all_news.of("shop", "web-1") as late:
        at_once.listen(heard.put_nowait)
        pods.events.put_nowait(changed("other"))
        pods.events.put_nowait(changed("web-1", generated=True))
        first = await asyncio.wait_for(heard.get(), PATIENCE_S)
        late.listen(heard.put_nowait)
        for found in (first, heard.get_nowait()):
            assert found is not None
            assert found["metadata"]["name"] == "web-1"


async def test_what_happened_while_the_watch_was_broken_is_made_up_for() -> None:
    """A follower whose pod went meanwhile would else stay for ever."""
    pods = ScriptedPods()
    heard: asyncio.Queue[JsonObject | None] = asyncio.Queue()
    async with PodNews(pods).of("shop", "web-1") as news:
        news.listen(heard.put_nowait)
        pods.events.put_nowait(None)
        assert await asyncio.wait_for(heard.get(), PATIENCE_S) is None
