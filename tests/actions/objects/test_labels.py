"""Label and annotate on real objects."""

from __future__ import annotations

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import BlockedError, NotFoundError, UsageError
from k8sops.core.risk import Risk
from k8sops.core.run import RunState
from tests.support.desk import Desk
from tests.support.workloads import create, deployment


async def test_labels_are_set_and_removed_and_undo_brings_back_what_was(
    desk: Desk, cluster: KubeCluster
) -> None:
    """One value replaced, one added, one removed: each has another way back."""
    manifest = deployment("web", desk.namespace)
    manifest["metadata"]["labels"] = {"tier": "tin", "old": "yes"}
    await create(cluster, manifest)
    run = await desk.do("label", "deployment/web", "tier=gold", "new=1", "old-", overwrite=True)
    assert run.state is RunState.SUCCEEDED, run.error
    assert await desk.labels("deployment", "web") == {"tier": "gold", "new": "1"}
    assert (await desk.undo(run)).state is RunState.SUCCEEDED
    assert await desk.labels("deployment", "web") == {"tier": "tin", "old": "yes"}


async def test_a_value_that_is_there_is_overwritten_only_when_asked(desk: Desk, cluster: KubeCluster) -> None:
    """Somebody set it for a reason; the flag that replaces it is named."""
    manifest = deployment("web", desk.namespace)
    manifest["metadata"]["labels"] = {"tier": "tin"}
    await create(cluster, manifest)
    plan = (await desk.plan("label", "deployment/web", "tier=gold")).plan
    assert [(one.code, one.override) for one in plan.blockers] == [("would_overwrite", "--overwrite")]
    with pytest.raises(BlockedError, match="tier=tin already"):
        await desk.do("label", "deployment/web", "tier=gold")
    assert await desk.labels("deployment", "web") == {"tier": "tin"}


async def test_one_missing_object_refuses_the_whole_request(desk: Desk, cluster: KubeCluster) -> None:
    """kubectl would label the first and then fail: nothing is half done here."""
    await create(cluster, deployment("web", desk.namespace))
    with pytest.raises(
        NotFoundError, match=r"no deployment nope and no configmap nah .* nothing was labelled"
    ):
        await desk.do("label", "deployment/web", "deployment/nope", "configmap/nah", "tier=gold")
    assert await desk.labels("deployment", "web") == {}


async def test_a_pod_that_would_leave_its_replica_set_is_told(desk: Desk, cluster: KubeCluster) -> None:
    """The ReplicaSet makes another pod, and the old one runs on without an owner: a surprise at night."""
    await create(cluster, deployment("web", desk.namespace))
    pod = await _pod_of(desk, cluster)
    plan = (await desk.plan("label", f"pod/{pod}", "app=other", overwrite=True)).plan
    assert [one.code for one in plan.findings] == ["leaves_selector"]
    assert plan.risk is Risk.DISRUPTIVE
    harmless = (await desk.plan("label", f"pod/{pod}", "note=x")).plan
    assert (harmless.findings, harmless.risk) == ((), Risk.LOW)


async def test_what_is_no_label_is_refused_before_the_cluster_is_asked(desk: Desk) -> None:
    """The server's own message comes late and speaks of JSON paths."""
    with pytest.raises(UsageError, match="no valid key"):
        await desk.plan("label", "deployment/web", "-bad-=1")
    with pytest.raises(UsageError, match="no label value"):
        await desk.plan("label", "deployment/web", "a=with blank")
    with pytest.raises(UsageError, match="KEY=VALUE"):
        await desk.plan("label", "deployment/web")


async def test_annotations_hold_any_text_and_a_selector_takes_several_objects(
    desk: Desk, cluster: KubeCluster
) -> None:
    """Unlike labels; and one undo takes all of them back."""
    for name in ("web", "api"):
        manifest = deployment(name, desk.namespace)
        manifest["metadata"]["labels"] = {"team": "shop"}
        await create(cluster, manifest)
    run = await desk.do("annotate", "deployments", "why=moved, see ticket 7", selector="team=shop")
    assert run.state is RunState.SUCCEEDED, run.error
    assert len(run.plan.steps) == 2
    assert (await desk.undo(run)).state is RunState.SUCCEEDED
    for name in ("web", "api"):
        found = await desk.ops.object("deployment", name, desk.namespace)
        assert "why" not in found["metadata"].get("annotations", {})


async def _pod_of(desk: Desk, cluster: KubeCluster) -> str:
    """The deployment's only pod, once there is one."""
    pods = await cluster.resource("pods")
    async for event in cluster.watch(pods, desk.namespace):
        if event.object:
            return str(event.object["metadata"]["name"])
    raise AssertionError("the watch ended")


async def test_a_selector_that_cannot_be_read_is_told_as_one(desk: Desk) -> None:
    """The server's word for it is that Deployments are refused as invalid."""
    with pytest.raises(UsageError, match=r"the selector 'app=\(' is not valid: unable to parse") as caught:
        await desk.plan("label", "deployments", "a=b", selector="app=(")
    assert "--selector" in caught.value.hint


async def test_what_is_in_no_namespace_is_not_missed_in_one(desk: Desk) -> None:
    """A node is not missing from a namespace."""
    with pytest.raises(NotFoundError, match=r"there is no node nope; nothing was labelled") as caught:
        await desk.plan("label", "node/nope", "a=b")
    assert " -n " not in caught.value.hint
    with pytest.raises(UsageError, match=r"no node matches the selector 'a=nope'"):
        await desk.plan("label", "nodes", "a=b", selector="a=nope")
