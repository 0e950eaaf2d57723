"""CEL conditions and ticket patterns: what is refused at load, what is bounded, and that nothing ends the process."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.plan import INLINE_STEP_LIMIT, Decision
from k8sops.policy.expression import VARIABLES, Condition, ConditionError, Pattern, bounded
from k8sops.policy.facts import Facts
from k8sops.policy.reasons import reason_refused
from k8sops.policy.ticket_words import ticket_in_words
from tests.policy.cases import decision, plan, policy, request, step

LARGE = plan(*(step(name=f"w{place}", namespace=f"ns-{place % 40}") for place in range(INLINE_STEP_LIMIT)))


def variables(**params: Any) -> Any:
    """What conditions see of a small plan."""
    rules = policy("")
    return Facts(request(rules, plan(step(), params=params)), None, "production").variables


@pytest.mark.parametrize(
    "source",
    [
        "plan.action == 'scale' && plan.policy_key == 'workload.scale'",
        "plan.steps.all(s, s.target.namespace in ['shop'] && s.before['spec.replicas'] > s.after['spec.replicas'])",
        "plan.steps.filter(s, s.risk == 'disruptive').size() == 1",
        "plan.steps.map(s, s.target.name).exists(n, n.matches('^w.b$'))",
        "has(plan.params.replicas) && plan.params.replicas == 3",
        "!has(plan.params.force)",
        "plan.namespaces == ['shop'] && size(plan.warnings) == 0 && size(plan.findings) == 0",
        "actor.name.startsWith('dave') && actor.surface == surface && person.mapped == false",
        "cluster.environment == 'production' && !cluster.known && !cluster.protected",
        "now > timestamp('2026-01-01T00:00:00Z') && now.getDayOfWeek() == 2",
        "!emergency && schedule == ''",
        "'.all(x, .all(y, ' != plan.action",
    ],
)
def test_what_the_page_says_can_be_asked(source: str) -> None:
    """Each name and field of docs/policy.md."""
    assert Condition(source).holds(variables(replicas=3))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("plan.stepz == 1", "plan has no 'stepz'"),
        ("plam.steps == 1", "there is no 'plam'"),
        ("person.is_admin", "person has no 'is_admin'"),
        ("frobnicate(plan)", "there is no function frobnicate()"),
        ("plan.steps.all(s, plan.steps.exists(t, t == s))", "stands inside another one"),
        ("plan.steps . all (s, plan.steps\n. exists ( t, t == s))", "stands inside another one"),
        ("plan.steps.map(s, s.before.map(k, k)) == []", "stands inside another one"),
        ("plan.steps.all(plan, true)", "'plan' is taken"),
        ("plan.steps.all(s, // plan.steps.all(t,\n true)", "comments"),
        ("r'\\' == '' || plan.steps.all(s, plan.steps.all(t, true)) || '' == ''", "raw and triple-quoted"),
        ('"""a""" == ""', "raw and triple-quoted"),
        ("a" * 1001, "at most 1000"),
        ("(" * 900, "Failed to parse"),
        ("", "Failed to parse"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_it_is_read(source: str, said: str) -> None:
    """An error found when the file is loaded is somebody's morning; found at night it denies the repair."""
    with pytest.raises(ConditionError, match=r".") as raised:
        Condition(source)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "source",
    ["plan.params.replicas > 'a'", "plan.params.missing == 1", "plan.action", "1", "null", "1 / 0 == 1",
     "plan.steps[7].id == ''", "plan.action.matches('(')", "duration('x') > duration('1h')"],
)  # fmt: skip
def test_what_fails_for_a_plan_is_told_and_not_taken_for_false(source: str) -> None:
    """False would let the plan pass the rule."""
    with pytest.raises(ConditionError):
        Condition(source).holds(variables(replicas=3))


@pytest.mark.parametrize("value", [10**400, "\ud800", {"a": [None] * 70_000}, "x" * 3_000_000])
def test_plans_that_conditions_cannot_take_are_denied(value: Any) -> None:
    """Too large, or what CEL has not: the rule denies, the process lives."""
    rules = policy("rules: [{name: r, effect: confirm, match: {when: 'plan.params.x == 1'}}]")
    assert decision(rules, plan(step(), params={"x": value})).effect == "deny"
    assert decision(rules, plan(step(), params={"x": 2**53 - 1})).effect == "confirm"


@pytest.mark.parametrize(
    "source",
    [
        "plan.steps.all(s, s.target.namespace != 'payments' && !s.target.name.matches('(a+)+$'))",
        "plan.steps.map(s, s.target.name).filter(n, n.contains('9')).size() > 3",
        "size(plan.namespaces) > 30 && plan.steps.exists_one(s, s.target.name == 'w499')",
    ],
)
def test_a_plan_of_500_steps_is_judged_quickly(source: str) -> None:
    """A screen asks policy before it shows a plan; measured at 0.1 s on two shared cores."""
    rules = policy(f'rules: [{{name: r, effect: approve, match: {{when: "{source}"}}}}]')
    began = time.process_time()
    assert decision(rules, LARGE).effect == "approve"
    assert time.process_time() - began < 60


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*VARIABLES, ".", "steps", "params", "all", "map", "(", ")", "[", "]", "{", "}", "'a'", "1", "-", "!",
             "==", "&&", "?", ":", ",", "in", "s", "9223372036854775807", "matches", "duration", "'1h'", "\n", "\\"]
        ),
        max_size=25,
    )
)  # fmt: skip
def test_no_expression_does_anything_but_answer_or_fail(tokens: list[str]) -> None:
    """The evaluator is native code; a panic in it must stay one rule's denial."""
    with suppress(ConditionError):
        assert isinstance(Condition(" ".join(tokens)).holds(variables(replicas=3)), bool)


def test_the_budget_counts_what_is_deep_and_what_is_long() -> None:
    """Both are ways to make one evaluation take minutes."""
    bounded({"plan": {"params": ["x"] * 1000}})
    for value in (["x"] * 60_001, "x" * 2_000_001, {"k" * 2_000_001: 1}):
        with pytest.raises(ConditionError, match="too large"):
            bounded({"plan": value})


@pytest.mark.parametrize(
    ("reason_required", "tickets", "reason", "refused"),
    [
        (False, (), "", ""),
        (True, (), "  ", "asks for a reason"),
        (True, ("OPS-[0-9]+",), "because", "a ticket in the reason that matches OPS-[0-9]+"),
        (True, ("OPS-[0-9]+",), "OPS-12: because", ""),
        (True, ("OPS-[0-9]+", "^DB"), "OPS-12: because", "^DB"),
        (True, (), "x" * 1001, "at most 1000"),
        (True, ("(?=x)",), "x", "cannot be used"),
    ],
)
def test_a_reason_names_its_ticket(
    reason_required: bool, tickets: tuple[str, ...], reason: str, refused: str
) -> None:
    """A pattern that cannot be used must not let every reason pass."""
    asked = Decision(effect="confirm", why="", reason_required=reason_required, tickets=tickets)
    assert refused in reason_refused(asked, reason)
    assert bool(refused) == bool(reason_refused(asked, reason))


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("OPS-[0-9]+", "OPS-[0-9]+, as in OPS-123"),
        (r"\b(OPS|DB)-\d+\b", r"\b(OPS|DB)-\d+\b, as in OPS-123"),
        ("(INC|CHG)[0-9]{7}", "(INC|CHG)[0-9]{7}, as in INC1234567"),
        ("[A-Z]{2,5}-[0-9]+", "[A-Z]{2,5}-[0-9]+, as in AB-123"),
        ("OPS", "OPS"),
        ("(a.c)+", "(a.c)+"),
        ("(?=x)", "(?=x)"),
    ],
)
def test_a_tickets_pattern_is_told_with_an_example(pattern: str, told: str) -> None:
    """Who is on call reads no patterns; an example that would be refused were worse than none."""
    assert ticket_in_words(pattern) == told
    asked = Decision(effect="confirm", why="", reason_required=True, tickets=(pattern,))
    assert reason_refused(asked, "") == f"the policy asks for a reason that names a ticket: {told}"


def test_no_pattern_takes_years() -> None:
    """With Python's own expressions this one would run for years, once for each reason anybody gives."""
    assert not Pattern("^(a+)+(a|a)*(a+)+$").found_in("a" * 1000 + "b")
    for huge in ("a{1000}{1000}{1000}", "(" * 5000, "[" * 200):
        with pytest.raises(ConditionError):
            Pattern(huge)
