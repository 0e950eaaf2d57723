"""A timeline of a live cluster: objects, runs of ours, then the logs; whatever of these can be had.

Nothing is changed and nothing stored. Texts go out redacted, for a timeline is made to be handed on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import NotFoundError
from k8sops.core.logs import SECOND_NS
from k8sops.core.ports import ClusterReader
from k8sops.core.timeline import Moment, Timeline, TimelineWanted, Unknown, nanoseconds
from k8sops.logs.namespaces import absent
from k8sops.service.timing.lists import OF_NODES, Lists
from k8sops.service.timing.own import OwnRuns
from k8sops.service.timing.pods import Pods
from k8sops.service.timing.scope import Scope
from k8sops.service.timing.searching import Search
from k8sops.timeline.merging import merged

if TYPE_CHECKING:
    from k8sops.redact import TextRedactor
    from k8sops.service.storing import Storage

AHEAD_NS: Final = 3600 * SECOND_NS
"""What bears a time so far ahead of ours comes of a clock that is wrong, and still happened."""


async def live_timeline(
    reader: ClusterReader,
    wanted: TimelineWanted,
    *,
    storage: Storage,
    redactor: TextRedactor,
    clock: Clock,
    told: Callable[[str], None] = lambda _: None,
) -> Timeline:
    """What happened, as far as it can be read.

    Raises NotFoundError where what was named, or every namespace, is neither there nor told of, and what reading
    raises where nothing can be read at all.
    """
    scope = Scope()
    pods, lists = Pods(reader, scope, wanted), Lists(reader, scope, told)
    own, search = OwnRuns(storage, reader.info.uid, wanted), Search(reader, wanted, told)
    told("reading pods")
    await pods.read()
    await lists.read(wanted.namespaces)
    await lists.read_nodes(with_events=bool(wanted.namespaces) and OF_NODES not in wanted.namespaces)
    if not wanted.objects:
        scope.nodes |= lists.nodes
    scope.settle()
    await own.read(scope)
    objects = [moment for moment in (*pods.moments, *lists.moments) if _concerns(moment, wanted, scope)]
    if wanted.objects and not objects and scope.has_gone:
        raise NotFoundError(f"{scope.has_gone} does not exist, and no event tells of it")
    if wanted.logs:
        await search.run(pods.lives)
    moments = [*objects, *own.moments, *search.moments]
    gone = await absent(reader, wanted.namespaces)
    until_ns = wanted.until_ns or _end(moments, clock)
    found = merged(
        moments,
        since_ns=wanted.since_ns,
        until_ns=until_ns,
        unknown=(*map(_gone, gone), *pods.unknown, *lists.unknown, *own.unknown, *search.unknown),
        title=_title(reader.info.name, wanted),
    )
    if gone and len(gone) == len(wanted.namespaces) and not found.moments:
        raise NotFoundError(f"namespace {', '.join(gone)} does not exist, and no run of ours tells of it")
    return await asyncio.to_thread(redacted, found, redactor)


def redacted(timeline: Timeline, redactor: TextRedactor) -> Timeline:
    """The timeline with no secret in its texts."""
    known: dict[str, str] = {}

    def clean(moment: Moment) -> Moment:
        text = known.get(moment.text)
        if text is None:
            text = known[moment.text] = redactor.redact(moment.text)
        return moment if text == moment.text else msgspec.structs.replace(moment, text=text)

    return msgspec.structs.replace(timeline, moments=tuple(clean(one) for one in timeline.moments))


def _concerns(moment: Moment, wanted: TimelineWanted, scope: Scope) -> bool:
    if wanted.objects:
        return scope.takes(moment)
    # Of all nodes those count on which something of it runs.
    return not (wanted.namespaces and moment.subject.startswith("Node ")) or moment.subject[5:] in scope.nodes


def _gone(namespace: str) -> Unknown:
    return Unknown(source=f"namespace {namespace}", why="it does not exist")


def _end(moments: Iterable[Moment], clock: Clock) -> int:
    now = nanoseconds(clock.now())
    return max((one.end_ns for one in moments if now < one.end_ns <= now + AHEAD_NS), default=now)


def _title(cluster: str, wanted: TimelineWanted) -> str:
    where = f"namespace {', '.join(wanted.namespaces)}" if wanted.namespaces else "all namespaces"
    return ": ".join(part for part in (f"Cluster {cluster}, {where}", ", ".join(wanted.objects)) if part)
