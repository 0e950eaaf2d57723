"""What an overview of a cluster says: tiles, what is in trouble and why, and the facts below one trouble.

Values only. The service fills them, each tile by itself, so that what may not be read here is still told there; doors
render them.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Gauge(StrEnum):
    """How a tile, a trouble or a fact is to be read."""

    WAITING = "waiting"
    """Nothing is known yet."""
    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"
    """It could not be found out; the text says why."""
    DENIED = "denied"
    """It may not be read by whoever looks."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A line below a diagnosis; `label` is what it is about."""

    label: str
    text: str
    gauge: Gauge = Gauge.OK
    at: datetime | None = None
    """When it happened, or since when it has been so."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """How often something happened, in equal spans of time, the oldest first."""

    name: str
    counts: tuple[int, ...]


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the overview: a name, a verdict and one sentence."""

    name: str
    gauge: Gauge = Gauge.WAITING
    text: str = ""
    series: tuple[Series, ...] = ()
    facts: tuple[tuple[str, tuple[Fact, ...]], ...] = ()
    """What the sentence rests on, by heading."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it should be: a workload, a pod of nobody's, a Job or a node."""

    kind: str
    """As in `Target.kind`."""
    name: str
    namespace: str = ""
    uid: str = ""
    gauge: Gauge = Gauge.BAD
    ready: str = ""
    """`1/3` where it has pods."""
    word: str = ""
    """One or two words, as a status column would have them."""
    why: str = ""
    """One sentence."""
    since: datetime | None = None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster at a glance, as of `at`."""

    at: datetime
    tiles: tuple[Tile, ...]
    troubles: tuple[Trouble, ...] = ()
    lost: str = ""
    """Why what is shown may be out of date; empty while the cluster answers."""
    lost_since: datetime | None = None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Why one object is in trouble, and what that rests on, by heading."""

    kind: str
    name: str
    namespace: str = ""
    gauge: Gauge = Gauge.OK
    why: str = ""
    since: datetime | None = None
    facts: tuple[tuple[str, tuple[Fact, ...]], ...] = ()
