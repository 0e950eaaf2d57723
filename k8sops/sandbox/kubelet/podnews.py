"""News of the pods whose logs are followed: one watch for all of them, which runs only while somebody follows.

A poll would tell seconds late that a container has ended, and of five hundred followers it would be hundreds of
requests a second. What happened while the watch was broken is made up for by looking at each pod once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from k8sops.sandbox.podlookup import JsonObject, PodLookup

RETRY_SECONDS: Final = 1.0
LOOKS_AT_ONCE: Final = 16
_WHICH: Final = re.compile(
    rb'"metadata":\{"name":"([^"]+)"(?:,"generateName":"[^"]*")?,"namespace":"([^"]+)"'
)

Heard = Callable[[JsonObject | None], None]


class Subscription:
    """One follower's interest in one pod."""

    def __init__(self) -> None:
        self._heard: Heard | None = None
        self._missed: list[JsonObject | None] = []

    def listen(self, heard: Heard) -> None:
        """Hear of each change, and at once of the last one that came before; None is a pod that is gone."""
        self._heard = heard
        if self._missed:
            heard(self._missed.pop())

    def tell(self, pod: JsonObject | None) -> None:
        """Pass a change on."""
        if self._heard is None:
            self._missed = [pod]
        else:
            self._heard(pod)


class PodNews:
    """Tells followers what becomes of their pods."""

    def __init__(self, pods: PodLookup) -> None:
        self._pods: Final = pods
        self._wanted: Final[dict[tuple[str, str], set[Subscription]]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()

    @asynccontextmanager
    async def of(self, namespace: str, name: str) -> AsyncIterator[Subscription]:
        """News of one pod, of all that happens to it from here on."""
        where, subscription = (namespace, name), Subscription()
        self._wanted.setdefault(where, set()).add(subscription)
        if self._watching is None:
            self._begun.clear()
            self._watching = asyncio.create_task(self._watch())
        try:
            await self._begun.wait()
            yield subscription
        finally:
            self._wanted[where].discard(subscription)
            if not self._wanted[where]:
                del self._wanted[where]
            if not self._wanted and self._watching is not None:
                self._watching.cancel()
                self._watching = None

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(ConnectionError):
                version = await self._pods.version()
                if self._begun.is_set():
                    await self._look_at_all()
                self._begun.set()
                async for line in self._pods.changes(version):
                    self._pass_on(line)
            # Without an answer a follower is told nothing, but it is not kept waiting for its log.
            self._begun.set()
            await asyncio.sleep(RETRY_SECONDS)

    def _pass_on(self, line: bytes) -> None:
        # The names stand at the beginning: of ten thousand pods that change only those followed are decoded.
        if (found := _WHICH.search(line, 0, 2048)) is None:
            return
        wanted = self._wanted.get((found[2].decode(), found[1].decode()))
        if wanted:
            event = json.loads(line)
            for one in tuple(wanted):
                one.tell(None if event["type"] == "DELETED" else event["object"])

    async def _look_at_all(self) -> None:
        some = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def look(namespace: str, name: str) -> None:
            async with some:
                status, pod = await self._pods.ask("GET", self._pods.path_of("pods", namespace, name))
            if status in {200, 404}:
                for one in tuple(self._wanted.get((namespace, name), ())):
                    one.tell(pod if status == 200 else None)

        await asyncio.gather(*(look(*where) for where in tuple(self._wanted)))
