"""Budgets in view: when an eviction is sent, and when it would only be refused or collide."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from k8sops.actions.drain.floor import Floor
from k8sops.actions.drain.gates import DOUBT_S, FREE, Gates
from k8sops.cluster.structs import Condition
from k8sops.forecast.objects import (
    Budget,
    BudgetSpec,
    BudgetStatus,
    FullMeta,
    Pod,
    PodStatus,
    Selector,
)


class Hand:
    """A clock moved by hand."""

    at = 100.0

    def now(self) -> datetime:
        """Any time."""
        return datetime(2026, 11, 21, tzinfo=UTC)

    def monotonic(self) -> float:
        """Where it stands."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """At once."""
        self.at += seconds


def pod(name: str, *, ready: bool = True, phase: str = "Running") -> Pod:
    """A pod of app web."""
    condition = Condition(type="Ready", status="True" if ready else "False")
    meta = FullMeta(name=name, namespace="shop", uid=f"uid-{name}", labels={"app": "web"})
    return Pod(metadata=meta, status=PodStatus(phase=phase, conditions=(condition,)))


def budget(
    version: str = "1", *, policy: Any = "IfHealthyBudget", generation: int = 1, **status: Any
) -> Budget:
    """The budget over app web."""
    meta = FullMeta(
        name="web-pdb", namespace="shop", uid="b", resource_version=version, generation=generation
    )
    spec = BudgetSpec(selector=Selector(match_labels={"app": "web"}), unhealthy_pod_eviction_policy=policy)
    return Budget(metadata=meta, spec=spec, status=BudgetStatus(observed_generation=1, **status))


def gates(*budgets: Budget, asked: bool = True) -> tuple[Gates, Floor, Hand]:
    """Gates over these budgets."""
    floor, clock = Floor(), Hand()
    for one in budgets:
        floor.put_budget(one)
    made = Gates(floor, clock, budgets_asked=asked)
    made.index()
    return made, floor, clock


def test_what_was_spent_counts_until_the_budget_itself_shows_it() -> None:
    """Between the server's yes and the next watch event the status is too generous by one."""
    made, floor, _ = gates(budget(disruptions_allowed=2))
    first = pod("a")
    floor.put_pod(first)
    gate = made.of(first)
    made.trying(gate, first)
    assert not made.is_open(gate), "a second one now would collide at the server"
    made.answered(gate, first, accepted=True)
    assert made.allowed("shop/web-pdb") == 1
    assert made.is_open(gate)
    shown = {"a": datetime(2026, 11, 21, tzinfo=UTC)}
    floor.put_budget(budget("2", disruptions_allowed=1, disrupted_pods=shown))
    made.recount()
    assert made.allowed("shop/web-pdb") == 1


def test_a_refused_eviction_has_spent_nothing() -> None:
    """Else a budget would shrink with every try."""
    made, floor, _ = gates(budget(disruptions_allowed=1))
    first = pod("a")
    floor.put_pod(first)
    made.trying(made.of(first), first)
    made.answered(made.of(first), first, accepted=False)
    assert made.allowed("shop/web-pdb") == 1


@pytest.mark.parametrize("retry_after", [None, 3.0])
def test_after_a_refusal_the_budget_has_to_change_or_time_to_pass(retry_after: float | None) -> None:
    """A status that says yes while the server says no is out of date; asking on in a loop helps nobody."""
    made, floor, clock = gates(budget(disruptions_allowed=1))
    gate = made.of(pod("a"))
    assert made.refused(gate, "web-pdb", retry_after)
    assert not made.is_open(gate)
    floor.put_budget(budget("2", disruptions_allowed=1))
    assert made.is_open(gate) is (retry_after is None), "Retry-After holds whatever the status says"
    floor.put_budget(budget("1", disruptions_allowed=1))
    clock.at += DOUBT_S
    assert made.is_open(gate)
    assert not made.refused(gate, "another-pdb", None)


def test_a_budget_whose_controller_lags_is_not_tried() -> None:
    """The server refuses while observedGeneration is behind (eviction.go)."""
    made, _, _ = gates(budget(generation=2, disruptions_allowed=5))
    assert not made.is_open(made.of(pod("a")))


def test_pods_that_do_not_run_pass_freely() -> None:
    """The server asks no budget for them."""
    made, _, _ = gates(budget(disruptions_allowed=0))
    assert made.of(pod("a", phase="Pending")) == FREE
    assert made.of(pod("a", phase="Succeeded")) == FREE
    assert made.of(pod("a")) != FREE


def test_pods_that_are_not_ready_go_by_the_policy_for_unhealthy_ones() -> None:
    """AlwaysAllow lets them go; the default does while enough others are healthy."""
    broken = pod("a", ready=False)
    made, _, _ = gates(budget(policy="AlwaysAllow"))
    assert made.of(broken) == FREE
    made, floor, _ = gates(budget(current_healthy=1, desired_healthy=2))
    assert not made.is_open(made.of(broken))
    floor.put_budget(budget("2", current_healthy=2, desired_healthy=2))
    assert made.is_open(made.of(broken))
    assert not made.is_open(made.of(pod("b"))), "healthy ones still have to stay"


def test_with_disable_eviction_there_are_no_gates() -> None:
    """A deletion asks no budget."""
    made, _, _ = gates(budget(disruptions_allowed=0), asked=False)
    assert made.of(pod("a")) == FREE


def test_what_holds_a_pod_back_is_named_with_its_time() -> None:
    """What is waited for is told with since when."""
    made, _, clock = gates(budget(disruptions_allowed=0))
    gate = made.of(pod("a"))
    assert not made.is_open(gate)
    clock.at += 40
    assert made.why_closed(gate) == "shop/web-pdb: 0 disruptions allowed"
    assert made.closed_for_s(gate) == 40
    assert made.longest_closed({gate}) == gate
