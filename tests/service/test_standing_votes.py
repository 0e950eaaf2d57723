"""What policy is asked about a schedule before anything of the kind has come up."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from k8sops.core.plan import Plan
from k8sops.core.risk import Risk
from k8sops.service.standing_votes import supposed
from tests.support.plans import a_plan, scale_step

BOTH: dict[str, Any] = {"targets": ["deployment/web", "payments/deployment/api"], "namespace": "shop"}


def scheduled(*risks: Risk, params: dict[str, Any]) -> Plan:
    """A plan with a step in `shop` of each risk."""
    steps = tuple(scale_step(risk=risk) for risk in risks)
    return msgspec.structs.replace(a_plan(steps=steps), params=params)


@pytest.mark.parametrize("now", [(), (Risk.LOW,), (Risk.DISRUPTIVE,)])
def test_a_namespace_with_nothing_to_do_today_counts_all_the_same(now: tuple[Risk, ...]) -> None:
    """Else a rule on it would not be asked about a schedule that may act there tomorrow."""
    plan = supposed(scheduled(*now, params=BOTH), Risk.DISRUPTIVE)
    assert {step.target.namespace for step in plan.steps} == {"shop", "payments"}
    assert plan.risk is Risk.DISRUPTIVE


def test_a_plan_of_one_namespace_is_as_it_is_or_as_risky_as_it_may_become() -> None:
    """Nothing is made up about a namespace beyond that."""
    one = {"targets": ["deployment/web"], "namespace": "shop"}
    now = scheduled(Risk.LOW, params=one)
    assert supposed(now, Risk.LOW) is now
    assert [step.risk for step in supposed(now, Risk.DISRUPTIVE).steps] == [Risk.DISRUPTIVE]
    (unknown,) = supposed(scheduled(params=one), Risk.LOW).steps
    assert unknown.target.namespace == "shop"
    (nowhere,) = supposed(scheduled(params={}), Risk.LOW).steps
    assert nowhere.target.namespace == ""
