"""Who hears of a run in the chat: those who may approve it, those on call before the others, and who asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.run import Run, RunState
from k8sops.policy.policy import Policy
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.audience import (
    ESCALATED,
    REMINDED,
    approvers_of,
    channels_for,
    due,
    requester_of,
)
from tests.policy.cases import PROD, TUESDAY, decision, plan, policy, step

PEOPLE = f"""
clusters: [{{uid: {PROD}, name: prod, aliases: [eu], environment: production}}]
people:
  alice: {{groups: [dev], cluster: [{{cluster: prod, username: alice}}], slack: [{{team: T1, user: U1}}]}}
  bob: {{groups: [sre, night], slack: [{{team: T1, user: U2}}]}}
  carol: {{groups: [sre, lead], slack: [{{team: T1, user: U3}}, {{team: E9, user: W3}}]}}
  dora: {{groups: [sre], slack: [{{team: T1, user: U4}}]}}
  erin: {{groups: [sre], cluster: [{{cluster: prod, username: erin}}]}}
baseline: {{disruptive: {{effect: approve, from: [sre], ttl: 4h}}}}
"""
ALICE = Actor(name="alice")


def asked(rules: Policy, actor: Actor = ALICE, **changes: Any) -> Run:
    """A run that waits for approval."""
    wanted = plan(step())
    wanted = msgspec.structs.replace(wanted, decision=decision(rules, wanted, actor.name))
    return Run(
        id="01JD0000000000000000000000", plan=wanted, state=RunState.AWAITING_APPROVAL, actor=actor,
        proposed_at=TUESDAY, **changes,
    )  # fmt: skip


def waves(rules: Policy, actor: Actor = ALICE) -> list[tuple[str, int]]:
    """Who is told, and when."""
    return [(one.person, one.wave) for one in approvers_of(asked(rules, actor), rules)]


def test_everybody_who_may_approve_and_is_in_the_chat_is_asked_at_once() -> None:
    """Where nobody is on call the first who is awake decides."""
    assert waves(policy(PEOPLE)) == [("bob", 0), ("carol", 0), ("dora", 0)]


def test_those_on_call_are_asked_first_and_the_others_when_it_is_escalated() -> None:
    """Eight people woken for one click learn to mute the bot."""
    on_call = PEOPLE + "slack: {on_call: [night]}"
    assert waves(policy(on_call)) == [("bob", 0), ("carol", 1), ("dora", 1)]
    escalating = PEOPLE + "slack: {on_call: [night], escalate_to: [lead]}"
    assert waves(policy(escalating)) == [("bob", 0), ("carol", 1)]


def test_where_nobody_on_call_may_approve_it_does_not_wait_for_them() -> None:
    """The one on call may be the one who asks."""
    on_call = policy(PEOPLE + "slack: {on_call: [night]}")
    assert waves(on_call, Actor(name="U2", team="T1", surface="slack")) == [("carol", 0), ("dora", 0)]


def test_who_needs_no_approval_asks_nobody() -> None:
    """A direct message about what needs no answer is noise."""
    rules = policy(PEOPLE)
    run = asked(rules)
    free = msgspec.structs.replace(run, plan=plan(step()))
    assert approvers_of(free, rules) == ()


def test_who_asked_elsewhere_is_answered_where_they_are_known() -> None:
    """A run of the terminal's is followed from the sofa."""
    rules = policy(PEOPLE)
    assert requester_of(asked(rules), rules) == ChatUser(team="T1", user="U1")
    assert requester_of(asked(rules, Actor(name="erin")), rules) is None
    clicked = Actor(name="W3", team="E9", surface="slack")
    assert requester_of(asked(rules, clicked), rules) == ChatUser(team="E9", user="W3")
    owner = Actor(name="alice", surface="schedule")
    assert requester_of(asked(rules, owner), rules) == ChatUser(team="T1", user="U1")


def test_reminder_and_escalation_come_at_parts_of_the_time_that_approvals_have() -> None:
    """Where it does not end there is nothing to remind of."""
    rules = policy(PEOPLE)
    run = asked(rules)
    assert due(run, REMINDED) == TUESDAY + timedelta(hours=2)
    assert due(run, ESCALATED) == TUESDAY + timedelta(hours=3)
    endless = policy(PEOPLE.replace(", ttl: 4h", ""))
    assert due(asked(endless), REMINDED) is None


def test_news_go_where_the_policy_sends_them() -> None:
    """A failed backup of staging need not be told to those who look after production."""
    rules = policy(
        PEOPLE
        + """
slack:
  notify:
    - {on: [failed, backup.*], team: T1, channel: C1, clusters: [eu]}
    - {on: [needs_review, backup.overdue], team: T1, channel: C2}
"""
    )
    assert [channel for _, channel in channels_for("failed", PROD, rules)] == ["C1"]
    assert [channel for _, channel in channels_for("failed", "another", rules)] == []
    assert [channel for _, channel in channels_for("needs_review", "another", rules)] == ["C2"]
    assert [channel for _, channel in channels_for("backup.overdue", "", rules)] == ["C2"], (
        "of no cluster in particular"
    )
    assert [channel for _, channel in channels_for("succeeded", PROD, rules)] == []
