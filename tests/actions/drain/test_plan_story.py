"""The sandbox's own story before a drain: a budget that never allows it, one pod at a time, a pod under two budgets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from k8sops.actions.drain.action import Drain
from k8sops.actions.drain.params import DrainParams
from k8sops.core.clock import SystemClock
from k8sops.core.plan import SUMMARY_LIMIT, Plan
from k8sops.sandbox.manager import SandboxManager
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.sandbox.seed import seed
from tests.support.clients import client_of


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of a seeded sandbox of its own."""
    manager = SandboxManager(tmp_path_factory.mktemp("story"))
    handle = in_thread(lambda: manager.up("story"))
    try:
        in_thread(lambda: seed(handle.kubeconfig, progress=lambda _: None))
        yield handle.kubeconfig
    finally:
        in_thread(lambda: manager.down("story"))


async def planned(kubeconfig: Path, **given: object) -> Plan:
    """The plan for all nodes of the general pool, which is four of five."""
    values = {
        "pool": "general",
        "ignore_daemonsets": True,
        "delete_emptydir_data": True,
        "force": True,
    } | given
    async with client_of(kubeconfig) as cluster:
        return await Drain().plan(DrainParams.model_validate(values), cluster, SystemClock())


async def test_the_plan_tells_the_story_that_the_sandbox_was_seeded_with(story: Path) -> None:
    """What kubectl would retry for ever, what it would fail on, and what it would do one after another."""
    plan = await planned(story)
    texts = {(finding.level, finding.code, finding.subjects) for finding in plan.findings}
    assert ("blocker", "budget_never_allows", ("data/poddisruptionbudgets/postgres-pdb",)) in texts
    paced = next(
        one for one in plan.findings if one.subjects == ("payments/poddisruptionbudgets/ledger-pdb",)
    )
    assert (paced.level, paced.code) == ("note", "budget_paces")
    assert "lets 1 go at a time" in paced.text
    ledger = {
        item.data["wave"]
        for step in plan.steps
        if step.bulk
        for item in step.bulk.items
        if item.target.name.startswith("ledger-") and item.target.namespace == "payments"
    }
    assert ledger == set(range(1, len(ledger) + 1)), "each in a wave of its own"
    assert plan.summary.startswith("Blocked: budget data/postgres-pdb never allows it")
    assert len(plan.summary) <= SUMMARY_LIMIT


async def test_the_pod_under_two_budgets_is_named_wherever_it_runs(story: Path) -> None:
    """legacy/erp: the Eviction API refuses it with a 500."""
    plan = await planned(story, pool="", selector="kubernetes.io/os=linux")
    blocker = next(one for one in plan.blockers if one.code == "two_budgets")
    assert blocker.subjects == (
        "legacy/poddisruptionbudgets/erp-pdb",
        "legacy/poddisruptionbudgets/legacy-all-pdb",
    )
    assert "legacy/erp-" in blocker.text
    assert blocker.override == "--disable-eviction"


async def test_nothing_can_run_where_every_node_is_drained(story: Path) -> None:
    """The last nodes that can host something are a blocker; with the flag the plan says what stays pending."""
    everywhere = {"pool": "", "selector": "kubernetes.io/os=linux"}
    plan = await planned(story, **everywhere)
    assert "last_host" in {one.code for one in plan.blockers}
    overridden = await planned(story, **everywhere, allow_pending=True, disable_eviction=True)
    assert overridden.blockers == ()
    assert "stay pending" in overridden.summary
