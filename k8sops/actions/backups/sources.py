"""Where kinds are read, and how many at once: memory is bounded by so many kinds and a few pages of each.

A page is asked for smaller once it outgrows 4 MiB.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final, TypeVar

import msgspec

from k8sops.actions.backups.kinds import ChosenKind
from k8sops.actions.gone_kinds import is_gone
from k8sops.cluster.pages import PAGE_SIZE
from k8sops.core.errors import ClusterError, K8sOpsError, NotFoundError, UnreachableError
from k8sops.core.ports import ClusterReader
from k8sops.core.raw import RawObject, RawPage

T = TypeVar("T")
R = TypeVar("R")

KINDS_AT_ONCE: Final = 4
METADATA_PAGE: Final = 2000
"""Objects: of metadata a page is small, and for each page a server goes through all objects that are to come."""
READS_AT_ONCE: Final = 8
AHEAD: Final = 4
"""Answers that wait for an earlier one are kept, up to so many times as are under way."""

UNREADABLE: Final = (ClusterError, UnreachableError)
"""What reading a kind can come to that is no defect: it is named as a gap."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A kind, and where it is read: one list for each namespace, or one of all."""

    kind: ChosenKind
    namespaces: tuple[str, ...] = ("",)
    metadata_only: bool = False
    label_selector: str = ""

    def pages(
        self, cluster: ClusterReader, namespace: str, *, metadata_only: bool
    ) -> AsyncGenerator[RawPage, None]:
        """The pages of one of its lists; of metadata, without bytes."""
        return cluster.pages(
            self.kind.resource,
            namespace,
            metadata_only=metadata_only,
            with_data=not metadata_only,
            label_selector=self.label_selector,
            page_size=METADATA_PAGE if metadata_only else PAGE_SIZE,
        )

    async def parts(
        self, cluster: ClusterReader, namespace: str, *, metadata_only: bool
    ) -> AsyncGenerator[RawPage | K8sOpsError, None]:
        """The same, ending with what reading came to where that is a gap; nothing the consumer does is one."""
        pages = self.pages(cluster, namespace, metadata_only=metadata_only)
        try:
            async with aclosing(pages):
                async for page in pages:
                    yield page
        except UNREADABLE as error:
            yield error


async def each_of(
    items: Sequence[T], work: Callable[[T], Awaitable[R]], *, at_once: int = READS_AT_ONCE
) -> AsyncGenerator[R, None]:
    """What the work comes to for each item, in their order, so many of them under way.

    One that takes long holds up what is yielded and not, for a while, what is begun.
    """
    begun: deque[asyncio.Future[R]] = deque()
    waiting = iter(items)
    try:
        while True:
            under_way = [task for task in begun if not task.done()]
            while len(under_way) < at_once and len(begun) < AHEAD * at_once:
                if (item := next(waiting, None)) is None:
                    break
                under_way.append(asyncio.ensure_future(work(item)))
                begun.append(under_way[-1])
            if not begun:
                return
            if begun[0].done():
                yield begun.popleft().result()
            else:
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)


async def no_more(cluster: ClusterReader, kind: ChosenKind, error: K8sOpsError) -> bool:
    """Whether a kind is not served because its definition was deleted, as `is_gone` tells."""
    return await is_gone(cluster, kind.resource, error)


async def raw_or_gone(
    cluster: ClusterReader, kind: ChosenKind, name: str, namespace: str, since: str = ""
) -> RawObject | None:
    """One object, now or at any time since that state, or None where it is no more."""
    try:
        return await cluster.raw(kind.resource, name, namespace, not_older_than=since)
    except NotFoundError:
        return None
