"""Paged lists: complete, consistent, ahead of their consumer, and whole again after an expired token."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from k8sops.cluster.pages import PAGE_BYTES, SMALLEST_PAGE, _fitting, list_items, list_pages, meta_of
from k8sops.cluster.pods import PodLite
from k8sops.core.errors import GoneError, ServerError
from tests.cluster.scripted_api import PATH, scripted_api


async def test_every_object_comes_once_and_in_order(tmp_path: Path) -> None:
    """The plainest promise of a list, over several pages."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(25):
            api.put(f"web-{number:02}")
        items = list_items(transport, PATH, item_type=PodLite, page_size=10)
        names = [pod.metadata.name async for pod in items]
        assert names == [f"web-{number:02}" for number in range(25)]
        assert [query.get("limit") for query in api.requests] == ["10", "10", "10"]


async def test_an_empty_collection_is_one_empty_page(tmp_path: Path) -> None:
    """Collectors take the resourceVersion from pages, so there is always one."""
    async with scripted_api(tmp_path) as (_, transport):
        pages = [page async for page in list_pages(transport, PATH, item_type=PodLite)]
        assert [page.items for page in pages] == [[]]
        assert pages[0].resource_version == "100"


async def test_an_expired_token_begins_the_list_anew_without_doubling(tmp_path: Path) -> None:
    """Compaction in the middle of a long list is ordinary; a consumer must not count a pod twice."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(25):
            api.put(f"web-{number:02}")
        api.expire_tokens = 1
        items = list_items(transport, PATH, item_type=PodLite, page_size=10)
        names = [pod.metadata.name async for pod in items]
        assert sorted(names) == [f"web-{number:02}" for number in range(25)]
        assert len(api.requests) == 5


async def test_pages_say_where_the_list_began_anew(tmp_path: Path) -> None:
    """A collector that forgets at `restarted` ends with one consistent list."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(15):
            api.put(f"web-{number:02}")
        api.expire_tokens = 1
        pages = [page async for page in list_pages(transport, PATH, item_type=PodLite, page_size=10)]
        assert [page.restarted for page in pages] == [False, True, False]
        assert [len(page.items) for page in pages] == [10, 10, 5]


async def test_tokens_that_always_expire_end_with_gone(tmp_path: Path) -> None:
    """A list that can never be finished must not be tried for ever."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(15):
            api.put(f"web-{number:02}")
        api.expire_tokens = 1000
        with pytest.raises(GoneError):
            async for _ in list_pages(transport, PATH, item_type=PodLite, page_size=10):
                pass


async def test_a_type_without_uid_cannot_be_begun_anew(tmp_path: Path) -> None:
    """Without identity there is no telling what was passed on; an error is better than doubles."""

    class Nameless(msgspec.Struct):
        kind: str = ""

    async with scripted_api(tmp_path) as (api, transport):
        for number in range(15):
            api.put(f"web-{number:02}")
        api.expire_tokens = 1
        with pytest.raises(GoneError):
            async for _ in list_items(transport, PATH, item_type=Nameless, page_size=10):
                pass


async def test_pages_are_fetched_ahead_but_not_without_bound(tmp_path: Path) -> None:
    """A slow consumer must neither wait for each page nor pile up the whole list in memory."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(100):
            api.put(f"web-{number:02}")
        pages = list_pages(transport, PATH, item_type=dict[str, Any], page_size=10, prefetch=2)
        async with aclosing(pages):
            await anext(pages)
            await anext(pages)
            assert 2 < len(api.requests) + 1 <= 6
            rest = [page async for page in pages]
        assert len(rest) == 8


async def test_an_abandoned_list_stops_fetching(tmp_path: Path) -> None:
    """Whoever found what they looked for must not leave a task behind that reads on."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(1000):
            api.put(f"web-{number:03}")
        async with aclosing(list_pages(transport, PATH, item_type=PodLite, page_size=10)) as pages:
            await anext(pages)
        seen = len(api.requests)
        await list_pages(transport, PATH, item_type=PodLite, page_size=10).aclose()
        assert len(api.requests) == seen < 10


async def test_items_that_do_not_fit_are_a_server_error(tmp_path: Path) -> None:
    """What is not the promised shape is told as the server's failure, not as a stack trace."""

    class Strange(msgspec.Struct):
        metadata: int

    async with scripted_api(tmp_path) as (api, transport):
        api.put("web")
        with pytest.raises(ServerError, match="cannot be read"):
            async for _ in list_items(transport, PATH, item_type=Strange):
                pass


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"t"},"items":[]}',
        b'{ "items": [{"metadata":{"continue":"wrong"}}], "metadata": {"continue":"t","resourceVersion":"7"}}',
        b'{"kind":"L","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"t","x":{}},"items":null}',
    ],
)
def test_list_metadata_is_found_wherever_it_stands(body: bytes) -> None:
    """Kubernetes writes metadata first, an aggregated server need not."""
    meta = meta_of(body)
    assert (meta.resource_version, meta.continue_) == ("7", "t")


def test_pages_of_large_objects_become_smaller() -> None:
    """500 config maps of 1 MB in one page would block the loop for seconds."""
    assert _fitting(500, 500, PAGE_BYTES // 2) == 500
    assert _fitting(500, 500, PAGE_BYTES * 5) == 100
    assert _fitting(500, 100, PAGE_BYTES * 1000) == SMALLEST_PAGE
    assert _fitting(500, 20, PAGE_BYTES // 100) == 500
