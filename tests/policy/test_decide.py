"""What becomes of a plan: the team policy of docs/policy.md and the shipped one, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.core.plan import Finding
from k8sops.core.risk import Risk
from k8sops.policy.load import load_policy, parse_policy
from k8sops.policy.policy import Policy
from tests.policy.cases import (
    CHRISTMAS,
    PROD,
    SATURDAY,
    STAGING,
    applying,
    blocked,
    decision,
    example_text,
    plan,
    policy,
    step,
    verdict,
)

DISRUPT = plan(step())
DESTROY = plan(step(risk=Risk.DESTRUCTIVE))
LOW = plan(step(risk=Risk.LOW))
LOOK = plan(params={"namespace": "shop"})
LONG_WAY = plan(
    params={"namespace": "shop", "targets": ["payments/deployment/x"], "exactly": ["data/deployment/y=3"]}
)
"""Asked for in one namespace, about others."""
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def team() -> Policy:
    """The example of docs/policy.md, which has to do what the page says."""
    return parse_policy(example_text(), where="docs/policy.md")


@pytest.mark.parametrize(
    ("asked", "who", "more", "effect", "rule"),
    [
        (LOOK, "alice@example.org", {}, "allow", "baseline.read"),
        (LOOK, "mallory", {}, "allow", "baseline.read"),
        (LOW, "alice@example.org", {}, "confirm", "protected-clusters"),
        (DISRUPT, "alice@example.org", {}, "approve", "production-changes"),
        (DISRUPT, "dave@example.org", {}, "confirm", "baseline.disruptive"),
        (plan(step(), step(namespace="payments")), "dave@example.org", {}, "approve", "production-changes"),
        (DESTROY, "dave@example.org", {}, "approve", "production-changes"),
        (DISRUPT, "mallory", {}, "deny", "strangers-only-look"),
        (DISRUPT, "dave@example.org", {"now": SATURDAY}, "deny", "weekend"),
        (DISRUPT, "alice@example.org", {"now": SATURDAY}, "approve", "production-changes"),
        (DESTROY, "alice@example.org", {"now": SATURDAY}, "deny", "weekend"),
        (LOW, "alice@example.org", {"now": CHRISTMAS}, "deny", "year-end"),
        (LOOK, "alice@example.org", {"now": CHRISTMAS}, "allow", "baseline.read"),
        (plan(step(), cluster=STAGING), "dave@example.org", {"now": CHRISTMAS}, "confirm", "baseline.disruptive"),
        (plan(step(before=40, after=2), cluster=STAGING), "dave@example.org", {}, "approve", "large-scale-downs"),
        (plan(step(namespace="kube-system")), "alice@example.org", {}, "approve", "protected-namespaces"),
        (plan(step(namespace="", name="kube-system", kind="namespaces"), cluster=STAGING),
         "dave@example.org", {}, "approve", "protected-namespaces"),
        (blocked(LOW), "alice@example.org", {}, "deny", "blockers"),
    ],
)  # fmt: skip
def test_the_page_s_example_does_what_it_says(
    team: Policy, asked: Any, who: str, more: dict[str, Any], effect: str, rule: str
) -> None:
    """People copy it; a line of it that does something else than it reads would be copied, too."""
    answer = verdict(team, asked, who, **more)
    assert (answer.decision.effect, answer.decision.policy) == (effect, team.version), answer
    assert rule in applying(answer)
    assert next(trace for trace in answer.trace if trace.rule == rule).effect == effect


def test_what_rules_demand_adds_up(team: Policy) -> None:
    """The strictest effect alone would lose the ticket of one rule and the groups of another."""
    found = decision(
        team, plan(step(risk=Risk.DESTRUCTIVE, labels={"app.kubernetes.io/component": "postgresql"}))
    )
    assert {demand.rule for demand in found.demands} == {
        "production-changes",
        "production-destroys",
        "databases",
    }
    assert (found.approvals, found.ttl_s, found.tickets) == (2, 4 * 3600, ("OPS-[0-9]+",))
    assert found.typed_name
    assert found.reason_required


def test_a_click_in_the_chat_destroys_nothing(team: Policy) -> None:
    """The chat's user is another name of the same person, so groups hold there as well."""
    found = verdict(team, DESTROY, "U0456EFGH", surface="slack", team="T0123ABCD")
    assert found.decision.rule == "chat-destroys-nothing"
    assert "strangers-only-look" not in applying(found)


CHATTING = """
clusters: [{uid: 5a0c6f6e-0d5c-4a3e-9d5a-2f6f3f1c9e10, name: prod, environment: production}]
people: {alice: {groups: [sre], cluster: [{cluster: prod, username: alice}]%s}}
baseline:
  disruptive: {effect: approve, from: [sre]}
  destructive: {effect: approve, approvals: 2}
"""
IN_CHAT = ", slack: [{team: T1, user: U1}]"


def test_clicks_alone_approve_up_to_the_risk_the_chat_is_trusted_with() -> None:
    """Whoever takes over a chat account must not be able to destroy anything with it."""
    chatting = policy(CHATTING % IN_CHAT)
    assert [demand.at_terminal for demand in decision(chatting, DISRUPT).demands] == [0]
    (demand,) = decision(chatting, DESTROY).demands
    assert (demand.count, demand.at_terminal) == (2, 1)
    assert "2 approvals, at least 1 at a terminal" in decision(chatting, DESTROY).why
    strict = policy(CHATTING % IN_CHAT + "slack: {approve_up_to: low}")
    assert [demand.at_terminal for demand in decision(strict, DISRUPT).demands] == [1]
    assert [demand.groups for demand in decision(strict, DISRUPT).demands] == [("sre",)]


def test_where_nobody_is_known_in_a_chat_nothing_is_said_of_terminals() -> None:
    """It would be read by people who have no chat at all."""
    (demand,) = decision(policy(CHATTING % ""), DESTROY).demands
    assert demand.at_terminal == 0


def test_a_cluster_nobody_listed_counts_as_production(team: Policy) -> None:
    """A kubeconfig can call a cluster what it likes, and its name here is the kubeconfig's."""
    answer = verdict(team, plan(step(), cluster=UNKNOWN), "alice@example.org")
    assert {"clusters", "production-changes", "strangers-only-look"} <= applying(answer)
    assert answer.decision.effect == "deny"


def test_the_shipped_policy_asks_confirmation_only() -> None:
    """Somebody who tries k8sops out has no policy, no persons, and maybe production in their kubeconfig."""
    shipped = load_policy(None)
    effects = [decision(shipped, asked).effect for asked in (LOOK, LOW, DISRUPT, DESTROY, blocked(LOW))]
    assert effects == ["allow", "confirm", "confirm", "confirm", "deny"]
    assert [decision(shipped, asked).typed_name for asked in (DISRUPT, DESTROY)] == [False, True]
    assert decision(shipped, plan(step(), cluster=UNKNOWN)).effect == "confirm"


@pytest.mark.parametrize("asked", [LOW, DISRUPT, DESTROY])
@pytest.mark.parametrize("emergency", [False, True])
def test_read_only_refuses_each_change_and_nothing_else(asked: Any, emergency: bool) -> None:
    """It is set while something is wrong; an emergency flag must not be the way round it."""
    rules = policy("read_only: true\nbaseline: {low: {effect: allow}}\npeople: {dave: {}}")
    assert decision(rules, asked, emergency=emergency).rule == "read-only"
    assert decision(rules, LOOK).effect == "allow"


def test_a_blocker_names_the_flag_that_overrides_it(team: Policy) -> None:
    """Whoever reads the denial should not have to look for the way on."""
    assert "--force overrides it" in decision(team, blocked(LOW)).why


HEAD = f"""\
format: 1
clusters: [{{uid: {PROD}, name: prod, environment: production}}]
people:
  alice: {{groups: [sre], cluster: [{{cluster: prod, username: alice}}]}}
  dave: {{cluster: [{{cluster: prod, username: dave}}]}}
"""


@pytest.mark.parametrize(
    ("match", "asked", "applies"),
    [
        ("{actions: [scale]}", DISRUPT, True),
        ("{actions: ['workload.*']}", DISRUPT, True),
        ("{actions: [drain]}", DISRUPT, False),
        ("{clusters: [prod]}", DISRUPT, True),
        ("{clusters: ['as-i-*']}", DISRUPT, False),
        ("{environments: [production]}", DISRUPT, True),
        ("{namespaces: ['s*p']}", DISRUPT, True),
        ("{namespaces: [payments]}", plan(step(), step(namespace="payments")), True),
        ("{namespaces: [payments]}", DISRUPT, False),
        ("{namespaces: [payments]}", plan(step(namespace="", name="n1", kind="nodes")), False),
        ("{namespaces: [payments]}", plan(step(namespace="", name="payments", kind="namespaces")), True),
        ("{namespaces: [payments]}", plan(step(), attachments=("0" * 64,)), True),
        ("{namespaces: [payments]}",
         plan(step(), attachments=("0" * 64,), blast_radius={"namespaces": ["shop"]}), False),
        ("{namespaces: [payments]}",
         plan(step(), attachments=("0" * 64,), blast_radius={"namespaces": ["shop", "payments"]}), True),
        ("{labels: {tier: gold}}", plan(step(labels={"tier": "gold"})), True),
        ("{labels: {tier: gold}}", plan(step(labels={"tier": "tin"})), False),
        ("{labels: {tier: gold}}", plan(step(labels={})), False),
        ("{labels: {tier: gold}}", plan(step(labels=None)), True),
        ("{labels: {tier: gold}}",
         plan(step(labels=None), blast_radius={"labels": {"shop/deployments/web": {"tier": "tin"}}}), False),
        ("{labels: {tier: gold}, namespaces: [shop]}",
         plan(step(labels={"tier": "tin"}), step(labels={"tier": "gold"}, namespace="other")), False),
        ("{labels: {tier: gold}, namespaces: [shop]}",
         plan(step(labels={"tier": "tin"}), attachments=("0" * 64,), blast_radius={"namespaces": ["shop"]}), True),
        ("{risk: destructive}", DISRUPT, False),
        ("{risk: low, risk_at_most: low}", DISRUPT, False),
        ("{risk_at_most: low}", plan(step(risk=Risk.LOW), step(name="db")), True),
        ("{within: [{days: [tue], from: '09:00', to: '11:00'}]}", DISRUPT, True),
        ("{within: [{days: [tue], from: '10:01', to: '11:00'}]}", DISRUPT, False),
        ("{people: [dave]}", DISRUPT, True),
        ("{groups: [sre]}", DISRUPT, False),
        ("{people: [dave], groups: [sre]}", DISRUPT, True),
        ("{mapped: false}", DISRUPT, False),
        ("{surfaces: [slack]}", DISRUPT, False),
        ("{scheduled: true}", DISRUPT, False),
        ("{emergency: false}", DISRUPT, True),
        ("{when: 'plan.risk == \"disruptive\" && person.name == \"dave\"'}", DISRUPT, True),
        ("{when: 'cluster.name == \"prod\" && cluster.known && now.getHours() == 10'}", DISRUPT, True),
        ("{}", LOOK, False),
        ("{risk: read}", LOOK, True),
        ("{risk: read, namespaces: [shop]}", LOOK, True),
        ("{risk: read, namespaces: [payments]}", LOOK, False),
        ("{risk: read, namespaces: [payments]}", LONG_WAY, True),
        ("{risk: read, namespaces: [data]}", LONG_WAY, True),
        ("{risk: read, namespaces: [shop]}", LONG_WAY, False),
        ("{risk: read, namespaces: [payments]}", plan(params={}), True),
    ],
)  # fmt: skip
def test_conditions_hold_where_they_should(match: str, asked: Any, applies: bool) -> None:
    """Silence of a plan (labels, namespaces of a bulk step) counts as a match: it never loosens anything."""
    rules = policy(f"rules: [{{name: r, effect: deny, match: {match}}}]", head=HEAD)
    assert (decision(rules, asked, "dave").effect == "deny") is applies


@pytest.mark.parametrize(
    ("unless", "asked", "excepted"),
    [
        ("{namespaces: [shop]}", DISRUPT, True),
        ("{namespaces: [shop]}", plan(step(), step(namespace="payments")), False),
        ("{namespaces: ['*']}", plan(step(), step(namespace="", name="n1", kind="nodes")), False),
        ("{namespaces: [shop]}", plan(step(), attachments=("0" * 64,)), False),
        ("{namespaces: [shop]}",
         plan(step(), attachments=("0" * 64,), blast_radius={"namespaces": ["shop"]}), True),
        ("{labels: {tier: tin}}", plan(step(labels=None)), False),
        ("{labels: {tier: tin}}", plan(step(labels={"tier": "tin"})), True),
        ("{labels: {tier: tin}}", plan(step(labels={"tier": "tin"}), step(name="db", labels={"tier": "gold"})), False),
        ("{labels: {tier: tin}}", plan(step(labels={"tier": "tin"}), attachments=("0" * 64,)), False),
        ("{risk_at_most: low}", DISRUPT, False),
        ("{groups: [sre]}", DISRUPT, False),
        ("{people: [dave]}", DISRUPT, True),
        ("{when: 'person.name == \"dave\"'}", DISRUPT, True),
    ],
)  # fmt: skip
def test_an_exception_holds_only_if_all_of_the_plan_is_within(
    unless: str, asked: Any, excepted: bool
) -> None:
    """Else one object in the excepted namespace would carry others past the rule."""
    rules = policy(f"rules: [{{name: r, effect: deny, unless: [{unless}]}}]", head=HEAD)
    assert (decision(rules, asked, "dave").effect != "deny") is excepted


@pytest.mark.parametrize(
    "where",
    ["match: {when: 'plan.params.replicas > 3'}", "unless: [{when: 'plan.params.replicas > 3'}]",
     "match: {when: 'plan.params.namespace'}", "match: {when: '1 / (size(plan.steps) - 1) > 0'}"],
)  # fmt: skip
def test_a_condition_that_cannot_be_evaluated_denies_and_says_why(where: str) -> None:
    """A rule meant to stop something must not be switched off by a plan it did not foresee."""
    rules = policy(f"rules: [{{name: r, effect: confirm, {where}}}]", head=HEAD)
    found = decision(rules, DISRUPT, "dave")
    assert (found.effect, found.rule) == ("deny", "r")
    assert "cannot be judged, so it denies" in found.why


def test_a_freeze_says_its_name_and_when_it_ends() -> None:
    """Who is held up on a Friday evening wants to know for how long."""
    rules = policy(
        "freezes: [{name: weekend, why: no one is there,"
        " windows: [{from: fri 16:00, to: mon 07:00, zone: Europe/Berlin}]}]",
        head=HEAD,
    )
    found = decision(rules, DISRUPT, "dave", now=SATURDAY)
    assert found.why == "weekend: denied: changes are frozen until 2026-11-23 06:00 UTC: no one is there"
    assert decision(rules, LOOK, "dave", now=SATURDAY).effect == "allow"


EMERGENCY = """
rules:
  - {name: two, effect: approve, approvals: 2, ticket: 'OPS-\\d'}
  - {name: never, effect: deny, match: {namespaces: [vault]}}
freezes: [{name: weekend, windows: [{from: fri 16:00, to: mon 07:00}]}]
"""


@pytest.mark.parametrize(
    ("glass", "who", "surface", "asked", "now", "effect", "broken"),
    [
        ("{}", "dave", "cli", DISRUPT, SATURDAY, "confirm", True),
        ("{groups: [sre]}", "alice", "tui", DISRUPT, SATURDAY, "confirm", True),
        ("{groups: [sre]}", "dave", "cli", DISRUPT, SATURDAY, "deny", False),
        ("{allowed: false}", "alice", "cli", DISRUPT, SATURDAY, "deny", False),
        ("{}", "alice", "slack", DISRUPT, SATURDAY, "deny", False),
        ("{}", "nobody", "cli", DISRUPT, SATURDAY, "deny", False),
        ("{freezes: false}", "alice", "cli", DISRUPT, SATURDAY, "deny", True),
        ("{}", "alice", "cli", plan(step(namespace="vault")), SATURDAY, "deny", True),
        ("{}", "alice", "cli", blocked(DISRUPT), SATURDAY, "deny", True),
    ],
)
def test_breaking_the_glass_sets_approvals_aside_and_nothing_that_denies(
    glass: str, who: str, surface: Any, asked: Any, now: Any, effect: str, broken: bool
) -> None:
    """It is for want of people at night, not a way past a rule that says no; and it takes a person at a terminal."""
    rules = policy(f"break_glass: {glass}\n{EMERGENCY}", head=HEAD)
    found = decision(rules, asked, who, surface=surface, now=now, emergency=True)
    assert (found.effect, found.break_glass) == (effect, broken), found
    if effect == "confirm":
        assert found.reason_required
        assert found.tickets == ("OPS-\\d",)
        assert not found.demands


def test_an_emergency_that_sets_nothing_aside_breaks_no_glass() -> None:
    """A review that stays open for nothing teaches people to close them unread."""
    rules = policy("baseline: {disruptive: {effect: confirm}}", head=HEAD)
    found = decision(rules, DISRUPT, "dave", emergency=True)
    assert (found.effect, found.break_glass, found.reason_required) == ("confirm", False, True)


def test_a_demand_that_another_includes_is_not_asked_twice() -> None:
    """One approval, and two approvals: that reads like three."""
    rules = policy(
        "rules:\n"
        "  - {name: one, effect: approve}\n"
        "  - {name: two, effect: approve, approvals: 2, from: [sre]}\n"
        "  - {name: again, effect: approve, approvals: 2, from: [sre]}\n"
        "  - {name: here, effect: approve, at_terminal: 1}\n",
        head=HEAD,
    )
    assert [demand.rule for demand in decision(rules, DISRUPT).demands] == ["two", "here"]


def test_warnings_of_the_plan_can_be_asked_for() -> None:
    """Rules about findings go by code, which is stable; their texts are not."""
    rules = policy(
        "rules: [{name: r, effect: deny, match: {when: \"'to_zero' in plan.warnings\"}}]", head=HEAD
    )
    warning = Finding(level="warning", code="to_zero", text="web will run nothing")
    assert decision(rules, plan(step(), findings=(warning,))).effect == "deny"
    assert decision(rules, DISRUPT).effect == "confirm"
