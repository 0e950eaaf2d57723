"""Whose logs are wanted, said once for following, for collecting and for a timeline.

Names are those that were typed; what they mean on a cluster is found by `k8sops.logs`. Patterns are regular expressions
that are searched for, as stern's are; they run on the linear engine, since a chat may have typed them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Literal, Protocol

import msgspec

from k8sops.core.logs import LogEntry, LogStream
from k8sops.core.object_names import namespaces_of, object_named

ContainerPhase = Literal["running", "waiting", "terminated"]


class LogSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Pods, narrowed by whatever is given, and of these the containers; nothing given means all of them."""

    namespaces: tuple[str, ...] = ()
    """Empty: every namespace."""
    workloads: tuple[str, ...] = ()
    """`deployment/web`, `cronjob/nightly`, `pod/web-1`, `shop/pod/web-1`: the pods of any of these."""
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

    @property
    def places(self) -> tuple[str, ...]:
        """The namespaces that are looked into: of workloads that say their own, that; empty: every one."""
        named = [object_named(one) for one in self.workloads]
        if not self.namespaces and not (named and all(one and one.namespace for one in named)):
            return ()
        return namespaces_of(self.workloads, self.namespaces) if named else self.namespaces


class LogSpan(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of each container's log, and whether what comes is wanted as well."""

    tail: int | None = 100
    """Lines at the end; None: all that the kubelet still has, or all of `since`."""
    since_s: int = 0
    """How far back, in seconds; 0: no limit."""
    since_ns: int = 0
    """From this moment on, in nanoseconds since the epoch; 0: no limit."""
    head: int = 0
    """In place of the end so many lines at the beginning of what there is; nothing is followed then."""
    previous: bool = False
    """The life of each container before the present one, alone; it has ended, so that nothing is followed."""
    last_words: int = 0
    """So many lines of the life before, where that ended badly, above the present one's."""
    follow: bool = True

    @property
    def goes_on(self) -> bool:
        """Whether what comes is wanted."""
        return self.follow and not self.previous and not self.head


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
    more_gaps: int = 0
    """Gaps beyond those that are listed."""
    errors: tuple[str, ...] = ()
    """Namespaces and streams that could not be read, each with its reason."""


class LogProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a request has come with its streams; `said` is what a door shows."""

    streams: int = 0
    read: int = 0
    """Whose past has been read."""
    opened: int = 0
    """Which are followed now."""
    follows: bool = False
    """Whether streams are being opened to be followed, or still read back."""

    @property
    def said(self) -> str:
        """`412 of 500 streams open`."""
        done, word = (self.opened, "open") if self.follows else (self.read, "read")
        return f"{done} of {self.streams} streams {word}"


class LogFollow(Protocol):
    """The lines of a selection; iterate `batches` once, and close it to stop."""

    def batches(self) -> AsyncGenerator[Sequence[LogEntry], None]:
        """What there is in order of time, then what comes, in order within 200 ms.

        Without `follow` all of it in one total order. Ends where nothing more can come. Raises UsageError for a
        pattern or a kind that is none, NotFoundError, ForbiddenError where nothing at all may be read.
        """
        ...

    @property
    def summary(self) -> LogSummary:
        """What it has come to so far; whole once `batches` has ended or was closed."""
        ...

    @property
    def progress(self) -> LogProgress:
        """How many streams are open."""
        ...
