"""What every source of a bundle is given, and what it is: a function that writes files and says what it could not read.

A source never fails the bundle. It raises nothing but what ends the run: cancellation, and a sink that cannot write.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from typing import Final, NamedTuple, Protocol

import msgspec

from k8sops.bundle.port import BundleSink
from k8sops.core.clock import Clock
from k8sops.core.log_selection import LogSelection
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader
from k8sops.core.timeline import Moment
from k8sops.logs.finding import FoundPod

READERS: Final = 8
"""Requests of one source that are under way at once."""


class Window(NamedTuple):
    """From when to when, in nanoseconds since the epoch."""

    since_ns: int
    until_ns: int


class OwnRecords(Protocol):
    """Our own record of the window, as the service has it."""

    def audit_lines(self, window: Window) -> AsyncGenerator[bytes, None]:
        """Audit records, a line of JSON each, redacted as they are stored."""
        ...

    def run_moments(
        self, window: Window, namespaces: Collection[str], nodes: Collection[str]
    ) -> AsyncGenerator[Moment, None]:
        """Our runs on this cluster that are about these namespaces, or nodes of theirs; all where none is given."""
        ...


class LogsTold(msgspec.Struct):
    """How far the logs are: told while the run goes, and judged at its end."""

    total: int = 0
    done: int = 0
    bytes: int = 0
    begun_at: float = 0.0
    """On the clock that only goes forward."""


class Gathering(msgspec.Struct, frozen=True, kw_only=True):
    """One bundle being gathered."""

    cluster: ClusterReader
    clock: Clock
    sink: BundleSink
    selection: LogSelection
    window: Window
    pods: tuple[JsonObject, ...]
    """The pods that are meant, whole."""
    namespaces: tuple[str, ...]
    """Where they are."""
    records: OwnRecords
    moments: list[Moment]
    """What sources found that happened; the timeline is made of these at the end."""
    found: tuple[FoundPod, ...] = ()
    """The same pods, with those of their containers whose logs are wanted."""
    previous: bool = True
    """Whether what a container logged before its last restart is wanted."""
    tail: int = 0
    """At most so many lines at the end of each log; 0 for all."""
    until_is_set: bool = False
    """Whether lines behind the window are to be cut off: it ends before now."""
    most_each: int = 20 << 20
    """The most bytes of one log."""
    exhausted: Callable[[], bool] = bool
    """Whether nothing more fits into the bundle."""
    logs: LogsTold = msgspec.field(default_factory=LogsTold)


Source = Callable[[Gathering], Awaitable[None]]
