"""A plan with a blocker is shown, and never started."""

from __future__ import annotations

import msgspec
import pytest

from k8sops.actions.cordon import Cordon, CordonParams
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock, SystemClock, UlidSource
from k8sops.core.errors import BlockedError, ExitCode
from k8sops.core.plan import Finding, Plan
from k8sops.core.ports import ClusterReader
from k8sops.core.run import RunState
from k8sops.service import local

ALICE = Actor(name="alice")
BLOCKER = Finding(
    level="blocker", code="last_node", text="it is the last node that can host db", override="--force"
)


class BlockedCordon(Cordon):
    """Cordon, with something in its way."""

    async def plan(self, params: CordonParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """The real plan and a blocker."""
        return msgspec.structs.replace(await super().plan(params, cluster, clock), findings=(BLOCKER,))


async def test_a_blocked_plan_is_refused_with_exit_5_and_names_its_override(
    cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was confirmed or approved: a blocker stops the run."""
    monkeypatch.setattr(local, "load_action", lambda _: BlockedCordon())
    ops = local.LocalOps(
        cluster,
        reader=ReadOnlyCluster(cluster),
        clock=SystemClock(),
        ids=UlidSource(),
        default_namespace="default",
    )
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
