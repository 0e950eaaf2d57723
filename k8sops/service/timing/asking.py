"""What was typed for a timeline, made into what is wanted; the same at every door. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from k8sops.core.errors import UsageError
from k8sops.core.moments import parse_moment, parse_span
from k8sops.core.timeline import TimelineWanted, nanoseconds

SINCE: Final = "1h"
LINES: Final = 2_000
_NODES: Final = frozenset({"node", "nodes", "no"})


def timeline_wanted(
    objects: Sequence[str],
    namespace: str,
    now: datetime,
    *,
    every_namespace: bool = False,
    namespace_is_default: bool = False,
    since: str = "",
    from_: str = "",
    until: str = "",
    logs: bool = True,
    lines: int = LINES,
) -> TimelineWanted:
    """`namespace` may be several, separated by commas; nodes are looked at in all, unless one was given.

    Raises UsageError naming the flag.
    """
    if since and from_:
        raise UsageError("--since and --from both say where it begins", hint="give one of the two")
    end = parse_moment(until, now, "--until") if until else None
    begin = (
        parse_moment(from_, now, "--from") if from_ else (end or now) - parse_span(since or SINCE, "--since")
    )
    if begin >= (end or now):
        raise UsageError("the window ends before it begins", hint="--from and --until are moments, in UTC")
    for one in objects:
        kind, slash, name = one.partition("/")
        if not (kind and slash and name):
            raise UsageError(f"{one!r} names no object", hint="write KIND/NAME, such as deployment/web")
    nodes = bool(objects) and all(one.partition("/")[0] in _NODES for one in objects)
    everywhere = every_namespace or (nodes and namespace_is_default)
    return TimelineWanted(
        since_ns=nanoseconds(begin),
        until_ns=nanoseconds(end) if end is not None else 0,
        namespaces=() if everywhere else tuple(part for part in namespace.split(",") if part),
        objects=tuple(objects),
        logs=logs,
        lines=lines,
    )
