"""Every scenario drained twice on a real control plane: by the real kubectl, and by this program on an identical copy.

What the two did is read from the API server's audit log. This program differs where it is safer, and only there:

- A refusal comes before the cordon. kubectl cordons first, refuses then, and leaves the node cordoned.
- A budget that can never open, and a pod under two budgets, stop the plan, and so keep the node's other pods where
  they are. kubectl evicts those, and then tries for ever or gives up half way.
- A pod that is ending already is waited for, and only asked again where --grace-period lets it end sooner. kubectl
  evicts it once more, to no effect.
"""

from __future__ import annotations

import pytest

from k8sops.sandbox.manager import SandboxHandle
from k8sops.sandbox.pytest_plugin import in_thread
from tests.actions.drain.like_kubectl_play import Pair, play
from tests.actions.drain.like_kubectl_scenarios import SCENARIOS, Scenario

by_name = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)


@pytest.fixture(scope="module")
def pairs(sandbox: SandboxHandle, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """What came of every scenario."""
    return in_thread(lambda: play(sandbox, tmp_path_factory.mktemp("like-kubectl")))


def test_the_table_is_long_enough_and_names_each_scenario_once() -> None:
    """Forty is what was promised; results are kept by name."""
    assert len({one.name for one in SCENARIOS}) == len(SCENARIOS) >= 40


@by_name
def test_verdicts_are_kubectls(pairs: dict[str, Pair], scenario: Scenario) -> None:
    """Whom kubectl refused, and else whom it let go, is what was said beforehand."""
    pair = pairs[scenario.name]
    kubectl, judged = pair.kubectl, pair.judged
    assert kubectl.refused <= judged.refused, kubectl.said
    assert judged.refused == kubectl.refused, kubectl.said
    gone = {role for role, fate in kubectl.fates.items() if fate != "stays"}
    assert gone == (set() if judged.refused else judged.goes), kubectl.said


@by_name
def test_the_same_pods_are_evicted_deleted_kept_and_refused(
    pairs: dict[str, Pair], scenario: Scenario
) -> None:
    """The whole action, from proposal to the end of its run."""
    kubectl, program = pairs[scenario.name].kubectl, pairs[scenario.name].program
    said = f"kubectl: {kubectl.said}\nthis program: {program.said}"
    assert program.refused == kubectl.refused, said
    assert program.fates == kubectl.fates | dict.fromkeys(scenario.stays, "stays"), said
    if not scenario.stays:
        assert program.graces == kubectl.graces, said
    assert program.drained == kubectl.drained, said


@by_name
def test_a_refusal_leaves_the_node_as_it_was(pairs: dict[str, Pair], scenario: Scenario) -> None:
    """kubectl leaves it cordoned, and nobody notices until the cluster is full (k/k#37592)."""
    pair = pairs[scenario.name]
    assert pair.kubectl.cordoned
    if pair.program.refused:
        assert not pair.program.cordoned
