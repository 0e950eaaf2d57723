"""Whatever the rules are: another rule, or another object, never makes a decision weaker; order means nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.plan import Decision, Plan
from k8sops.core.risk import Risk
from k8sops.policy.deciding import strictness
from k8sops.policy.model import PolicyFile
from k8sops.policy.policy import Policy
from k8sops.policy.quorum import Voter, demands_of, missing_approvals
from tests.policy.cases import PROD, SATURDAY, STAGING, TUESDAY, decision, plan, step

GROUPS = ("sre", "dba", "security")
PEOPLE = {
    "alice": {"groups": ["sre"], "cluster": [{"cluster": "prod", "username": "alice"}]},
    "bob": {"groups": ["sre", "dba"], "cluster": [{"cluster": "prod", "username": "bob"}]},
    "carol": {"groups": ["security"], "cluster": [{"cluster": "prod", "username": "carol"}]},
}
VOTERS = tuple(
    Voter(name=f"p{place}", groups=groups, at_terminal=at_terminal)
    for place, (groups, at_terminal) in enumerate(
        [(("sre",), True), (("sre", "dba"), False), (("dba",), True), (("security",), False), ((), True)]
    )
)

matches = st.fixed_dictionaries(
    {},
    optional={
        "namespaces": st.lists(st.sampled_from(["shop", "pay*", "*"]), min_size=1, max_size=2),
        "risk": st.sampled_from(list(Risk)),
        "risk_at_most": st.sampled_from(list(Risk)),
        "environments": st.just(["production"]),
        "groups": st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2),
        "labels": st.just({"tier": "gold"}),
        "within": st.just([{"days": ["sat", "sun"], "from": "00:00", "to": "24:00"}]),
        "surfaces": st.lists(st.sampled_from(["cli", "slack"]), min_size=1),
        "when": st.sampled_from(["size(plan.steps) > 1", "plan.params.replicas > 3", "person.mapped"]),
    },
)


@st.composite
def outcomes(draw: st.DrawFn) -> dict[str, Any]:
    """What a rule asks for."""
    effect = draw(st.sampled_from(["allow", "confirm", "approve", "deny"]))
    found: dict[str, Any] = {"effect": effect}
    if effect == "approve":
        found["from"] = draw(st.lists(st.sampled_from(GROUPS), max_size=3, unique=True))
        found["approvals"] = draw(st.integers(1, max(len(found["from"]), 1)))
        found["distinct"] = draw(st.booleans()) and bool(found["from"])
        found["at_terminal"] = draw(st.integers(0, found["approvals"]))
    if draw(st.booleans()):
        found["ttl"] = draw(st.integers(60, 7200))
    if draw(st.booleans()):
        found["ticket"] = draw(st.sampled_from(["OPS", "DB"]))
    found["typed_name"] = draw(st.booleans())
    return found


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few rules, each with a name of its own."""
    found = []
    for place in range(draw(st.integers(0, 4))):
        rule = {"name": f"r{place}", "match": draw(matches), **draw(outcomes())}
        if draw(st.booleans()):
            rule["unless"] = [{"risk_at_most": "low", **draw(matches)}]
        found.append(rule)
    return found


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan of a few steps."""
    steps = [
        step(
            risk=draw(st.sampled_from(list(Risk))),
            namespace=draw(st.sampled_from(["shop", "payments", ""])),
            name=f"w{place}",
            labels=draw(st.sampled_from([None, {}, {"tier": "gold"}])),
        )
        for place in range(draw(st.integers(0, 3)))
    ]
    return plan(*steps, cluster=draw(st.sampled_from([PROD, STAGING])))


def made(found: list[dict[str, Any]]) -> Policy:
    """A policy of these rules."""
    clusters = [{"uid": PROD, "name": "prod", "environment": "production"}]
    return Policy(
        PolicyFile.model_validate({"format": 1, "clusters": clusters, "people": PEOPLE, "rules": found}),
        shipped=False,
    )


def asks() -> st.SearchStrategy[dict[str, Any]]:
    """Who asks, when, from where."""
    return st.fixed_dictionaries(
        {
            "who": st.sampled_from(["alice", "bob", "nobody", "kubernetes-admin"]),
            "now": st.sampled_from([TUESDAY, SATURDAY]),
            "surface": st.sampled_from(["cli", "slack"]),
        }
    )


def assert_as_strict(after: Decision, before: Decision) -> None:
    """Whoever gets past `after` would have got past `before`."""
    assert strictness(after.effect) >= strictness(before.effect)
    assert set(after.tickets) >= set(before.tickets)
    assert after.reason_required >= before.reason_required
    assert after.typed_name >= before.typed_name
    if before.ttl_s is not None:
        assert after.ttl_s is not None
        assert after.ttl_s <= before.ttl_s
    if after.effect == before.effect == "approve":
        for chosen in range(1 << len(VOTERS)):
            voters = [voter for place, voter in enumerate(VOTERS) if chosen >> place & 1]
            if missing_approvals(demands_of(after), voters) == 0:
                assert missing_approvals(demands_of(before), voters) == 0


@settings(max_examples=150, deadline=None)
@given(rules(), matches, outcomes(), plans(), asks())
def test_another_rule_never_makes_a_decision_weaker(
    found: list[dict[str, Any]],
    match: dict[str, Any],
    outcome: dict[str, Any],
    asked: Plan,
    ask: dict[str, Any],
) -> None:
    """Whoever reviews a new rule need not read the others to know that it loosens nothing."""
    more = [*found, {"name": "new", "match": match, **outcome}]
    assert_as_strict(decision(made(more), asked, **ask), decision(made(found), asked, **ask))


@settings(max_examples=100, deadline=None)
@given(rules(), plans(), asks(), st.randoms(use_true_random=False))
def test_the_order_of_rules_means_nothing(
    found: list[dict[str, Any]], asked: Plan, ask: dict[str, Any], random: Any
) -> None:
    """Two branches of a policy can be merged in any order."""
    shuffled = random.sample(found, len(found))
    one, other = decision(made(found), asked, **ask), decision(made(shuffled), asked, **ask)
    assert_as_strict(one, other)
    assert_as_strict(other, one)


@settings(max_examples=100, deadline=None)
@given(rules(), plans(), plans(), asks())
def test_another_object_never_makes_a_decision_weaker(
    found: list[dict[str, Any]], asked: Plan, other: Plan, ask: dict[str, Any]
) -> None:
    """A plan must not be smuggled past a rule inside a larger one."""
    base = [rule for rule in found if "when" not in str(rule)]
    rules_ = made(base)
    if not asked.steps:
        return
    larger = plan(*asked.steps, *other.steps, cluster=asked.cluster.uid)
    assert_as_strict(decision(rules_, larger, **ask), decision(rules_, asked, **ask))
