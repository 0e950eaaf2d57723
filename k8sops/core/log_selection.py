"""Whose logs are wanted, said once for following, for collecting and for a timeline.

Names are those that were typed; what they mean on a cluster is found by `k8sops.logs`. Patterns are regular expressions
that are searched for, as stern's are; they run on the linear engine, since a chat may have typed them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from k8sops.core.logs import LogStream

ContainerPhase = Literal["running", "waiting", "terminated"]


class LogSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Pods, narrowed by whatever is given, and of these the containers; nothing given means all of them."""

    namespaces: tuple[str, ...] = ()
    """None: every namespace."""
    workloads: tuple[str, ...] = ()
    """`deployment/web`, `cronjob/nightly`, `pod/web-1`: the pods of any of these."""
    pods: str = ""
    """A pattern of pod names."""
    exclude_pods: tuple[str, ...] = ()
    labels: str = ""
    """A label selector."""
    fields: str = ""
    """A field selector of pods."""
    nodes: tuple[str, ...] = ()
    containers: str = ""
    """A pattern of container names."""
    exclude_containers: tuple[str, ...] = ()
    init: bool = True
    ephemeral: bool = True
    phases: tuple[ContainerPhase, ...] = ()
    """States that a container must be in to be taken; none given: any."""


class LogSpan(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of each container's log, and whether what comes is wanted as well."""

    tail: int | None = 100
    """Lines at the end; None: all that the kubelet still has, or all of `since`."""
    since_s: int = 0
    """How far back, in seconds; 0: no limit."""
    since_ns: int = 0
    """From this moment on, in nanoseconds since the epoch; 0: no limit."""
    previous: bool = False
    """The life of each container before the present one, alone."""
    follow: bool = True


class LogGap(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that were there, or may have been, and can be served no more."""

    stream: LogStream
    after_ns: int
    """The last line before it; 0 where nothing of the stream was seen."""
    until_ns: int
    """The first line behind it; 0 where none came."""
    why: str


class LogSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a log request came to."""

    lines: int = 0
    streams: int = 0
    reconnects: int = 0
    gaps: tuple[LogGap, ...] = ()
    errors: tuple[str, ...] = ()
    """Streams that could not be read at all, each with its reason."""
