"""What happens in a run, one event at a time; every display, log and record derives from these."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Literal

import msgspec

from k8sops.core.clock import rfc3339
from k8sops.core.moments import in_words
from k8sops.core.plan import JsonObject

EventKind = Literal[
    "state",  # the run changed state; data.state
    "step_started",  # a step's mutation is about to be sent
    "step_done",  # the step's change is made, data holds what the cluster answered
    "step_failed",
    "progress",  # data: done, total, unit, eta_s, waiting_for, waiting_since
    "note",  # something the watcher should read: a reconnect, a conflict retried
]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event: `seq` counts from 1 in its run, without gaps."""

    seq: int
    at: datetime
    kind: EventKind
    text: str
    step: str = ""
    data: JsonObject = {}


class Emission(msgspec.Struct, frozen=True, kw_only=True):
    """An event as an action emits it, before the engine gives it time and number."""

    kind: EventKind
    text: str
    step: str = ""
    data: JsonObject = {}


QUIET: Final[JsonObject] = {"quiet": True}
"""In an event's data: it is on record, and no news to whoever watches."""
MADE: Final = "made"
"""In an event's data: objects that were made, as `namespace` and `targets` (KIND/NAME); deleting them takes it back."""

Emit = Callable[[Emission], Awaitable[None]]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is; `waiting_for` names the object and what about it."""

    done: int = 0
    total: int = 0
    unit: str = ""
    eta_s: float | None = None
    waiting_for: str = ""
    waiting_since: datetime | None = None
    """Told once: how long that is, each reader's own clock says, for nothing may happen for as long as it lasts."""

    def waiting(self, now: datetime) -> str:
        """`payments-pdb: 0 disruptions allowed, since 40 s`; empty where it waits for nothing."""
        return waiting_text(self.waiting_for, self.waiting_since, now)


def waits(what: str, since: datetime | None) -> JsonObject:
    """The part of a progress event's data that says what is waited for, and since when."""
    return {"waiting_for": what, "waiting_since": rfc3339(since) if what and since else None}


def waiting_text(what: str, since: datetime | None, now: datetime) -> str:
    """What is waited for, with how long by the reader's clock; the first second is not counted."""
    waited_s = (now - since).total_seconds() if what and since is not None else 0.0
    return f"{what}, since {in_words(waited_s)}" if waited_s >= 1 else what
