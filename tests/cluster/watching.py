"""A consumer of a reflector that checks the contract with every change: nothing lost, nothing told twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Generic, TypeVar

from k8sops.cluster.codecs import Codec
from k8sops.cluster.known import Change
from k8sops.cluster.reflector import Reflector
from k8sops.core.clock import SystemClock
from k8sops.core.errors import K8sOpsError

T = TypeVar("T")


class HurriedClock(SystemClock):
    """Waits a tenth of what it is asked to, so that backoffs of half a minute can be lived through."""

    async def sleep(self, seconds: float) -> None:
        """Wait, briefly."""
        await asyncio.sleep(seconds / 10)


class Mirror(Generic[T]):
    """The collection as told by the reflector; breaks the test on a change that is no difference."""

    def __init__(self, reflector: Reflector[T], codec: Codec[T]) -> None:
        self._codec = codec
        self.objects: dict[str, tuple[str, str]] = {}
        self.told: list[tuple[str, str]] = []
        self.error: K8sOpsError | None = None
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._run(reflector))

    async def _run(self, reflector: Reflector[T]) -> None:
        try:
            async with aclosing(reflector.batches()) as batches:
                async for changes in batches:
                    for change in changes:
                        self._take(change)
                    self._news.set()
        except K8sOpsError as error:
            self.error = error
            self._news.set()

    def _take(self, change: Change[T]) -> None:
        if change.item is None:
            self.told.append((change.type, change.message))
            return
        namespace, name, uid, version = self._codec.identify(change.item)
        key = f"{namespace}/{name}"
        self.told.append((change.type, name))
        held = self.objects.get(key)
        if change.type == "deleted":
            assert held is not None, f"{key} was deleted twice"
            assert held[0] == uid, f"{key}: another incarnation was deleted"
            del self.objects[key]
            return
        assert (held is None) == (change.type == "added"), f"{key} was {change.type} while held: {held}"
        assert held != (uid, version), f"{key} was told twice"
        self.objects[key] = (uid, version)

    async def until(self, condition: Callable[[], bool], what: str, deadline_s: float = 120.0) -> None:
        """Wait for a condition on the mirror or on the server."""
        try:
            async with asyncio.timeout(deadline_s):
                while not condition():
                    if self._task.done():
                        await self._task
                    try:
                        async with asyncio.timeout(0.05):
                            await self._news.wait()
                    except TimeoutError:
                        continue
                    self._news.clear()
        except TimeoutError:
            raise AssertionError(f"waited {deadline_s:g} s for: {what}; told {self.told[-20:]}") from None

    def count(self, kind: str) -> int:
        """How often a type of change was told."""
        return sum(1 for told, _ in self.told if told == kind)

    async def aclose(self) -> None:
        """Stop, and raise what the consumer's checks found."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if not self._task.cancelled() and (found := self._task.exception()):
            raise found
