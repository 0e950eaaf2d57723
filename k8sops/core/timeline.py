"""What happened to a cluster in a span of time, one moment at a time: the first page of a post-mortem.

A moment is a fact with a source, never a conclusion. Where many are alike (one event told 300 times, a thousand error
lines in a minute) one moment stands for them, with their number and how long it went on.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Matter = Literal["event", "rollout", "restart", "scale", "node", "run", "log"]
"""An Event of Kubernetes, a new revision, a container's end or start, replicas changed, a node's condition, a run of
ours, lines of a log that tell of an error."""


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


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A source that could not be read: what is not in the timeline, and why."""

    source: str
    why: str


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Moments in order of time."""

    since_ns: int
    until_ns: int
    moments: tuple[Moment, ...]
    unknown: tuple[Unknown, ...] = ()
    title: str = ""
    """Of what: the cluster, and the selection."""
