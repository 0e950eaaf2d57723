"""The reflector against a server that expires, cuts, refuses and forgets: nothing lost, nothing told twice."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from k8sops.cluster.backoff import FIRST_S, LONGEST_S, MOST_OBEYED_S, Backoff
from k8sops.cluster.codecs import StructCodec
from k8sops.cluster.pods import PodLite
from k8sops.cluster.reflector import Reflector, watch_objects
from k8sops.core.clock import SystemClock
from k8sops.core.errors import ForbiddenError
from tests.cluster.scripted_api import PATH, ScriptedApi, scripted_api
from tests.cluster.watching import HurriedClock, Mirror

both_ways = pytest.mark.parametrize("streaming", [True, False], ids=["streaming list", "paged list"])


@asynccontextmanager
async def mirrored(
    folder: Path, *, streaming: bool, pods: int = 20
) -> AsyncIterator[tuple[ScriptedApi, Mirror[PodLite]]]:
    async with scripted_api(folder) as (api, transport):
        for number in range(pods):
            api.put(f"web-{number}")
        codec = StructCodec(PodLite)
        reflector = Reflector(
            transport,
            PATH,
            codec=codec,
            clock=HurriedClock(),
            streaming=streaming,
            page_size=7,
            subject="pods",
        )
        mirror = Mirror(reflector, codec)
        try:
            await mirror.until(lambda: mirror.count("synced") == 1, "the first full state")
            await mirror.until(lambda: api.watching == 1, "the watch")
            yield api, mirror
        finally:
            await mirror.aclose()


def is_true(api: ScriptedApi, mirror: Mirror[PodLite]) -> bool:
    return mirror.objects == api.truth()


@both_ways
async def test_present_state_then_changes(tmp_path: Path, streaming: bool) -> None:
    """Added for all there is, synced once, then what happens."""
    async with mirrored(tmp_path, streaming=streaming) as (api, mirror):
        assert mirror.objects == api.truth()
        assert mirror.told[-1] == ("synced", "")
        api.put("web-3", restarts=1)
        api.put("fresh")
        api.drop("web-4")
        await mirror.until(lambda: is_true(api, mirror), "three changes")
        assert mirror.told[-3:] == [("modified", "web-3"), ("added", "fresh"), ("deleted", "web-4")]


@both_ways
@pytest.mark.parametrize("in_stream", [True, False], ids=["as an ERROR event", "as HTTP 410"])
async def test_a_watch_expired_with_410_loses_nothing_and_doubles_nothing(
    tmp_path: Path, streaming: bool, in_stream: bool
) -> None:
    """Everything happens while the watch is down and the position is compacted away; the mirror checks each change."""
    async with mirrored(tmp_path, streaming=streaming) as (api, mirror):
        api.gone_in_stream = in_stream
        api.cut()
        api.drop("web-1")
        api.put("web-2", restarts=4)
        api.drop("web-3")
        api.put("web-3")
        api.put("fresh")
        api.expire()
        before = len(mirror.told)
        await mirror.until(lambda: mirror.count("recovered") == 1, "the new list")
        assert mirror.objects == api.truth()
        differences = sorted(told for told in mirror.told[before:] if told[0] not in {"lost", "recovered"})
        assert differences == [
            ("added", "fresh"),
            ("added", "web-3"),
            ("deleted", "web-1"),
            ("deleted", "web-3"),
            ("modified", "web-2"),
        ]
        api.put("later")
        await mirror.until(lambda: is_true(api, mirror), "a change after the new list")
        assert mirror.count("synced") == 1


@both_ways
async def test_a_cut_watch_resumes_where_it_was(tmp_path: Path, streaming: bool) -> None:
    """A cut is told, costs no new list, and what happened meanwhile arrives."""
    async with mirrored(tmp_path, streaming=streaming) as (api, mirror):
        lists = len(api.requests)
        api.cut()
        api.put("while-away")
        await mirror.until(lambda: is_true(api, mirror), "the change made while away")
        await mirror.until(lambda: mirror.count("recovered") == 1, "being told of the recovery")
        assert mirror.count("lost") == 1
        assert [query.get("watch") for query in api.requests[lists:]] == ["true"]
        assert "sendInitialEvents" not in api.requests[-1]


async def test_a_server_without_streaming_lists_is_listed_by_pages(tmp_path: Path) -> None:
    """Older servers refuse sendInitialEvents with 422; nobody should notice."""
    async with scripted_api(tmp_path) as (api, transport):
        api.streaming = False
        api.put("web")
        codec = StructCodec(PodLite)
        mirror = Mirror(Reflector(transport, PATH, codec=codec, clock=SystemClock()), codec)
        await mirror.until(lambda: mirror.count("synced") == 1, "the first full state")
        assert mirror.told == [("added", "web"), ("synced", "")]
        assert mirror.count("lost") == 0
        await mirror.aclose()


async def test_forbidden_ends_the_watch_after_telling_it(tmp_path: Path) -> None:
    """Waiting does not help against missing permission; retrying it would flood the audit log."""
    async with mirrored(tmp_path, streaming=True) as (api, mirror):
        api.refuse = (403, "Forbidden")
        api.cut()
        await mirror.until(lambda: mirror.error is not None, "the error")
        assert isinstance(mirror.error, ForbiddenError)
        assert mirror.told[-1][0] == "lost"
        assert mirror.told[-1][1] == mirror.error.message


async def test_a_failing_server_is_waited_for_without_spinning(tmp_path: Path) -> None:
    """The official informer sends thousands of requests a second here."""
    async with mirrored(tmp_path, streaming=True) as (api, mirror):
        api.refuse = (500, "InternalError")
        seen = len(api.requests)
        api.cut()
        await mirror.until(lambda: len(api.requests) >= seen + 2, "two tries")
        assert mirror.count("lost") == 1
        assert len(api.requests) - seen <= 3
        api.refuse = None
        api.put("after")
        await mirror.until(lambda: is_true(api, mirror), "recovery")
        assert mirror.count("recovered") == 1


async def test_a_position_refused_again_and_again_is_given_up_for_a_list(tmp_path: Path) -> None:
    """An API server restored from a snapshot never reaches the old position: only a new list helps."""
    async with mirrored(tmp_path, streaming=True) as (api, mirror):
        reflector_positions = [query.get("resourceVersion") for query in api.requests]
        api.refuse = (504, "Timeout")
        seen = len(api.requests)
        api.cut()
        await mirror.until(lambda: len(api.requests) >= seen + 5, "five tries", deadline_s=120)
        assert reflector_positions == [None]
        assert api.requests[seen].get("resourceVersion")
        assert api.requests[-1].get("sendInitialEvents") == "true"


async def test_the_port_gives_whole_objects(tmp_path: Path) -> None:
    """`ClusterReader.watch` promises JSON objects, added first, synced after."""
    async with scripted_api(tmp_path) as (api, transport):
        api.put("web", restarts=2)
        async with aclosing(watch_objects(transport, PATH, clock=SystemClock())) as events:
            first, second = await anext(events), await anext(events)
            assert (first.type, second.type) == ("added", "synced")
            assert first.object == api.pods["shop/web"]
            api.drop("web")
            assert (await anext(events)).type == "deleted"


def test_backoff_grows_within_its_bounds_and_starts_over() -> None:
    """At least half a second, at most half a minute, never the same for everybody."""
    backoff = Backoff(random.Random(7))  # noqa: S311
    waits = [backoff.next() for _ in range(12)]
    assert all(FIRST_S <= wait <= LONGEST_S for wait in waits)
    assert waits[0] <= 1.0
    assert waits[-1] >= LONGEST_S / 2
    assert backoff.next(retry_after=100) == 100
    assert backoff.next(retry_after=9999) == MOST_OBEYED_S
    backoff.reset()
    assert backoff.next() <= 1.0
    assert backoff.next(retry_after=9) == 9
