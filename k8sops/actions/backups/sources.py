"""Pages of several kinds at once, given out kind by kind: while one is packed, the next ones are on their way.

Memory is bounded by so many kinds and a few pages of each; a page is asked for smaller once it outgrows 4 MiB. What
reading a kind raises is given out with it, so that one kind that cannot be read leaves the others alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final, TypeVar

import msgspec

from k8sops.actions.backups.kinds import ChosenKind
from k8sops.core.errors import ClusterError, K8sOpsError, NotFoundError, UnreachableError
from k8sops.core.ports import ClusterReader
from k8sops.core.raw import RawObject, RawPage

T = TypeVar("T")
R = TypeVar("R")

KINDS_AT_ONCE: Final = 4
READS_AT_ONCE: Final = 8

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
        """The pages of one of its lists."""
        return cluster.pages(
            self.kind.resource, namespace, metadata_only=metadata_only, label_selector=self.label_selector
        )


class Trouble(msgspec.Struct, frozen=True):
    """A list that could not be read to its end."""

    namespace: str
    error: K8sOpsError


Part = RawPage | Trouble


class Stream:
    """The pages of one source as they come; `Trouble` where a list ended too early, and the next list goes on."""

    def __init__(self, cluster: ClusterReader, source: Source) -> None:
        self.source: Final = source
        self._cluster: Final = cluster
        self._parts: Final[asyncio.Queue[Part | BaseException | None]] = asyncio.Queue(1)
        self._task: Final = asyncio.create_task(self._pump(), name=f"read {source.kind.resource.qualified}")

    async def parts(self) -> AsyncIterator[Part]:
        """Each page once."""
        while (part := await self._parts.get()) is not None:
            if isinstance(part, BaseException):
                raise part
            yield part

    async def close(self) -> None:
        """End it, read or not."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _pump(self) -> None:
        try:
            for namespace in self.source.namespaces:
                await self._one(namespace)
        except Exception as error:  # noqa: BLE001 - whoever reads raises it; dying silently would leave it waiting
            await self._parts.put(error)
        else:
            await self._parts.put(None)

    async def _one(self, namespace: str) -> None:
        pages = self.source.pages(self._cluster, namespace, metadata_only=self.source.metadata_only)
        try:
            async with aclosing(pages):
                async for page in pages:
                    await self._parts.put(page)
        except UNREADABLE as error:
            await self._parts.put(Trouble(namespace, error))


async def in_turn(
    cluster: ClusterReader, sources: Sequence[Source], *, at_once: int = KINDS_AT_ONCE
) -> AsyncGenerator[Stream, None]:
    """The sources one after the other, so many of them read ahead."""
    waiting = list(reversed(sources))
    streams: list[Stream] = []
    try:
        while waiting or streams:
            while waiting and len(streams) < at_once:
                streams.append(Stream(cluster, waiting.pop()))
            yield streams[0]
            await streams.pop(0).close()
    finally:
        for stream in streams:
            await stream.close()


async def each_of(
    items: Sequence[T], work: Callable[[T], Awaitable[R]], *, at_once: int = READS_AT_ONCE
) -> AsyncGenerator[R, None]:
    """What the work comes to for each item, in their order, so many of them under way."""
    under_way: list[asyncio.Future[R]] = []
    waiting = iter(items)
    try:
        while True:
            while len(under_way) < at_once and (item := next(waiting, None)) is not None:
                under_way.append(asyncio.ensure_future(work(item)))
            if not under_way:
                return
            yield await under_way.pop(0)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def no_more(cluster: ClusterReader, kind: ChosenKind, error: K8sOpsError) -> bool:
    """Whether a kind is not served because its definition was deleted, though discovery may still name it.

    A list that is not found says no more than that this API server does not serve it: its objects may well be there.
    """
    if not isinstance(error, NotFoundError):
        return False
    try:
        definitions = await cluster.resource("customresourcedefinitions.apiextensions.k8s.io")
        found = await cluster.get(definitions, f"{kind.resource.plural}.{kind.resource.group}")
    except NotFoundError:
        return "." in kind.resource.group and not kind.resource.group.endswith(".k8s.io")
    except K8sOpsError:
        return False
    return bool(found["metadata"].get("deletionTimestamp"))


async def raw_or_gone(
    cluster: ClusterReader, kind: ChosenKind, name: str, namespace: str
) -> RawObject | None:
    """One object, or None where it is no more."""
    try:
        return await cluster.raw(kind.resource, name, namespace)
    except NotFoundError:
        return None
