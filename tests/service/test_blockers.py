"""A plan with a blocker is shown, and never started."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.errors import BlockedError, ExitCode
from k8sops.core.run import RunState
from k8sops.service import open_ops
from k8sops.service.config import Config
from tests.support.blocked import block_cordon

ALICE = Actor(name="kubernetes-admin")


async def test_a_blocked_plan_is_refused_with_exit_5_and_names_its_override(
    cluster: KubeCluster, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was confirmed or approved: a blocker stops the run."""
    block_cordon(monkeypatch)
    async with open_ops(Config(kubeconfig=(kubeconfig,))) as ops:
        run = await ops.propose("cordon", {"nodes": ["node-1"]}, ALICE)
        assert run.plan.decision is not None
        assert run.plan.decision.effect == "deny"
        with pytest.raises(BlockedError, match="last node") as refused:
            await ops.start(run.id, ALICE)
        assert refused.value.exit_code is ExitCode.BLOCKED
        assert "--force" in refused.value.hint
        assert (await ops.get_run(run.id)).state is RunState.PROPOSED
    node = await cluster.get(await cluster.resource("nodes"), "node-1")
    assert "unschedulable" not in node["spec"]
