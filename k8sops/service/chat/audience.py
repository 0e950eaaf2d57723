"""Who is told of a run in the chat: those who may approve it, those on call first, and who asked for it.

Pure: policy and a run in, users out. Whoever is told here may vote; whether the vote counts is asked again when it is
given, and once more by whoever carries the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from k8sops.core.persons import Person
from k8sops.core.run import Run
from k8sops.policy.policy import Policy
from k8sops.policy.quorum import vote_refused
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.news import wants


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is told, and since which part of the time that approvals may take."""

    person: str
    users: tuple[ChatUser, ...]
    wave: int
    """0: at once; 1: when it is escalated."""


REMINDED = 0.5
ESCALATED = 0.75


def approvers_of(run: Run, policy: Policy) -> tuple[Told, ...]:
    """Those whose approval may count and who have a user in the chat, in the order in which they are told."""
    decision = run.plan.decision
    if decision is None or decision.effect != "approve":
        return ()
    requester = _requester(run, policy)
    able = [
        (person, users)
        for person, users in _in_chat(policy)
        if not vote_refused(decision, person, requester=requester)
    ]
    rules = policy.file.slack
    first = {person.name for person, _ in able if set(person.groups) & set(rules.on_call)}
    first = first or {person.name for person, _ in able}
    later = {
        person.name
        for person, _ in able
        if not rules.escalate_to or set(person.groups) & set(rules.escalate_to)
    }
    return tuple(
        Told(person=person.name, users=users, wave=0 if person.name in first else 1)
        for wanted in (first, later - first)
        for person, users in able
        if person.name in wanted
    )


def may_approve(run: Run, person: Person, policy: Policy) -> bool:
    """Whether this person's approval may count, and was not given yet."""
    decision = run.plan.decision
    if decision is None or any(one.person == person.name for one in run.approvals):
        return False
    return not vote_refused(decision, person, requester=_requester(run, policy))


def users_in(team: str, policy: Policy) -> dict[str, str]:
    """Persons by name, and the user that each is in this team."""
    return {
        person.name: next(user.user for user in users if user.team == team)
        for person, users in _in_chat(policy)
        if any(user.team == team for user in users)
    }


def requester_of(run: Run, policy: Policy) -> ChatUser | None:
    """Where to answer whoever asked: the user who did, or the one of the same person; None where there is none."""
    if run.actor.team:
        return ChatUser(team=run.actor.team, user=run.actor.name)
    name = run.person or _requester(run, policy).name
    return next((users[0] for person, users in _in_chat(policy) if person.name == name), None)


def due(run: Run, part: float) -> datetime | None:
    """The moment at which this part of the time for approvals has passed; None where it does not end."""
    decision = run.plan.decision
    if run.proposed_at is None or decision is None or decision.ttl_s is None:
        return None
    return run.proposed_at + timedelta(seconds=decision.ttl_s * part)


def channels_for(kind: str, cluster_uid: str, policy: Policy) -> tuple[tuple[str, str], ...]:
    """Team and channel of those that are told news of this kind, each once."""
    return tuple(
        dict.fromkeys(
            (rule.team, rule.channel)
            for rule in policy.file.slack.notify
            if wants(rule, kind, cluster_uid, policy)
        )
    )


def takes_bundles(team: str, channel: str, policy: Policy) -> bool:
    """Whether policy allows log bundles in this channel; direct messages are nobody's channel."""
    return any((one.team, one.channel) == (team, channel) for one in policy.file.slack.log_bundles)


def mentioned_in(team: str, policy: Policy) -> dict[str, str]:
    """Groups and roles that policy wants mentioned in this team, and the user group each of them is there."""
    return {
        one.group: one.usergroup for one in policy.file.slack.usergroups if one.team == team and one.mention
    }


def _requester(run: Run, policy: Policy) -> Person:
    # A schedule asks in its owner's name.
    asked = run.actor.surface == "schedule"
    actor = msgspec.structs.replace(run.actor, surface="cli") if asked else run.actor
    return policy.person_of(actor, run.plan.cluster.uid)


def _in_chat(policy: Policy) -> Iterator[tuple[Person, tuple[ChatUser, ...]]]:
    for name, entry in policy.file.people.items():
        person = policy.directory.person(name)
        if entry.slack and person is not None:
            yield person, tuple(ChatUser(team=one.team, user=one.user) for one in entry.slack)
