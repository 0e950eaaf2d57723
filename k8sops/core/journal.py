"""What an action holds while its plan is carried out: steps, timers, waits and what it tells, each explicit and named.

A run is a pure function of its stored plan, events and votes. `apply` may be called again, in another process, after
the first one died: whatever the journal has on record is then answered from it instead of being done. That is why
everything that must not happen twice goes through here, under a path that is the same each time; and why these calls
map one to one to the activities, timers and signals of a distributed engine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.events import Emission
from k8sops.core.plan import JsonObject, Step, Target

Settled = Literal["done", "not_done", "unknown"]


class Interruption(BaseException):
    """The run leaves its carrier here, without having failed. Not an Exception, so that no action swallows it."""


class Parked(Interruption):
    """The run waits; its carrier lets go of it until it is due."""


class Fenced(Interruption):
    """Another carrier has the run: this one may neither write nor change the cluster any more."""


class ReviewNeeded(Interruption):
    """A step that must not be repeated may or may not have been done; a person has to look."""

    def __init__(self, path: str, known: str) -> None:
        super().__init__(known)
        self.path = path
        self.known = known


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Which run is carried out, for whom, and whether its carrier is about to let go of it."""

    run: str
    actor: str
    """As people call them: the person, else the name at the door."""
    reason: str = ""
    leaving: bool = False
    """A cancelled task is then no cancelled run: another carrier goes on, so nothing may be taken back."""


class Journal(Protocol):
    """The record of one run, as its action sees it."""

    @property
    def errand(self) -> Errand:
        """On whose behalf this is, as of now."""
        ...

    @property
    def clock(self) -> Clock:
        """Time for deadlines within a step; a wait that may be long is `pause` or `wait_until`."""
        ...

    async def step(
        self,
        step: Step,
        do: Callable[[], Awaitable[str]],
        *,
        settle: Callable[[], Awaitable[Settled]] | None = None,
    ) -> str:
        """Do a step of the plan once; `do` returns the sentence that says it is done, and so does this.

        Where an earlier carrier died inside the step, an idempotent action's step is done again; another asks
        `settle`, which looks at the cluster, and becomes `needs_review` where that cannot tell. So does one whose
        change was sent and not answered (`K8sOpsError.outcome_unknown`); not done, it raises that error. `settle`
        says `not_done` only where the cluster shows it: a request may still be under way elsewhere.
        """
        ...

    async def part(
        self,
        path: str,
        target: Target,
        do: Callable[[], Awaitable[str]],
        *,
        settle: Callable[[], Awaitable[Settled]] | None = None,
        quiet: bool = False,
    ) -> str:
        """A recorded change that is no step of its own in the plan: an item of a bulk step.

        What is `quiet` is on record for the next carrier, and no news to whoever watches.
        """
        ...

    def results_below(self, path: str) -> dict[str, str]:
        """What is on record as done below a path, with what each came to; in the order in which it was begun."""
        ...

    async def under_way_s(self, path: str) -> float:
        """Seconds since the step at `path` was first begun, by the record; 0 where it was begun here just now.

        What a deadline within a step counts from, so that it does not begin anew each time the carrier changes.
        """
        ...

    async def pause(self, path: str, seconds: float) -> None:
        """A durable timer: it passes once, however often the carrier changes; a long one parks the run."""
        ...

    async def wait_until(
        self, path: str, condition: Callable[[], Awaitable[str]], *, every_s: float, deadline_s: float
    ) -> None:
        """Park the run until `condition` returns an empty string; else it returns what is waited for.

        Raises WaitError with the last answer once the deadline has passed.
        """
        ...

    async def wait_signal(self, path: str, *, waiting_for: str, deadline_s: float) -> JsonObject:
        """Park the run until a signal of this name is sent to it; returns what came with it."""
        ...

    async def tell(self, emission: Emission) -> None:
        """A note, or progress; progress is stored at most twice a second, the last of it always."""
        ...
