"""Selectors as the API server and the scheduler read them."""

from __future__ import annotations

import msgspec
import pytest

from k8sops.forecast.objects import NodeSelector, Requirement, Selector
from k8sops.forecast.selectors import matches, node_matches, required_nodes, requirement_holds
from tests.forecast.worlds import node, pod

LABELS = {"app": "web", "tier": "front", "rank": "5"}


@pytest.mark.parametrize(
    ("selector", "taken"),
    [
        (None, False),
        (Selector(), True),
        (Selector({"app": "web"}), True),
        (Selector({"app": "web", "tier": "back"}), False),
        (Selector({"app": "web"}, (Requirement("tier", "NotIn", ("back",)),)), True),
        (Selector({}, (Requirement("missing", "NotIn", ("x",)),)), True),
        (Selector({}, (Requirement("missing", "In", ("x",)),)), False),
        (Selector({}, (Requirement("missing", "DoesNotExist"),)), True),
        (Selector({}, (Requirement("app", "Exists"), Requirement("app", "In", ("web", "db")))), True),
    ],
)
def test_a_label_selector(selector: Selector | None, taken: bool) -> None:
    """Empty takes all, none takes nothing: swapped, a budget covers the whole namespace."""
    assert matches(selector, LABELS) is taken


@pytest.mark.parametrize(
    ("operator", "values", "holds"),
    [
        ("Gt", ("4",), True),
        ("Gt", ("5",), False),
        ("Lt", ("10",), True),
        ("Lt", ("x",), False),
        ("Gt", ("1", "2"), False),
        ("Gt", ("99999999999999999999",), False),
        ("Near", ("5",), False),
    ],
)
def test_numbers_are_compared_and_anything_else_fails(
    operator: str, values: tuple[str, ...], holds: bool
) -> None:
    """As in the scheduler: a value that cannot be read matches nothing."""
    assert requirement_holds(Requirement("rank", operator, values), LABELS) is holds


def test_terms_of_a_node_selector_are_alternatives_and_an_empty_one_takes_nothing() -> None:
    """The rule that most often surprises in node affinity."""
    first = node("n1", labels={"disk": "ssd"})
    empty = msgspec.convert({"nodeSelectorTerms": [{}]}, NodeSelector)
    either = {
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["hdd"]}]},
            {},
        ]
    }
    by_name = {
        "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]
    }
    assert node_matches(None, first)
    assert not node_matches(empty, first)
    assert not node_matches(msgspec.convert(either, NodeSelector), first)
    assert node_matches(msgspec.convert(by_name, NodeSelector), first)
    assert not node_matches(msgspec.convert(by_name, NodeSelector), node("n2"))


def test_node_selector_and_affinity_are_both_to_hold() -> None:
    """A pod with both is placed where both agree."""
    terms = [{"matchExpressions": [{"key": "rank", "operator": "Exists"}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    one = pod("web", nodeSelector={"disk": "ssd"}, affinity={"nodeAffinity": required})
    assert required_nodes(one, node("n1", labels={"disk": "ssd", "rank": "1"}))
    assert not required_nodes(one, node("n2", labels={"disk": "ssd"}))
    assert not required_nodes(one, node("n3", labels={"rank": "1"}))
