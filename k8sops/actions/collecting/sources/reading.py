"""Reads that may fail without failing the bundle: what came stays, and why no more came is said in a sentence.

Only what the cluster does is caught here. What a sink raises, and cancellation, pass: these end the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any, Final, Generic, NamedTuple, TypeVar

from k8sops.actions.collecting.gathering import READERS, Gathering
from k8sops.core.errors import ForbiddenError, K8sOpsError, NotFoundError, UsageError
from k8sops.core.redaction import TextForm
from k8sops.core.tasks import all_of

T = TypeVar("T")

PIECE: Final = 1 << 16
"""Bytes that are put into a file at once."""
LIST_S: Final = 300.0
"""So long a list may keep us waiting in all; each of its pages has a deadline of its own."""


_OVER: Final = object()


class Trouble(NamedTuple):
    """Why something could not be had, in a sentence; a `note` where this cluster has no such thing at all."""

    why: str
    note: bool = False


class Reading(Generic[T]):
    """What a read gives, one by one; once it is over, `trouble` says why that is not all of it."""

    def __init__(
        self, items: AsyncGenerator[T, None], *, seconds: float = LIST_S, spare: bool = False
    ) -> None:
        """`seconds` may be spent waiting for the items; what is done with them in between is not counted.

        `spare` as in `trouble_of`.
        """
        self._items: Final = items
        self._spare: Final = spare
        self._left = seconds
        self._allowed: Final = seconds
        self._begun: list[T] = []
        self.trouble: Trouble | None = None

    @property
    def waited_s(self) -> float:
        """Seconds spent waiting for items so far."""
        return self._allowed - self._left

    async def begin(self) -> T | None:
        """The first item, which is given again by iterating; None where nothing came."""
        if not self._begun and (item := await self._next()) is not _OVER:
            self._begun.append(item)
        return self._begun[0] if self._begun else None

    async def aclose(self) -> None:
        """Read no more. Needed only where what was begun is not iterated."""
        await self._items.aclose()

    async def __aiter__(self) -> AsyncIterator[T]:
        while self._begun:
            yield self._begun.pop()
        while (item := await self._next()) is not _OVER:
            yield item

    async def _next(self) -> T | Any:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._left):
                return await anext(self._items, _OVER)
        except TimeoutError:
            self.trouble = Trouble(f"it was not there whole within {self._allowed:g} s")
        except K8sOpsError as error:
            self.trouble = trouble_of(error, spare=self._spare)
        finally:
            self._left -= loop.time() - began
        return _OVER


def trouble_of(error: K8sOpsError, *, spare: bool = False) -> Trouble:
    """What is not there, is not served, or has a name that nothing can have, is missing without anybody's fault.

    So is what is refused where it is `spare`: what lies outside the namespaces of the bundle, and Secrets. Few may read
    that, and a bundle without it is whole for whoever may not.
    """
    expected = NotFoundError | UsageError | ForbiddenError if spare else NotFoundError | UsageError
    return Trouble(error.message, note=isinstance(error, expected))


async def read(reading: Awaitable[T], *, spare: bool = False) -> T | Trouble:
    """What is read, or why it cannot be."""
    try:
        return await reading
    except K8sOpsError as error:
        return trouble_of(error, spare=spare)


async def each(items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Do the work for all, at most `READERS` of them at once; the first failure ends the rest."""
    waiting = iter(items)

    async def reader() -> None:
        for item in waiting:
            await work(item)

    await all_of(reader() for _ in range(READERS))


async def kept(
    gathering: Gathering,
    path: str,
    source: str,
    reading: Reading[T],
    shape: Callable[[T], bytes],
    *,
    form: TextForm = TextForm.WHOLE,
    to_end: bool = False,
) -> bool:
    """Put what is read into a file, each item as `shape` has it; whether there is such a file.

    Where nothing came but trouble, the file is told as missing. Reading ends at the file's limit, unless `to_end`.
    """
    if await reading.begin() is None and reading.trouble:
        absent(gathering, path, source, reading.trouble)
        return False
    async with aclosing(reading), gathering.sink.file(path, source=source, form=form) as file:
        waiting = bytearray()
        async for item in reading:
            waiting += shape(item)
            if len(waiting) < PIECE:
                continue
            await file.write(bytes(waiting))
            waiting.clear()
            if file.full and not to_end:
                file.truncated("the rest was not read")
                break
        await file.write(bytes(waiting))
        if reading.trouble:
            file.error(reading.trouble.why, note=reading.trouble.note)
    return True


async def put(
    gathering: Gathering, path: str, source: str, text: str, trouble: Trouble | None = None
) -> None:
    """Write a file at once, with what it lacks."""
    async with gathering.sink.file(path, source=source) as file:
        await file.write(text.encode("utf-8", "surrogatepass"))
        if trouble:
            file.error(trouble.why, note=trouble.note)


def absent(gathering: Gathering, path: str, source: str, trouble: Trouble) -> None:
    """Say that a file is missing."""
    gathering.sink.missing(path, source=source, why=trouble.why, note=trouble.note)
