"""Lines that repeat: the first is shown, the others are counted, and when ten seconds are over the last is shown too.

Two lines are alike when they differ in what holds digits only: numbers, times, ids. Alike in all pods of one kind of
container, since replicas say the same things. Time is the lines' own, so that history folds as it would have live; a
line counts as of the newest before it, or of now, where its node's clock is behind or ahead of that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.logs import SECOND_NS
from k8sops.core.text import counted
from k8sops.service.loglines.filtering import Leveled

WINDOW_NS: Final = 10 * SECOND_NS
MOST_SHAPES: Final = 4_096
LONGEST_SHAPE: Final = 512
MOST_PODS: Final = 100

_CHANGING: Final = re.compile(r"(?<![\w.+-])[A-Za-z_.+-]*+\d[^\s\"',;=(){}\[\]<>|]*")

_Key = tuple[str, str, str]


class _Alike(msgspec.Struct):
    """One shape of a line, within its ten seconds."""

    since: int
    pods: set[str]
    more: int = 0
    last: Leveled | None = None


class Folder:
    """Counts what is alike; at most 4,096 shapes are remembered, beyond that the oldest are told early."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._shapes: Final[dict[_Key, _Alike]] = {}
        self._now = 0

    def folded(self, lines: Iterable[Leveled]) -> Iterator[Leveled]:
        """First ones as they come, and of those whose time is over the last, with how many more there were."""
        latest = round(self._clock.now().timestamp() * SECOND_NS)
        for one in lines:
            entry = one[0]
            if entry.marker:
                yield one
                continue
            self._now = max(self._now, min(entry.at, latest))
            key = (entry.stream.namespace, entry.stream.container, shape_of(entry.text))
            alike = self._shapes.get(key)
            if alike is not None and self._now - alike.since < WINDOW_NS:
                alike.more += 1
                alike.last = one
                if len(alike.pods) < MOST_PODS:
                    alike.pods.add(entry.stream.pod)
                continue
            if alike is not None:
                yield from _told(self._shapes.pop(key))
            self._shapes[key] = _Alike(since=self._now, pods={entry.stream.pod})
            yield one
        yield from self._over(lambda alike: self._now - alike.since >= WINDOW_NS)

    def rest(self) -> Iterator[Leveled]:
        """All that is still counted: nothing came for a while, or it is the end."""
        shapes = list(self._shapes.values())
        self._shapes.clear()
        for alike in shapes:
            yield from _told(alike)

    def _over(self, is_over: Callable[[_Alike], bool]) -> Iterator[Leveled]:
        while self._shapes:
            key = next(iter(self._shapes))
            if len(self._shapes) <= MOST_SHAPES and not is_over(self._shapes[key]):
                return
            yield from _told(self._shapes.pop(key))


def shape_of(text: str) -> str:
    """The line with all that holds a digit put as `#`, as far as 512 characters."""
    return _CHANGING.sub("#", text[:LONGEST_SHAPE])


def _told(alike: _Alike) -> Iterator[Leveled]:
    if alike.last is None:
        return
    entry, level, note = alike.last
    if alike.more > 1:
        where = f" in {counted(len(alike.pods), 'pod')}" if len(alike.pods) > 1 else ""
        note = f"… {alike.more - 1:,} more like it{where}"
    yield entry, level, note
