"""Order and duration: turns of nodes, places for pods on their way, grace periods and how long pods took before."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from k8sops.actions.drain.waves import DEFAULT_STARTUP_S, estimates_of, turns_of
from k8sops.cluster.structs import Condition
from k8sops.forecast.objects import Pod
from tests.actions.drain.made_up import NOW, budget, forecast, node, params, pod, scene, workload

FIVE = [node(f"n{number}") for number in range(1, 6)]


def seconds(*pods: Pod, **given: object) -> float:
    """How long the drain of n1 takes."""
    of = scene(FIVE, pods, workloads=[("StatefulSet", workload("StatefulSet", "db", 3))])
    return forecast(of, **given).schedule.seconds


def test_a_drain_takes_as_long_as_its_longest_grace_period() -> None:
    """Pods without budgets go together."""
    assert seconds(pod("a", "n1", grace=20), pod("b", "n1", grace=60)) == 60


def test_a_grace_period_given_stands_for_the_pods_own() -> None:
    """--grace-period."""
    assert seconds(pod("a", "n1", grace=600), grace_period=5) == 5


def test_a_stateful_pod_comes_back_only_after_it_is_gone() -> None:
    """Its name is taken until then."""
    assert seconds(pod("db-0", "n1", of=("StatefulSet", "db"), grace=30)) == 30 + DEFAULT_STARTUP_S


def test_an_ending_pod_takes_what_is_left_of_its_grace_period() -> None:
    """Its deletion timestamp is the end of it."""
    assert seconds(pod("a", "n1", grace=300, ending=NOW + timedelta(seconds=12))) == 12


def test_waves_of_a_budget_add_up() -> None:
    """Three pods, one at a time, each back five seconds after it goes; the last one's grace period counts whole."""
    pods = [pod(f"web-{n}", "n1") for n in range(3)]
    told = forecast(scene(FIVE, pods, budgets=[budget("b", max_unavailable=1)])).schedule
    assert told.waves == 3
    assert told.seconds == 2 * DEFAULT_STARTUP_S + 30
    assert told.paced == {"shop/b": 3}


def test_max_parallel_widens_into_waves() -> None:
    """Five pods, two at a time: three waves."""
    pods = [pod(f"web-{n}", "n1") for n in range(5)]
    told = forecast(scene(FIVE, pods), max_parallel=2).schedule
    assert told.waves == 3
    assert told.seconds == 90
    assert told.limited_by == "--max-parallel 2"
    assert sorted(slot.wave for slot in told.slots.values()) == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("share", "groups"), [(1.0, [5]), (0.4, [2, 2, 1]), (0.2, [1, 1, 1, 1, 1]), (0.05, [1] * 5)]
)
def test_no_more_of_the_cluster_than_asked_is_emptied_at_once(share: float, groups: list[int]) -> None:
    """A node that is more than the share on its own still gets its turn."""
    assert [len(turn) for turn in turns_of(FIVE, FIVE, share)] == groups


def test_turns_of_nodes_follow_each_other_in_the_forecast() -> None:
    """Each takes a grace period, and its pods' waves count on."""
    pods = [pod("a", "n1"), pod("b", "n2")]
    of = scene(FIVE, pods, drained=["n1", "n2"])
    told = forecast(of, nodes=("n1", "n2"), max_unavailable_capacity="20%").schedule
    assert told.turns == (("n1",), ("n2",))
    assert told.seconds == 60
    assert [told.slots[f"u-{name}"].wave for name in "ab"] == [1, 2]
    assert told.limited_by == "--max-unavailable-capacity 20%"


def test_replacements_are_expected_as_fast_as_their_workload_was_before() -> None:
    """The median of what its pods took from scheduled to ready; one that restarted says nothing."""

    def took(name: str, after: float) -> Pod:
        conditions = (
            Condition(type="PodScheduled", status="True", last_transition_time=NOW),
            Condition(type="Ready", status="True", last_transition_time=NOW + timedelta(seconds=after)),
        )
        plain = pod(name, "n1")
        return msgspec.structs.replace(
            plain, status=msgspec.structs.replace(plain.status, conditions=conditions)
        )

    told = estimates_of([took("a", 10), took("b", 20), took("c", 90), pod("d", "n1")])
    assert told.startup_s(pod("e", "n1")) == 20
    assert told.startup_s(pod("f", "n1", of=("StatefulSet", "db"))) == 20, "the cluster's own median"


def test_a_deletion_that_asks_no_budget_is_not_paced_by_one() -> None:
    """--disable-eviction."""
    pods = [pod(f"web-{n}", "n1") for n in range(3)]
    told = forecast(scene(FIVE, pods, budgets=[budget("b", max_unavailable=1)]), disable_eviction=True)
    assert told.schedule.waves == 1


def test_params_default_to_no_limit_of_their_own() -> None:
    """As parallel as budgets allow."""
    assert params().capacity_share == 1
    assert params().max_parallel == 0
    assert params().own_grace_s is None
