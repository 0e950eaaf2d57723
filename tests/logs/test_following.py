"""Following logs: once each, in order, over restarts, replaced pods and broken connections; never without bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from k8sops.core.errors import ForbiddenError, NotFoundError, SelectorError, UsageError
from k8sops.core.log_selection import LogSelection, LogSpan
from k8sops.core.logs import LogEntry, LogWanted
from k8sops.logs import window
from k8sops.logs.following import Following
from k8sops.logs.wanted import selection_of, span_of
from tests.logs.world import BROKEN, LogWorld, a_pod, ended, line
from tests.tui.feeds import FixedClock

POD = LogWanted(kind="pods", name="web-1", namespace="shop")
WORKLOAD = LogWanted(kind="deployments", name="web", namespace="shop")
DEADLINE_S = 60.0


class YieldingClock(FixedClock):
    """Time passes at once, yet lets others have their turn."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.forward(seconds)


class Reader:
    """Reads as a door does, as far as it is asked to."""

    def __init__(self, batches: AsyncGenerator[Sequence[LogEntry], None]) -> None:
        self.batches = batches
        self.entries: list[LogEntry] = []

    async def until(self, text: str) -> None:
        """Read until something has been said."""
        async with asyncio.timeout(DEADLINE_S):
            while not any(text in entry.text for entry in self.entries):
                self.entries += await anext(self.batches)

    async def to_the_end(self) -> list[str]:
        """Read until it ends; all that was said."""
        async with asyncio.timeout(DEADLINE_S):
            async for batch in self.batches:
                self.entries += batch
        return self.texts

    @property
    def texts(self) -> list[str]:
        return [f"-- {entry.text}" if entry.marker else entry.text for entry in self.entries]


@asynccontextmanager
async def reading(world: LogWorld, wanted: LogWanted) -> AsyncIterator[Reader]:
    """A reader, closed at the end as a screen closes it."""
    batches = Following(world, selection_of(wanted), span_of(wanted), YieldingClock()).batches()
    try:
        yield Reader(batches)
    finally:
        await batches.aclose()


def workload(world: LogWorld) -> LogWorld:
    """With a Deployment over its pods."""
    world.objects["web"] = {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    }
    return world


async def followed(world: LogWorld, label: str, streams: int = 1) -> None:
    """Wait until a container is followed."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if len(world.streams.get(label, ())) >= streams:
                return
            await asyncio.sleep(0.001)


async def test_what_there_is_comes_first_and_then_what_is_written() -> None:
    """The seam between reading back and following must neither lose a line nor show one twice."""
    world = LogWorld(a_pod())
    world.write("web-1/app", line(1, "one"), line(2.5, "two"), line(2.5, "two as well"))
    async with reading(world, POD) as reader:
        await reader.until("two as well")
        # Written between reading back and following: the same second, which is all a request can name.
        world.write("web-1/app", line(2.7, "three"))
        task = asyncio.create_task(reader.until("four"))
        await followed(world, "web-1/app")
        world.write("web-1/app", line(3, "four"))
        await task
        assert reader.texts == ["one", "two", "two as well", "three", "four"]


async def test_a_crash_looping_container_shows_the_life_before_a_marker_and_the_present_one() -> None:
    """The words that matter were said before the restart."""
    world = LogWorld(a_pod(restarts=3, last=ended(137, "OOMKilled")))
    world.before["web-1/app"] = [line(number, f"before {number}") for number in range(30)]
    world.write("web-1/app", line(40, "now"))
    async with reading(world, POD) as reader:
        await reader.until("now")
        said = reader.texts
    assert said[:2] == ["before 10", "before 11"]
    assert (
        said[-2] == "-- the container before ended: exit code 137 (OOMKilled) at 10:00:30; this is the next"
    )
    assert said[-1] == "now"


async def test_a_restart_is_told_and_the_next_life_is_read_from_its_beginning() -> None:
    """Between two lives nothing of the new one may be missed, however fast it spoke."""
    world = LogWorld(a_pod())
    world.write("web-1/app", line(1, "old"))
    async with reading(world, POD) as reader:
        await reader.until("old")
        task = asyncio.create_task(reader.until("new words"))
        await followed(world, "web-1/app")
        waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
        world.put(a_pod(state=waiting, last=ended(1)))
        world.end("web-1/app")
        world.began_anew("web-1/app")
        world.write("web-1/app", line(0.5, "new words"))
        world.put(a_pod(restarts=1, last=ended(1)))
        await task
    assert reader.texts[0] == "old"
    assert "-- the container began anew (restart 1)" in reader.texts
    assert any("exit code 1 (Error)" in text for text in reader.texts)
    assert reader.texts[-1] == "new words"


async def test_a_broken_stream_is_taken_up_again_each_line_once() -> None:
    """An API server that restarts cuts every stream; what was written meanwhile is still there to be had."""
    world = LogWorld(a_pod())
    world.write("web-1/app", line(1, "one"))
    async with reading(world, POD) as reader:
        await reader.until("one")
        task = asyncio.create_task(reader.until("three"))
        await followed(world, "web-1/app")
        world.write("web-1/app", line(2, "two"))
        world.end("web-1/app", BROKEN)
        world.written["web-1/app"].append(line(2.0, "two, the same instant"))
        world.written["web-1/app"].append(line(3, "three"))
        await task
    lines = [text for text in reader.texts if not text.startswith("--")]
    assert lines == ["one", "two", "two, the same instant", "three"]
    assert "-- the stream broke, it is tried again: the connection to the node was lost" in reader.texts
    assert "-- connected again" in reader.texts


async def test_pods_of_a_workload_are_merged_in_order_of_time_and_a_replacement_is_followed() -> None:
    """During a rollout the pods one looked at are gone in a minute."""
    first, second = a_pod("web-1"), a_pod("web-2")
    world = workload(LogWorld(first, second))
    world.write("web-1/app", line(1, "a1"), line(3, "a3"))
    world.write("web-2/app", line(2, "b2"), line(4, "b4"))
    async with reading(world, WORKLOAD) as reader:
        await reader.until("b4")
        assert reader.texts == ["a1", "b2", "a3", "b4"]
        task = asyncio.create_task(reader.until("c1"))
        await followed(world, "web-1/app")
        world.drop(first)
        world.end("web-1/app")
        world.write("web-3/app", line(9, "c1"))
        world.put(a_pod("web-3"))
        await task
        await reader.until("the pod is gone")
    assert {entry.stream.pod for entry in reader.entries} == {"web-1", "web-2", "web-3"}


async def test_all_containers_come_or_the_one_that_is_named() -> None:
    """A sidecar talks too; who wants only the application says so."""
    world = LogWorld(a_pod("web-1", "app", "proxy"))
    world.write("web-1/app", line(1, "app speaks"))
    world.write("web-1/proxy", line(2, "proxy speaks"))
    once = {"follow": False}
    async with reading(world, _but(POD, **once)) as reader:
        assert await reader.to_the_end() == ["app speaks", "proxy speaks"]
    async with reading(world, _but(POD, container="proxy", **once)) as reader:
        assert await reader.to_the_end() == ["proxy speaks"]
    with pytest.raises(NotFoundError, match="container none of pod shop/web-1"):
        async with reading(world, _but(POD, container="none")) as reader:
            await reader.to_the_end()


async def test_the_previous_container_and_the_head_are_read_and_not_followed() -> None:
    """Both are over; waiting for more would look like a hang."""
    world = LogWorld(a_pod(restarts=1, last=ended(2)))
    world.before["web-1/app"] = [line(1, "old one"), line(2, "old two")]
    world.write("web-1/app", *(line(number, f"new {number}") for number in range(10, 20)))
    async with reading(world, _but(POD, previous=True)) as reader:
        assert await reader.to_the_end() == [
            "old one",
            "old two",
            "-- it ended: exit code 2 (Error) at 10:00:30",
        ]
    async with reading(world, _but(POD, part="head", lines=2)) as reader:
        assert await reader.to_the_end() == ["new 10", "new 11"]


async def test_where_nothing_ran_before_the_previous_log_says_so() -> None:
    """The server's answer, an invalid request, sounds like a fault of ours."""
    async with reading(LogWorld(a_pod()), _but(POD, previous=True)) as reader:
        assert await reader.to_the_end() == [
            "-- no container ran before this one: it has never been restarted"
        ]


async def test_a_container_that_never_ran_says_why_and_is_waited_for() -> None:
    """An image that cannot be pulled writes nothing; silence would not say so."""
    world = LogWorld(a_pod(state={"waiting": {"reason": "ImagePullBackOff"}}))
    async with reading(world, POD) as reader:
        await reader.until("ImagePullBackOff")
        task = asyncio.create_task(reader.until("hello"))
        world.write("web-1/app", line(1, "hello"))
        world.put(a_pod())
        await task
    assert reader.texts == ["-- it has not begun yet: ImagePullBackOff", "hello"]


async def test_a_flood_waits_for_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that stands still must cost a bounded number of lines, not the memory of the machine."""
    monkeypatch.setattr(window, "MOST_HELD", 100 * (window.LINE_COST + 10))
    world = LogWorld(a_pod())
    world.write("web-1/app", line(1, "first"))
    many = [line(2 + number / 1e6, f"flood {number}") for number in range(3_000)]
    async with reading(world, POD) as reader:
        await reader.until("first")
        task = asyncio.create_task(reader.until("flood 0"))
        await followed(world, "web-1/app")
        stream = world.streams["web-1/app"][0]
        world.write("web-1/app", *many)
        await task
        for _ in range(1_000):
            await asyncio.sleep(0)
        held = len(many) - stream.coming.qsize() - (len(reader.entries) - 1)
        assert held <= 101
        await reader.until(f"flood {len(many) - 1}")
    assert len(reader.entries) == len(many) + 1


async def test_the_end_of_the_one_pod_is_the_end_of_the_log() -> None:
    """Nobody should wait on what cannot come."""
    pod = a_pod("web-1", "app", "proxy")
    world = LogWorld(pod)
    world.write("web-1/app", line(1, "bye"))
    async with reading(world, POD) as reader:
        await reader.until("bye")
        task = asyncio.create_task(reader.to_the_end())
        await followed(world, "web-1/app")
        await followed(world, "web-1/proxy")
        world.drop(pod)
        world.end("web-1/app")
        world.end("web-1/proxy")
        assert (await task).count("-- the pod is gone") == 2


async def test_what_cannot_be_read_is_refused_in_a_sentence() -> None:
    """A screen shows it; a traceback would be a defect."""
    world = LogWorld()
    with pytest.raises(NotFoundError, match="pod shop/web-1 does not exist"):
        async with reading(world, POD) as reader:
            await reader.to_the_end()
    world.objects["settings"] = {"kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"}}
    with pytest.raises(UsageError, match="selects no pods"):
        async with reading(world, _but(POD, kind="configmaps", name="settings")) as reader:
            await reader.to_the_end()
    world.refusal = ForbiddenError("list pods in shop: forbidden")
    with pytest.raises(ForbiddenError):
        async with reading(workload(world), WORKLOAD) as reader:
            await reader.to_the_end()


async def test_a_selector_that_is_refused_is_told_as_what_it_is() -> None:
    """A watch tells its loss before it says why: a typing error must not look like a cluster that is away."""
    world = LogWorld()
    world.refusal = SelectorError("pods in shop: the selector 'a in' is refused as invalid")
    selection = LogSelection(namespaces=("shop",), labels="a in")
    with pytest.raises(SelectorError):
        await Reader(Following(world, selection, LogSpan(), YieldingClock()).batches()).to_the_end()


async def test_who_may_read_one_pod_but_not_watch_pods_sees_its_log() -> None:
    """Restricted roles often say get and log, nothing else."""
    pod = a_pod()
    world = LogWorld(pod)
    world.refusal = ForbiddenError("watch pods in shop: forbidden")
    world.objects["web-1"] = pod
    world.write("web-1/app", line(1, "still readable"))
    async with reading(world, _but(POD, follow=False)) as reader:
        assert await reader.to_the_end() == ["still readable"]


def _but(wanted: LogWanted, **changes: Any) -> LogWanted:
    return msgspec.structs.replace(wanted, **changes)


FORBIDDEN = ForbiddenError('log of pod shop/web-1: user "alice" may not get pods/log in namespace shop')


async def test_a_server_that_has_just_begun_and_refuses_everybody_is_asked_again() -> None:
    """An API server answers 403 until it has read its roles: who was served before is not given up for that."""
    world = LogWorld(a_pod())
    world.write("web-1/app", line(1, "before"))
    async with reading(world, POD) as reader:
        await reader.until("before")
        task = asyncio.create_task(reader.until("after"))
        await followed(world, "web-1/app")
        world.refuses_logs = [FORBIDDEN, FORBIDDEN]
        world.end("web-1/app", BROKEN)
        await followed(world, "web-1/app")
        world.write("web-1/app", line(2, "after"))
        await task
        assert [text for text in reader.texts if not text.startswith("--")] == ["before", "after"]


async def test_a_right_that_was_taken_away_ends_the_stream_with_a_gap() -> None:
    """After a minute it is no server that has just begun: what comes from then on is missing, and that is said."""
    world = LogWorld(a_pod())
    world.write("web-1/app", line(1, "before"))
    following = Following(world, selection_of(POD), span_of(POD), YieldingClock())
    reader = Reader(following.batches())
    try:
        await reader.until("before")
        task = asyncio.create_task(reader.to_the_end())
        await followed(world, "web-1/app")
        world.refuses_logs = [FORBIDDEN] * 100
        world.end("web-1/app", BROKEN)
        await task
    finally:
        await reader.batches.aclose()
    summary = following.summary
    assert [gap.why for gap in summary.gaps] == [FORBIDDEN.message]
    assert summary.errors == (f"shop/web-1/app: {FORBIDDEN.message}",)


async def test_who_was_never_served_is_refused_at_once() -> None:
    """Whoever lacks the right hears so now, not after a minute."""
    world = LogWorld(a_pod())
    world.refuses_logs = [FORBIDDEN]
    async with reading(world, POD) as reader:
        with pytest.raises(ForbiddenError):
            await reader.to_the_end()


async def test_of_several_that_were_named_the_one_that_is_not_there_is_told() -> None:
    """A typing error in the second name must not look like silence."""
    world = LogWorld(a_pod())
    world.write("web-1/app", line(1, "there"))
    selection = LogSelection(namespaces=("shop",), workloads=("pod/web-1", "pod/web-2"))
    following = Following(world, selection, LogSpan(follow=False), YieldingClock())
    reader = Reader(following.batches())
    assert await reader.to_the_end() == ["there"]
    assert following.summary.errors == ("pod shop/web-2 does not exist",)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (("nope",), "namespace nope does not exist"),
        (("nope", "nada", "nope"), "namespaces nope and nada do not exist"),
    ],
)
async def test_a_namespace_that_is_not_there_is_said_and_not_waited_for(
    named: tuple[str, ...], said: str
) -> None:
    """A watch in it is as quiet as one in a calm namespace: a typing error would be waited on for ever."""
    following = Following(LogWorld(a_pod()), LogSelection(namespaces=named), LogSpan(), YieldingClock())
    with pytest.raises(NotFoundError) as told:
        await Reader(following.batches()).to_the_end()
    assert told.value.message == said


async def test_beside_a_namespace_that_is_not_there_the_others_are_followed() -> None:
    """What is missing is known while the lines come, not only when it is over."""
    world = LogWorld(a_pod())
    world.write("web-1/app", line(1, "there"))
    selection = LogSelection(namespaces=("shop", "nope"))
    following = Following(world, selection, LogSpan(), YieldingClock())
    reader = Reader(following.batches())
    try:
        await reader.until("there")
        assert following.summary.errors == ("namespace nope does not exist",)
    finally:
        await reader.batches.aclose()


async def test_a_workload_is_found_though_one_of_the_namespaces_is_not_there() -> None:
    """It is looked for in each; where it is not, nothing is watched, and that must not hide why."""
    world = workload(LogWorld(a_pod()))
    world.write("web-1/app", line(1, "there"))
    selection = LogSelection(namespaces=("shop", "nope"), workloads=("deployments/web",))
    following = Following(world, selection, LogSpan(follow=False), YieldingClock())
    assert await Reader(following.batches()).to_the_end() == ["there"]
    assert following.summary.errors == ("namespace nope does not exist",)


async def test_a_namespace_that_nothing_is_looked_for_in_may_be_missing() -> None:
    """One in front of each name says where to look; the context's own is none of the request's then."""
    world = LogWorld(a_pod())
    world.write("web-1/app", line(1, "there"))
    selection = LogSelection(namespaces=("nope",), workloads=("shop/pod/web-1",))
    following = Following(world, selection, LogSpan(follow=False), YieldingClock())
    assert await Reader(following.batches()).to_the_end() == ["there"]
    assert following.summary.errors == ()


async def test_who_may_not_read_namespaces_waits_for_pods_as_before() -> None:
    """A role within one namespace is common, and says nothing of namespaces."""
    world = LogWorld()
    world.namespaces = None
    reader = Reader(
        Following(world, LogSelection(namespaces=("shop",)), LogSpan(), YieldingClock()).batches()
    )
    try:
        await reader.until("there is no pod yet")
    finally:
        await reader.batches.aclose()
