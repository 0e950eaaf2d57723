"""The numbers of budgets and what they refuse, case by case; `test_budgets_on_cluster` compares with a real server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from k8sops.cluster.structs import Meta, OwnerReference
from k8sops.forecast.budgets import Ledger
from k8sops.forecast.budgets_counting import (
    Controller,
    ControllerSpec,
    Scale,
    Scales,
    count,
    scaled,
    scales_of,
    scales_wanted,
)
from k8sops.forecast.objects import Budget, Pod, Selector
from tests.forecast.budget_cases import NOW, budget, pod

WEB = {"web-1": Scale("web", 3)}
THREE = [pod("a"), pod("b"), pod("c")]


def ledger(one: Budget, pods: Sequence[Pod] = THREE, scales: Scales = WEB) -> Ledger:
    """A ledger over one budget."""
    return Ledger.of([one], pods, scales, now=NOW)


@pytest.mark.parametrize(
    ("rule", "total", "found"),
    [("50%", 7, 4), ("1%", 3, 1), ("0%", 9, 0), ("100%", 3, 3), ("34%", 3, 2), (2, 9, 2), ("30%", 10, 3)],
)
def test_percentages_are_rounded_up(rule: int | str, total: int, found: int) -> None:
    """Both of a budget's fields round up: maxUnavailable 1% of three pods lets one go."""
    assert scaled(rule, total) == found


@pytest.mark.parametrize(
    ("fields", "expected", "desired", "allowed"),
    [
        ({"least": 2}, 3, 2, 1),
        ({"least": "50%"}, 3, 2, 1),
        ({"away": 1}, 3, 2, 1),
        ({"away": "34%"}, 3, 1, 2),
        ({"away": 5}, 3, 0, 3),
        ({"away": 0}, 3, 3, 0),
        ({"least": "100%"}, 3, 3, 0),
        ({}, 0, 0, 0),
    ],
)
def test_what_a_budget_wants_of_three_replicas(
    fields: dict[str, Any], expected: int, desired: int, allowed: int
) -> None:
    """The four numbers of a budget's status."""
    found = count(budget(**fields), THREE, WEB)
    assert (found.expected, found.desired_healthy, found.healthy, found.allowed) == (
        expected,
        desired,
        3,
        allowed,
    )


def test_pods_of_two_revisions_count_their_deployment_once() -> None:
    """In mid-rollout a Deployment of four has two ReplicaSets; four are expected, not three and two."""
    deployment = Controller(Meta(uid="web"), ControllerSpec(4))
    owned = (
        OwnerReference(kind="Deployment", name="web", uid="web", api_version="apps/v1", controller=True),
    )
    sets = [
        Controller(Meta(uid=uid, owner_references=owned), ControllerSpec(n))
        for uid, n in (("old", 3), ("new", 2))
    ]
    scales = scales_of(deployments=[deployment], replica_sets=sets)
    pods = [pod("a", owner="old"), pod("b", owner="new")]
    assert count(budget(away="25%"), pods, scales).expected == 4
    assert count(budget(away="25%"), pods, scales_of(replica_sets=sets)).expected == 5


def test_an_ending_pod_and_one_whose_eviction_was_just_granted_are_not_healthy() -> None:
    """Between the grant and the deletion the pod still looks ready; two minutes later it stays after all."""
    fresh = {"b": NOW - timedelta(seconds=119)}
    pods = [pod("a", ending=True), pod("b"), pod("c")]
    assert count(budget(least=1, granted=fresh), pods, WEB, now=NOW).healthy == 1
    stale = {"b": NOW - timedelta(seconds=121)}
    assert count(budget(least=1, granted=stale), pods, WEB, now=NOW).healthy == 2


def test_evictions_are_counted_across_the_set_and_given_back_when_replaced() -> None:
    """A dry-run eviction of each of five pods passes a budget of one; a ledger does not."""
    book = ledger(budget(away=1))
    assert book.blocked_by(THREE[0]) == ()
    book.evict(THREE[0])
    (block,) = book.blocked_by(THREE[1])
    assert (block.when, block.code) == ("later", "exhausted")
    assert "needs 2 healthy pods and has 2" in block.sentence
    book.replaced(THREE[0])
    assert book.blocked_by(THREE[1]) == ()


def test_a_pod_evicted_or_replaced_twice_is_counted_once() -> None:
    """A take-over tells the ledger again what is on record."""
    book = ledger(budget(away=2))
    for _ in range(2):
        book.evict(THREE[0])
    assert book.allowed("shop/web") == 1
    for _ in range(2):
        book.replaced(THREE[0])
    assert book.allowed("shop/web") == 2


def test_a_bare_pod_is_never_given_back() -> None:
    """Nothing makes it again, so its budget has one less for good."""
    pods = [pod("a", owner=""), pod("b", owner=""), pod("c", owner="")]
    book = ledger(budget(least=2), pods, {})
    book.evict(pods[0])
    book.replaced(pods[0])
    (block,) = book.blocked_by(pods[1])
    assert block.when == "never"


@pytest.mark.parametrize(
    "state", [{"phase": "Pending"}, {"phase": "Succeeded"}, {"phase": "Failed"}, {"ending": True}]
)
def test_pending_finished_and_terminating_pods_ask_no_budget(state: dict[str, Any]) -> None:
    """The Eviction API deletes them at once, under two budgets too."""
    gone = pod("a", ready=False, **state)
    book = Ledger.of([budget("one", away=0), budget("two", away=0)], [gone, *THREE[1:]], WEB)
    assert book.blocked_by(gone) == ()
    assert not book.needs_slot(gone)


def test_a_pod_under_two_budgets_is_refused_with_what_to_do() -> None:
    """The server answers 500, which kubectl gives up on; neither budget can be waited for."""
    book = Ledger.of([budget("one", away=1), budget("two", away=1)], THREE, WEB)
    blocks = book.blocked_by(THREE[0])
    assert [block.budget for block in blocks] == ["shop/one", "shop/two"]
    assert {(block.when, block.code) for block in blocks} == {("never", "two_budgets")}
    assert "one and two" in blocks[0].sentence
    assert "--disable-eviction" in blocks[0].advice


@pytest.mark.parametrize(
    ("fields", "ready", "goes"),
    [
        ({"least": 2}, 2, True),
        ({"least": 2}, 1, False),
        ({"least": 2, "unhealthy": "AlwaysAllow"}, 1, True),
        ({"away": "100%"}, 2, True),
        ({"least": 0}, 0, False),
        ({"away": 0}, 2, False),
        ({"away": 0, "unhealthy": "AlwaysAllow"}, 0, True),
    ],
)
def test_whether_a_pod_that_is_not_ready_goes(fields: dict[str, Any], ready: int, goes: bool) -> None:
    """KEP-3017: it disrupts nobody, yet by default it goes only where the others suffice without it."""
    sick = pod("sick", ready=False)
    pods = [sick, *(pod(f"p{n}", ready=n < ready) for n in range(2))]
    book = ledger(budget(**fields), pods)
    before = book.count("shop/web").healthy
    assert (book.blocked_by(sick) == ()) is goes
    book.evict(sick)
    assert book.count("shop/web").healthy == before


@pytest.mark.parametrize(
    ("fields", "pods", "code", "when", "told"),
    [
        ({"away": 0}, THREE, "zero", "never", "wants 3 healthy of at most 3 pods (maxUnavailable 0)"),
        ({"least": "100%"}, THREE, "zero", "never", "(minAvailable 100%)"),
        ({"least": 4}, THREE, "zero", "never", "wants 4 healthy of at most 3"),
        ({}, THREE, "no_rule", "never", "neither minAvailable nor maxUnavailable"),
        ({"away": 1}, [pod("a", owner="")], "counts_nothing", "never", "counts pods by their controllers"),
        (
            {"away": 1},
            [pod("a", owner="run", kind="Job")],
            "not_computed",
            "never",
            "Job run, which has no scale",
        ),
        ({"least": 2}, [*THREE[:2], pod("c", ready=False)], "exhausted", "later", "not ready: c"),
    ],
)
def test_a_refusal_says_whether_the_budget_can_ever_open(
    fields: dict[str, Any], pods: list[Pod], code: str, when: str, told: str
) -> None:
    """Waiting for the first six would be waiting for ever: kubectl retries every five seconds without a word of it."""
    (block,) = ledger(budget(**fields), pods).blocked_by(pods[0])
    assert (block.code, block.when) == (code, when)
    assert told in block.sentence
    assert block.advice


def test_an_empty_selector_takes_the_whole_namespace_and_none_takes_nothing() -> None:
    """The difference between {} and null in policy/v1."""
    everything = budget(away=0)
    nothing = Budget(everything.metadata, type(everything.spec)(selector=None, max_unavailable=0))
    everything = Budget(everything.metadata, type(everything.spec)(selector=Selector(), max_unavailable=0))
    other = pod("x", app="other")
    assert ledger(everything, [other]).blocked_by(other)
    assert ledger(nothing, [other]).blocked_by(other) == ()


def test_a_copy_reckons_on_its_own() -> None:
    """Trying out an order must not change the plan's own ledger."""
    book = ledger(budget(away=1))
    trial = book.copy()
    trial.evict(THREE[0])
    assert (book.allowed("shop/web"), trial.allowed("shop/web")) == (1, 0)


def test_only_controllers_that_a_budget_counts_by_are_asked_for() -> None:
    """An integer minAvailable counts pods; asking for their scales would be requests for nothing."""
    assert scales_wanted([budget(least=1)], THREE, {}) == ()
    ((namespace, reference),) = scales_wanted([budget(away=1)], THREE, {})
    assert (namespace, reference.name) == ("shop", "web-1")
    assert scales_wanted([budget(away=1)], THREE, WEB) == ()
