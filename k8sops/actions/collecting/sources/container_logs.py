"""What every container logged in the window, and before its last restart: many streams side by side, none held whole.

Bytes stay as the kubelet gives them, each line led by its time. A stream that breaks is taken up again behind its last
line; what came before is kept whatever becomes of the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Final, NamedTuple

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.log_cutting import LineEnds
from k8sops.bundle.errors import BundleError
from k8sops.bundle.file import WHOLE_LIMIT
from k8sops.bundle.naming import safe_part
from k8sops.bundle.port import BundleFile
from k8sops.cluster.client_base import PODS
from k8sops.cluster.paths import object_path
from k8sops.core.clock import rfc3339
from k8sops.core.errors import InvalidError, K8sOpsError
from k8sops.core.logs import LogStream, moment_of, stamp_ns
from k8sops.core.redaction import TextForm
from k8sops.core.tasks import all_of
from k8sops.logs.containers import ContainerState
from k8sops.timeline.error_lines import ErrorLines

AT_ONCE: Final = 16
TRIES: Final = 3
PAUSE_S: Final = 0.5
SILENCE_S: Final = 60.0
_MORE: Final = 64 << 10
"""Bytes asked for beyond the limit, so that it is seen to be reached."""


class Life(NamedTuple):
    """One log: of the present life of a container, or of the one before."""

    stream: LogStream
    previous: bool

    @property
    def path(self) -> str:
        """In the bundle."""
        one = self.stream
        ending = ".previous.log" if self.previous else ".log"
        return f"namespaces/{safe_part(one.namespace)}/pods/{safe_part(one.pod)}/{safe_part(one.container)}{ending}"

    @property
    def source(self) -> str:
        """Where it is read."""
        path = f"{object_path(PODS, self.stream.pod, self.stream.namespace)}/log?container={self.stream.container}"
        return f"{path}&previous=true" if self.previous else path


async def container_logs(gathering: Gathering) -> None:
    """Every log of the selection, `AT_ONCE` at a time."""
    lives = list(_lives(gathering))
    gathering.logs.total = len(lives)
    gathering.logs.begun_at = gathering.clock.monotonic()
    waiting = iter(lives)
    begun: set[Life] = set()

    async def each() -> None:
        for life in waiting:
            begun.add(life)
            await _one(gathering, life)
            gathering.logs.done += 1

    try:
        await all_of(each() for _ in range(min(AT_ONCE, len(lives))))
    except asyncio.CancelledError:
        for life in lives:
            if life not in begun:
                gathering.sink.missing(life.path, source=life.source, why="time was up before it was begun")
        raise


def _lives(gathering: Gathering) -> Iterator[Life]:
    for pod, containers in gathering.found:
        metadata = pod["metadata"]
        for container in containers:
            stream = LogStream(metadata["namespace"], metadata["name"], container.name)
            if container.state.readable:
                yield Life(stream, previous=False)
            if gathering.previous and _ran_before(container.state, gathering.window.since_ns):
                yield Life(stream, previous=True)


def _ran_before(state: ContainerState, since_ns: int) -> bool:
    """Whether a life before the present one ended in the window; while a container waits, it is the present log."""
    return state.before is not None and (stamp_ns(state.before.at) or since_ns) >= since_ns


async def _one(gathering: Gathering, life: Life) -> None:
    """One log, whole or as far as it goes; says itself what is missing of it."""
    sink = gathering.sink
    if gathering.exhausted():
        sink.missing(life.path, source=life.source, why=f"{WHOLE_LIMIT} was reached before it was begun")
        return
    reading = _Reading(gathering, life)
    try:
        first = await reading.next()
    except asyncio.CancelledError:
        sink.missing(life.path, source=life.source, why="time was up before anything of it came")
        await reading.close()
        raise
    except K8sOpsError as error:
        sink.missing(life.path, source=life.source, why=error.message, note=isinstance(error, InvalidError))
        await reading.close()
        return
    errors = ErrorLines(life.stream, previous=life.previous)
    try:
        form = TextForm.STAMPED_LOG
        async with sink.file(life.path, source=life.source, form=form, watch=errors.feed) as file:
            await _rest(gathering, reading, first, file)
    finally:
        await reading.close()
        gathering.moments.extend(errors.moments())


async def _rest(gathering: Gathering, reading: _Reading, piece: bytes, file: BundleFile) -> None:
    try:
        while piece:
            gathering.logs.bytes += len(piece)
            await file.write(piece)
            if file.full:
                break
            piece = await reading.next()
    except BundleError:
        raise
    except asyncio.CancelledError:
        file.error("time was up: what came later is not in it")
        raise
    except K8sOpsError as error:
        file.error(f"the stream broke: {error.message}")
    if reading.resumed:
        file.error(f"the stream broke and was taken up again {reading.resumed} times", note=True)
    if reading.at_limit:
        file.truncated("the limit for each file: what came later is not in it")


class _Reading:
    """The pieces of one log as they stand in the bundle; a request that breaks is made again behind its last line."""

    def __init__(self, gathering: Gathering, life: Life) -> None:
        self._gathering: Final = gathering
        self._life: Final = life
        self._until: Final = gathering.window.until_ns if gathering.until_is_set else 0
        self._lines: Final = LineEnds(self._until)
        self._read = 0
        self._over = False
        self.resumed = 0
        self._pieces = self._asked()

    @property
    def at_limit(self) -> bool:
        """Whether the server was asked for no more than came."""
        return self._read >= self._gathering.most_each + _MORE

    async def next(self) -> bytes:
        """The next whole lines; empty at the end. Raises K8sOpsError where it cannot be gone on with."""
        while not self._over:
            try:
                data = await anext(self._pieces, b"")
            except K8sOpsError as error:
                if not await self._again(error):
                    raise
                continue
            if not data:
                self._over = True
                return self._lines.rest()
            self._read += len(data)
            lines = self._lines.feed(data)
            self._over = self._lines.past_end
            if lines or self._over:
                return lines
        return b""

    async def close(self) -> None:
        """Let go of the connection."""
        await self._pieces.aclose()

    async def _again(self, error: K8sOpsError) -> bool:
        """Ask anew where that may help: behind the last line that came, if any did."""
        await self._pieces.aclose()
        if not error.transient or self.resumed + 1 >= TRIES or not self._lines.can_resume:
            return False
        self.resumed += 1
        await self._gathering.clock.sleep(PAUSE_S * self.resumed)
        self._lines.resume()
        self._pieces = self._asked()
        return True

    def _asked(self) -> AsyncGenerator[bytes, None]:
        since = self._lines.last_ns or self._gathering.window.since_ns
        query = [
            ("container", self._life.stream.container),
            ("timestamps", "true"),
            ("sinceTime", rfc3339(moment_of(since).replace(microsecond=0))),
            ("limitBytes", str(self._gathering.most_each + _MORE - self._read)),
        ]
        if self._life.previous:
            query.append(("previous", "true"))
        if self._gathering.tail and not self.resumed:
            query.append(("tailLines", str(self._gathering.tail)))
        one = self._life.stream
        return self._gathering.cluster.bytes_at(
            f"{object_path(PODS, one.pod, one.namespace)}/log",
            query,
            read_timeout_s=SILENCE_S,
            subject=f"log of {one.namespace}/{one.label}",
        )
