"""What happened to a cluster in a span of time, one moment at a time: the first page of a post-mortem.

A moment is a fact with a source, never a conclusion. Where many are alike (one event told 300 times, a thousand error
lines in a minute) one moment stands for them, with their number and how long it went on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from k8sops.core.logs import SECOND_NS

Matter = Literal["event", "rollout", "restart", "scale", "state", "node", "run", "log"]
"""An Event of Kubernetes, a new revision, a container's end or start, replicas changed, a condition in an object's own
status, a node's condition, a run of ours, lines of a log that tell of an error."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    at_ns: int
    """Nanoseconds since the epoch."""
    matter: Matter
    subject: str
    """`Deployment shop/web`, `Pod shop/web-1 (app)`, `Node node-4`, `run 01J…`."""
    text: str
    bad: bool = False
    """Whether it tells of trouble."""
    count: int = 1
    until_ns: int = 0
    """The last of several; 0 where there was one."""
    targets: tuple[str, ...] = ()
    """Of a run's start: the subjects it changes."""
    run: str = ""
    """The run of ours that was changing this subject just then: together in time, which is no proof of a cause."""

    @property
    def end_ns(self) -> int:
        """When it was last seen."""
        return max(self.at_ns, self.until_ns)


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A source that could not be read: what is not in the timeline, and why."""

    source: str
    why: str
    expected: bool = False
    """Whether nothing went wrong: it may not be read, is not kept, or was more than is shown."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Moments in order of time; within a second, whose fraction few sources tell, as one leads to the other."""

    since_ns: int
    until_ns: int
    moments: tuple[Moment, ...]
    unknown: tuple[Unknown, ...] = ()
    title: str = ""
    """Of what: the cluster, and the selection."""


class TimelineWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which timeline is asked for."""

    since_ns: int
    until_ns: int = 0
    """0: up to now."""
    namespaces: tuple[str, ...] = ()
    """None: every namespace, and what belongs to none."""
    objects: tuple[str, ...] = ()
    """`deployment/web`, `node/node-4`: what these are made of and belong to, alone; none: all there is."""
    logs: bool = True
    """Whether logs are searched for lines of errors."""
    lines: int = 2_000
    """Lines at the end of each container's log that are searched."""


def nanoseconds(moment: datetime) -> int:
    """A moment as timelines and logs count it: nanoseconds since the epoch."""
    return int(moment.timestamp()) * SECOND_NS + moment.microsecond * 1000
