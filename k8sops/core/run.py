"""A run: one proposed or executed plan with its state, votes and events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.events import Event, Progress, waiting_text
from k8sops.core.plan import Plan

RunId = str
Settlement = Literal["done", "retry", "abandon"]
"""What a person says of a step in doubt."""


class RunState(StrEnum):
    """Where a run stands (DESIGN §4)."""

    PROPOSED = "proposed"
    DENIED = "denied"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NEEDS_REVIEW = "needs_review"
    EXPIRED = "expired"
    VOID = "void"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the run by itself."""
        return self in ENDED


WAITING = frozenset({RunState.PROPOSED, RunState.AWAITING_APPROVAL})
"""States in which nothing has been sent to the cluster and a person is awaited."""

ENDED = frozenset(
    {
        RunState.DENIED,
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.CANCELLED,
        RunState.NEEDS_REVIEW,
        RunState.EXPIRED,
        RunState.VOID,
    }
)


class RunError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run did not succeed, in the words of `K8sOpsError`."""

    code: str
    message: str
    hint: str = ""


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """A person's yes or no to exactly one plan, named by its digest."""

    verdict: Literal["approve", "deny"]
    digest: str
    reason: str = ""


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A vote as recorded."""

    actor: Actor
    vote: Vote
    at: datetime
    person: str = ""
    """Whom policy knew the actor to be; empty where it knew nobody."""

    @property
    def who(self) -> str:
        """The person, else the name at the door."""
        return self.person or self.actor.name


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal has on record of one step, or of a named part of one."""

    path: str
    state: Literal["started", "done", "failed", "waiting"]
    attempt: int = 1
    result: str = ""
    started_at: datetime
    ended_at: datetime | None = None
    due_at: datetime | None = None
    """When a timer or a wait ends."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a list shows it."""

    id: RunId
    action: str
    state: RunState
    headline: str
    summary: str
    """What the plan said it would do."""
    actor: Actor
    person: str = ""
    """Whom policy knew the actor to be; empty where it knew nobody."""
    cluster_uid: str
    risk: str
    digest: str
    proposed_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    schedule: str = ""
    waiting_since: datetime | None = None
    """Since when it waits for what the headline says; None where that is something else."""

    @property
    def who(self) -> str:
        """The person who asked, else the name at the door."""
        return self.person or self.actor.name


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs a list shows, newest first; `before` is the id to go on from."""

    states: tuple[RunState, ...] = ()
    action: str = ""
    person: str = ""
    """As policy names them, or their username."""
    schedule: str = ""
    cluster_uid: str = ""
    before: RunId = ""
    limit: int = 50


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable snapshot of a run; each change makes a new one."""

    id: RunId
    plan: Plan
    state: RunState
    actor: Actor
    reason: str = ""
    person: str = ""
    hold: bool = False
    """Whether only its requester starts the run once it is approved."""
    emergency: bool = False
    schedule: str = ""
    grant: str = ""
    """Digest of the standing approval or grant it runs under."""
    proposed_at: datetime | None = None
    approvals: tuple[Approval, ...] = ()
    events: tuple[Event, ...] = ()
    progress: Progress = Progress()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    error: RunError | None = None

    @property
    def who(self) -> str:
        """The person who asked, else the name at the door."""
        return self.person or self.actor.name

    @property
    def headline(self) -> str:
        """One line that says how it stands."""
        return headline_of(self.outcome, self.progress, self.plan.summary)

    @property
    def waiting_since(self) -> datetime | None:
        """Since when it waits for what the headline says; None where that is something else."""
        return None if self.outcome else self.progress.waiting_since


def headline_of(outcome: str, progress: Progress, summary: str) -> str:
    """One line for a list: the outcome once ended, what it waits for while running, else the plan's summary."""
    return outcome or progress.waiting_for or summary


def headline_at(run: Run | RunSummary, now: datetime) -> str:
    """The headline, with how long it has waited by now."""
    return waiting_text(run.headline, run.waiting_since, now)
