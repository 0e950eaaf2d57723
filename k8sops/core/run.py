"""A run: one proposed or executed plan with its state, votes and events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.events import Event, Progress
from k8sops.core.plan import Plan

RunId = str


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


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable snapshot of a run; each change makes a new one."""

    id: RunId
    plan: Plan
    state: RunState
    actor: Actor
    reason: str = ""
    approvals: tuple[Approval, ...] = ()
    events: tuple[Event, ...] = ()
    progress: Progress = Progress()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    error: RunError | None = None

    @property
    def headline(self) -> str:
        """One line for a list: the outcome once ended, what it waits for while running, else the plan's summary."""
        if self.outcome:
            return self.outcome
        if self.progress.waiting_for:
            return self.progress.waiting_for
        return self.plan.summary
