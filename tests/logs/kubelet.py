"""A kubelet's logs at the seam `LogCluster`, with all that happens to them: rotation, restarts, cuts, late news.

One pod with one container. A life's file only grows, until it is rotated: then the lines before are served no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from k8sops.cluster.logs import LogBlock, LogQuery
from k8sops.core.errors import InvalidError, NotFoundError, UnreachableError
from k8sops.core.logs import SECOND_NS, LogStream, moment_of
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource, WatchEvent

BEGIN: Final = 1_795_000_000 * SECOND_NS
DOWN: Final = UnreachableError("the API server is away")


class Written:
    """A line: when, and what."""

    def __init__(self, at: int, text: str) -> None:
        self.at: Final = at
        self.text: Final = text
        self.raw: Final = f"{moment_of(at):%Y-%m-%dT%H:%M:%S}.{at % SECOND_NS:09d}Z {text}"


class Life:
    """One run of the container."""

    def __init__(self, number: int, started: int) -> None:
        self.number: Final = number
        self.started: Final = started
        self.lines: list[Written] = []
        self.kept_from = 0
        self.ended = False
        self.was_read = False
        self.was_told = not number


class Kubelet:
    """Moved by the test alone; time is the kubelet's own."""

    def __init__(self, at_once: int = 3) -> None:
        """`at_once`: how many lines a read brings at most."""
        self.now = BEGIN
        self.lives = [Life(0, BEGIN)]
        self.up = True
        self.gone = False
        self._at_once = at_once
        self._connections = 0
        self._changed = asyncio.Event()
        self._events: asyncio.Queue[WatchEvent] = asyncio.Queue()

    @property
    def life(self) -> Life:
        return self.lives[-1]

    def write(self, text: str, *, after_ns: int) -> None:
        """A line; time goes on by so much, or back."""
        self.now += after_ns
        self.life.lines.append(Written(self.now, text))
        self._move()

    def again(self) -> None:
        """The same line at the same nanosecond once more; across a rotation nobody could tell which of them it is."""
        if len(self.life.lines) > self.life.kept_from:
            self.life.lines.append(self.life.lines[-1])
            self._move()

    def rotate(self) -> None:
        """What was written so far is kept in another file, which nobody serves.

        Of a life of which nothing was read, or heard, that leaves no trace at all: nobody could tell of a gap.
        """
        if not (self.life.was_read and self.life.was_told):
            return
        self.life.kept_from = len(self.life.lines)
        self._move()

    def restart(self, *, after_ns: int = 1) -> None:
        """The container ends and begins anew; its pod has not said so yet."""
        self.life.ended = True
        self.now += after_ns
        self.lives.append(Life(self.life.number + 1, self.now))
        self._move()

    def tell(self) -> None:
        """The pod's status says how things are."""
        self.life.was_told = True
        self._events.put_nowait(WatchEvent(type="modified", object=self.pod()))

    def cut(self) -> None:
        """Every connection breaks."""
        self._connections += 1
        self._move()

    def delete(self) -> None:
        """The pod is gone, and so are its logs."""
        pod, self.gone = self.pod(), True
        self._events.put_nowait(WatchEvent(type="deleted", object=pod))
        self._move()

    def pod(self) -> JsonObject:
        life = self.life
        before = {"terminated": {"exitCode": 1, "startedAt": "", "finishedAt": ""}} if life.number else {}
        told: dict[str, Any] = {"running": {"startedAt": f"{moment_of(life.started):%Y-%m-%dT%H:%M:%SZ}"}}
        status = {"name": "app", "restartCount": life.number, "state": told, "lastState": before}
        return {
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "uid-1"},
            "spec": {"containers": [{"name": "app"}]},
            "status": {"phase": "Running", "containerStatuses": [status]},
        }

    async def resource(self, kind: str) -> Resource:
        return Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)

    async def get(self, resource: Resource, name: str, namespace: str = "") -> JsonObject:
        if not self.up:
            raise DOWN
        if self.gone:
            raise NotFoundError("pod shop/web-1 does not exist")
        return self.pod()

    async def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[JsonObject, None]:
        yield self.pod()

    async def watch(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[WatchEvent, None]:
        yield WatchEvent(type="added", object=self.pod())
        yield WatchEvent(type="synced")
        while True:
            yield await self._events.get()

    async def log(
        self, stream: LogStream, query: LogQuery, on_sent: Callable[[], None] | None = None
    ) -> AsyncGenerator[LogBlock, None]:
        if on_sent is not None:
            on_sent()
        await asyncio.sleep(0)
        self._checked()
        life, mine = self.life, self._connections
        if query.previous:
            if len(self.lives) == 1:
                raise InvalidError("previous terminated container not found")
            life = self.lives[-2]
        since = int(query.since_time.timestamp()) * SECOND_NS if query.since_time else 0
        if query.since_seconds is not None:
            since = self.now - query.since_seconds * SECOND_NS
        place = life.kept_from
        if query.tail_lines is not None:
            place = max(place, len(life.lines) - query.tail_lines)
        while True:
            there = life.lines[place : place + self._at_once]
            place += len(there)
            if lines := [one.raw for one in there if one.at >= since]:
                yield LogBlock(lines, {})
                life.was_read |= life.was_told
                # Others have their turn, and may cut what is on its way.
                await asyncio.sleep(0)
                if mine != self._connections:
                    raise DOWN
            if there:
                continue
            if life.ended or not query.follow:
                return
            self._changed.clear()
            await self._changed.wait()
            if mine != self._connections:
                self._checked()
                raise DOWN

    def _checked(self) -> None:
        if not self.up:
            raise DOWN
        if self.gone:
            raise NotFoundError("pod shop/web-1 does not exist")

    def _move(self) -> None:
        self._changed.set()
