"""Read-only refuses every action that could change something, whatever action is added later."""

from __future__ import annotations

import msgspec
import pytest

from k8sops.actions.registry import ACTIONS, ActionSpec, load_action
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock
from k8sops.core.plan import Plan
from k8sops.core.risk import Risk
from k8sops.policy.load import parse_policy
from k8sops.service.rules import PolicyRules
from tests.support.plans import a_plan, scale_step

READ_ONLY = b"format: 1\nread_only: true\n"

each_action = pytest.mark.parametrize("spec", ACTIONS, ids=lambda spec: spec.name)


def plan_of(spec: ActionSpec, risk: Risk) -> Plan:
    """A plan of this action at this risk; one of risk `read` has no steps."""
    steps = () if risk is Risk.READ else (scale_step(risk=risk),)
    return msgspec.structs.replace(a_plan(steps=steps), action=spec.name)


@each_action
def test_read_only_refuses_each_changing_plan_and_passes_each_reading_one(spec: ActionSpec) -> None:
    """A new action that nobody thought of must be refused too."""
    rules = PolicyRules(parse_policy(READ_ONLY, where="test"), SystemClock())
    for risk in spec.risks:
        decision = rules.decide(plan_of(spec, risk), Actor(name="alice"))
        assert (decision.effect == "deny") == (risk is not Risk.READ), (spec.name, risk)


@each_action
def test_the_declared_version_is_the_actions_own(spec: ActionSpec) -> None:
    """A carrier claims by the declared version; another one in the class would run what nobody planned."""
    assert load_action(spec).version == spec.version


def test_policy_keys_are_distinct_names_rules_can_match() -> None:
    """Two actions under one key could not be told apart by a rule."""
    keys = [spec.policy_key for spec in ACTIONS]
    assert len(set(keys)) == len(keys)
