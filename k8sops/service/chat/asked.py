"""Who was asked for approval of a run, and whom to remind of which: pure.

An approver to whom several requests of one person are due is reminded of them together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from k8sops.core.run import Run, RunId
from k8sops.policy.policy import Policy
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.audience import REMINDED, approvers_of, due

NUDGED_AGAIN: Final = timedelta(minutes=10)
"""More often it is not asking but ringing."""
KEY: Final = 253
"""Keys of the store are no longer."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was asked directly."""

    run: RunId
    person: str
    team: str
    user: str
    at: datetime
    wave: int = 0
    trouble: str = ""
    """Why they could not be reached; empty where they were."""

    @property
    def key(self) -> str:
        """Of this person and run."""
        return f"{self.run}/{self.person}"[:KEY]


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """An approver, and those requests of one person that still wait for them."""

    person: str
    user: ChatUser
    requester: str
    runs: tuple[Run, ...]

    @property
    def key(self) -> str:
        """Of whoever is reminded, and of whose requests."""
        return f"remind/{self.user.team}/{self.user.user}/{self.requester}"

    def mark(self, run: Run) -> str:
        """That this one was reminded of that run."""
        return f"reminded/{run.id}/{self.person}"[:KEY]


def reminders(runs: Iterable[Run], policy: Policy, now: datetime) -> tuple[Reminder, ...]:
    """Whom to remind of what, of runs of which half the time has passed; who has voted is not asked again."""
    found: dict[tuple[str, str], Reminder] = {}
    for run in runs:
        at = due(run, REMINDED)
        if at is None or now < at:
            continue
        voted = {one.person for one in run.approvals}
        for told in approvers_of(run, policy):
            if told.wave or told.person in voted:
                continue
            key = (told.person, requester_key(run))
            before = found[key].runs if key in found else ()
            found[key] = Reminder(
                person=told.person, user=told.users[0], requester=key[1], runs=(*before, run)
            )
    return tuple(found.values())


def requester_key(run: Run) -> str:
    """Tells one requester from another, whether policy knows them or not; short, whatever they are called."""
    who = run.person or f"{run.actor.surface}/{run.actor.team}/{run.actor.name}"
    return hashlib.sha256(who.encode()).hexdigest()[:16]
