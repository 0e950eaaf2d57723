"""The kinds of moments a history is made of; what each does is in `playing`.

`at` is an offset from the midnight before the history's morning; moments of a script come in order.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec

from k8sops.core.plan import JsonObject
from k8sops.core.run import RunState

Person = Literal["alice", "bob", "carol"]


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person did."""

    name: str
    """Of this moment, for others that refer to it; ids follow from it, so that a new name is a new id."""
    at: timedelta
    who: Person
    reason: str = ""


class Asked(Moment, frozen=True, kw_only=True):
    """Proposed, and left to policy and others."""

    action: str
    params: JsonObject
    comes_to: RunState = RunState.AWAITING_APPROVAL


class Done(Moment, frozen=True, kw_only=True):
    """Proposed, confirmed and carried out."""

    action: str
    params: JsonObject
    takes: timedelta
    """How long it waited for pods, by the history's clock."""
    comes_to: RunState = RunState.SUCCEEDED


class Drained(Moment, frozen=True, kw_only=True):
    """A node is rid of a workload: the first that one single pod of it runs on, wherever the scheduler put them.

    One, so that every sandbox has as many records of it.
    """

    namespace: str
    app: str
    takes: timedelta


class Undone(Moment, frozen=True, kw_only=True):
    """What another moment's run did is taken back."""

    run: str
    takes: timedelta


class Voted(Moment, frozen=True, kw_only=True):
    """A vote on another moment's run."""

    run: str
    verdict: Literal["approve", "deny"]
    refused: bool = False
    """Whether the vote does not count."""


class Lapsed(Moment, frozen=True, kw_only=True):
    """Nobody answered another moment's run in time."""

    run: str


class GrantAsked(Moment, frozen=True, kw_only=True):
    """A grant is asked for."""

    actions: tuple[str, ...]
    namespaces: tuple[str, ...]
    lasts: timedelta


class GrantVoted(Moment, frozen=True, kw_only=True):
    """A yes to another moment's grant."""

    grant: str


class Scheduled(Moment, frozen=True, kw_only=True):
    """A schedule is added; its name is the moment's."""

    action: str
    params: JsonObject
    cron: str
    alert_after: timedelta | None = None


class Paused(Moment, frozen=True, kw_only=True):
    """A schedule is paused."""

    schedule: str


class NightShift(Moment, frozen=True, kw_only=True):
    """A worker comes up, fires one schedule that is due, carries its run, and stops at `until`."""

    schedule: str
    takes: timedelta
    until: timedelta
