"""Cordon and uncordon on real nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from k8sops.core.actor import Actor
from k8sops.core.errors import NotFoundError, UsageError
from k8sops.core.ops import Ops
from k8sops.core.run import Run, RunState
from k8sops.core.tables import TableQuery
from k8sops.service import open_ops
from k8sops.service.config import Config

ALICE = Actor(name="kubernetes-admin")


@pytest.fixture
async def ops(kubeconfig: Path) -> AsyncIterator[Ops]:
    """The service on the shared control plane."""
    async with open_ops(Config(kubeconfig=(kubeconfig,))) as opened:
        yield opened


@pytest.fixture
async def nodes(ops: Ops) -> AsyncIterator[list[str]]:
    """Two nodes, schedulable again afterwards."""
    names = [row.name for row in (await ops.table(TableQuery(kind="nodes"))).rows][:2]
    yield names
    await _run(ops, "uncordon", names)


async def _run(ops: Ops, action: str, nodes: list[str]) -> Run:
    run = await ops.propose(action, {"nodes": nodes}, ALICE, reason="new kernel")
    await ops.start(run.id, ALICE)
    async for _ in ops.watch(run.id):
        pass
    return await ops.get_run(run.id)


async def _cordoned(ops: Ops, node: str) -> bool:
    return bool((await ops.object("node", node))["spec"].get("unschedulable", False))


async def test_a_cordoned_node_is_unschedulable_and_uncordon_takes_it_back(
    ops: Ops, nodes: list[str]
) -> None:
    """The pair is its own undo."""
    run = await _run(ops, "cordon", nodes)
    assert run.state is RunState.SUCCEEDED, run.error
    assert [await _cordoned(ops, node) for node in nodes] == [True, True]
    shown = await ops.table(TableQuery(kind="nodes", name=nodes[0], namespace="default", with_identity=False))
    assert "Ready,SchedulingDisabled,by kubernetes-admin: new kernel" in shown.rows[0].cells
    undo = run.plan.steps[0].undo
    assert undo is not None
    assert undo["action"] == "uncordon"
    await _run(ops, "uncordon", nodes)
    assert [await _cordoned(ops, node) for node in nodes] == [False, False]
    annotations = (await ops.object("node", nodes[0]))["metadata"]["annotations"]
    assert not [name for name in annotations if "cordon" in name], "who cordoned it no longer matters"


async def test_a_node_cordoned_already_is_left_alone_and_said_so(ops: Ops, nodes: list[str]) -> None:
    """Only cordons that this run made may ever be undone by it."""
    await _run(ops, "cordon", nodes[:1])
    run = await ops.propose("cordon", {"nodes": nodes}, ALICE)
    assert [step.target.name for step in run.plan.steps] == nodes[1:]
    assert [finding.code for finding in run.plan.findings] == ["no_change"]


async def test_one_missing_node_refuses_the_whole_request(ops: Ops, nodes: list[str]) -> None:
    """kubectl would cordon the first and then fail: nothing is half done here."""
    with pytest.raises(NotFoundError, match="there is no node nope; nothing was cordoned"):
        await ops.propose("cordon", {"nodes": [*nodes, "nope"]}, ALICE)


async def test_a_selector_that_matches_nothing_is_refused(ops: Ops) -> None:
    """Done, zero nodes, would read as success."""
    with pytest.raises(UsageError, match="no node matches"):
        await ops.propose("cordon", {"selector": "no=such"}, ALICE)
