"""Logs searched for lines of errors: the end of each, many side by side, none kept; within a time for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from k8sops.cluster.client_base import PODS
from k8sops.cluster.logs import LogQuery
from k8sops.cluster.paths import object_path
from k8sops.core.errors import ForbiddenError, InvalidError, K8sOpsError, NotFoundError
from k8sops.core.logs import moment_of
from k8sops.core.ports import ClusterReader
from k8sops.core.tasks import all_of
from k8sops.core.text import counted
from k8sops.core.timeline import Moment, TimelineWanted, Unknown
from k8sops.service.timing.pods import Life
from k8sops.timeline.error_lines import ErrorLines

AT_ONCE: Final = 16
MOST_LOGS: Final = 400
MOST_BYTES: Final = 8 << 20
SILENCE_S: Final = 30.0
WITHIN_S: Final = 120.0
_TOLD_EVERY: Final = 20
MOST_FAILURES_NAMED: Final = 5


class Search:
    """What logs gave, and which were not searched."""

    def __init__(self, reader: ClusterReader, wanted: TimelineWanted, told: Callable[[str], None]) -> None:
        self.moments: Final[list[Moment]] = []
        self.unknown: Final[list[Unknown]] = []
        self._reader = reader
        self._wanted = wanted
        self._told = told
        self._done = 0
        self._forbidden: list[Life] = []
        self._failed: list[tuple[Life, str]] = []

    async def run(self, lives: Sequence[Life]) -> None:
        """All of them as far as time and number go, those of troubled pods first."""
        chosen = sorted(lives, key=lambda one: (one.rank, one.stream))[:MOST_LOGS]
        waiting = iter(chosen)
        self._told(f"searching {counted(len(chosen), 'log')} for lines of errors")

        async def searcher() -> None:
            for life in waiting:
                await self._one(life)
                self._done += 1
                if not self._done % _TOLD_EVERY:
                    self._told(f"logs searched: {self._done} of {len(chosen)}")

        try:
            async with asyncio.timeout(WITHIN_S):
                await all_of(searcher() for _ in range(min(AT_ONCE, len(chosen))))
        except TimeoutError:
            left = counted(len(chosen) - self._done, "log")
            self.unknown.append(Unknown(source=f"errors of {left}", why=f"not read within {WITHIN_S:g} s"))
        self._say_what_is_missing(len(lives) - len(chosen))

    async def _one(self, life: Life) -> None:
        errors = ErrorLines(life.stream, previous=life.previous)
        query = LogQuery(
            container=life.stream.container,
            previous=life.previous,
            timestamps=True,
            tail_lines=self._wanted.lines,
            since_time=moment_of(self._wanted.since_ns).replace(microsecond=0),
            limit_bytes=MOST_BYTES,
        )
        path = object_path(PODS, life.stream.pod, life.stream.namespace, "log")
        try:
            async for piece in self._reader.bytes_at(path, query.pairs(), read_timeout_s=SILENCE_S):
                errors.feed(piece)
        except (NotFoundError, InvalidError):
            # The pod or this life of its container is gone by now: what was read of it stands.
            pass
        except ForbiddenError:
            self._forbidden.append(life)
        except K8sOpsError as error:
            self._failed.append((life, error.message))
        self.moments.extend(errors.moments())

    def _say_what_is_missing(self, beyond: int) -> None:
        if beyond:
            why = f"no more than {MOST_LOGS} are searched, those of pods in trouble first"
            self.unknown.append(Unknown(source=f"errors of {counted(beyond, 'log')}", why=why, expected=True))
        for namespace in sorted({life.stream.namespace for life in self._forbidden}):
            self.unknown.append(Unknown(source=f"logs in {namespace}", why="not permitted", expected=True))
        for life, why in self._failed[:MOST_FAILURES_NAMED]:
            self.unknown.append(
                Unknown(source=f"log of {life.stream.namespace}/{life.stream.label}", why=why)
            )
        more = len(self._failed) - MOST_FAILURES_NAMED
        if more > 0:
            self.unknown.append(Unknown(source=counted(more, "more log"), why="they could not be read"))
