"""Paged lists: one consistent list of a collection, fetched ahead of whoever consumes it.

The next page is on its way while the present one is decoded and used, at most `prefetch` pages ahead. A continue
token that expires on the way (410) begins the list anew: pages carry `restarted`, at which a collector forgets what
it has; `list_items` passes on only what it has not passed on yet. The server's token for an inconsistent rest is not
used, because a plan must not rest on two states of the cluster without knowing it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

import msgspec

from k8sops.cluster.metadata_lists import is_protobuf, list_head
from k8sops.core.errors import GoneError, ServerError

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

T = TypeVar("T")

Pairs = Sequence[tuple[str, str]]

PAGE_SIZE: Final = 500
PREFETCH: Final = 2
SMALLEST_PAGE: Final = 20
PAGE_BYTES: Final = 4 << 20
"""Pages are asked for smaller once they outgrow this: decoding one must not block the loop for more than 30 ms."""
MOST_RESTARTS: Final = 3

JSON: Final = "application/json"

_HEAD: Final = re.compile(rb'\A\{"kind":"\w*","apiVersion":"[^"]*","metadata":(\{[^{}]*\})[,}]')


class ListMeta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """ListMeta: the state the list shows, and the token of the next page."""

    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _Headed(msgspec.Struct, frozen=True, gc=False):
    metadata: ListMeta = ListMeta()


class _List(msgspec.Struct, Generic[T], gc=False):
    items: list[T] | None = None


class PageBody(NamedTuple):
    """A page as it came; `restarted` says that pages before this one are void."""

    data: bytes
    meta: ListMeta
    restarted: bool


class Page(NamedTuple, Generic[T]):
    """A page decoded."""

    items: list[T]
    resource_version: str
    restarted: bool


async def page_bodies(
    transport: Transport,
    path: str,
    *,
    query: Pairs = (),
    accept: str = JSON,
    page_size: int = PAGE_SIZE,
    first_page: int = PAGE_SIZE,
    prefetch: int = PREFETCH,
    deadline_s: float = 30.0,
    subject: str = "",
) -> AsyncGenerator[PageBody, None]:
    """The pages of one list, undecoded; the first has at most `first_page` items, for whoever shows it at once.

    Each page is asked for within `deadline_s`. Raises what `request` raises.
    """

    async def fetch(pairs: Pairs) -> bytes:
        asked = [*query, *pairs]
        return await transport.request(
            "GET", path, query=asked, accept=accept, deadline_s=deadline_s, subject=subject
        )

    pages: asyncio.Queue[PageBody | BaseException | None] = asyncio.Queue(prefetch)
    producer = asyncio.create_task(_produce(fetch, pages, page_size, first_page), name=f"pages of {path}")
    try:
        while (page := await pages.get()) is not None:
            if isinstance(page, BaseException):
                raise page
            yield page
            del page
    finally:
        producer.cancel()
        await asyncio.gather(producer, return_exceptions=True)


async def _produce(
    fetch: Callable[[Pairs], Awaitable[bytes]],
    pages: asyncio.Queue[PageBody | BaseException | None],
    page_size: int,
    first_page: int,
) -> None:
    """Put all pages, then None; or the error that ended them."""
    try:
        limit, token, restarts, restarted = min(first_page, page_size), "", 0, False
        while True:
            try:
                data = await fetch([("limit", str(limit)), *([("continue", token)] if token else [])])
            except GoneError:
                if not token or restarts == MOST_RESTARTS:
                    raise
                token, restarted, restarts = "", True, restarts + 1
                continue
            meta = meta_of(data)
            limit = _fitting(page_size, limit, len(data))
            await pages.put(PageBody(data, meta, restarted))
            del data
            restarted, token = False, meta.continue_
            if not token:
                break
    except Exception as error:  # noqa: BLE001 - the consumer raises it; dying silently would leave it waiting
        await pages.put(error)
    else:
        await pages.put(None)


def _fitting(page_size: int, limit: int, size: int) -> int:
    """The next page's limit, from the size in bytes of the last one."""
    return min(page_size, max(SMALLEST_PAGE, limit * PAGE_BYTES // max(size, 1)))


def meta_of(data: bytes) -> ListMeta:
    """A list's metadata. Kubernetes writes it first, so that a page need not be read whole to ask for the next."""
    if is_protobuf(data):
        found = list_head(data)
        return ListMeta(found.resource_version, found.continue_)
    head = _HEAD.match(data)
    try:
        if head:
            return msgspec.json.decode(head[1], type=ListMeta)
        return msgspec.json.decode(data, type=_Headed).metadata
    except msgspec.MsgspecError as error:
        raise ServerError(f"the API server's list cannot be read: {error}") from error


async def list_pages(
    transport: Transport,
    path: str,
    *,
    item_type: type[T],
    query: Pairs = (),
    page_size: int = PAGE_SIZE,
    prefetch: int = PREFETCH,
    deadline_s: float = 30.0,
    subject: str = "",
) -> AsyncGenerator[Page[T], None]:
    """The pages of one list, decoded to `item_type`. Raises ServerError where an item does not fit the type."""
    decoder = list_decoder(item_type)
    bodies = page_bodies(
        transport,
        path,
        query=query,
        page_size=page_size,
        prefetch=prefetch,
        deadline_s=deadline_s,
        subject=subject,
    )
    async with aclosing(bodies):
        async for data, meta, restarted in bodies:
            yield Page(decoder(data), meta.resource_version, restarted)


class ListDecoder(Generic[T]):
    """Decodes list bodies to items of one type."""

    def __init__(self, item_type: type[T]) -> None:
        self._decoder: msgspec.json.Decoder[_List[T]] = msgspec.json.Decoder(_List[item_type])  # type: ignore[valid-type]

    def __call__(self, data: bytes) -> list[T]:
        """The items. Raises ServerError where they do not fit the type."""
        try:
            return self._decoder.decode(data).items or []
        except msgspec.MsgspecError as error:
            raise ServerError(f"the API server's list cannot be read: {error}") from error


def list_decoder(item_type: type[T]) -> ListDecoder[T]:
    """A decoder to be kept for all pages of a list."""
    return ListDecoder(item_type)


async def list_items(
    transport: Transport,
    path: str,
    *,
    item_type: type[T],
    query: Pairs = (),
    page_size: int = PAGE_SIZE,
    subject: str = "",
) -> AsyncGenerator[T, None]:
    """The items of one list, one by one, each uid once even if the list had to begin anew.

    Raises GoneError where it had to and `item_type` names no `metadata.uid` to tell what was passed on already.
    """
    given: set[str] = set()
    restarted = False
    pages = list_pages(
        transport, path, item_type=item_type, query=query, page_size=page_size, subject=subject
    )
    async with aclosing(pages):
        async for page in pages:
            restarted = restarted or page.restarted
            for item in page.items:
                uid = uid_of(item)
                if restarted and not uid:
                    raise GoneError(f"the list of {subject or path} expired before it was read to its end")
                if uid in given:
                    continue
                if uid:
                    given.add(uid)
                yield item


def uid_of(item: object) -> str:
    """`metadata.uid` of a JSON object or of a struct that names it; empty where there is none."""
    if isinstance(item, dict):
        return str(item.get("metadata", {}).get("uid", ""))
    return str(getattr(getattr(item, "metadata", None), "uid", ""))
