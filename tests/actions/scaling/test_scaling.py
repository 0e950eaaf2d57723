"""Several targets, shares, room, owners, and a namespace to zero and back, on real controllers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.connect import connect
from k8sops.core.clock import SystemClock
from k8sops.core.errors import BlockedError, NotFoundError, UnknownKindError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource
from k8sops.core.run import Run, RunState
from tests.support.desk import Desk
from tests.support.workloads import NEVER_READY, create, deployment, hpa, replicas_of, stateful_set


async def replicas(cluster: KubeCluster, desk: Desk, name: str, kind: str = "deployments") -> int:
    """`spec.replicas`."""
    return (await replicas_of(cluster, kind, name, desk.namespace))[0]


def codes(run: Run) -> list[tuple[str, str]]:
    """Level and code of each finding but notes."""
    return [(one.level, one.code) for one in run.plan.findings if one.level != "note"]


async def test_several_targets_scale_together_and_one_undo_brings_each_to_its_own(
    desk: Desk, cluster: KubeCluster
) -> None:
    """Half of each is another number for each, and so is the way back."""
    for name, count in (("web", 4), ("api", 2)):
        await create(cluster, deployment(name, desk.namespace, replicas=count))
        await desk.ready_pods(cluster, name, count)
    run = await desk.do("scale", "deployment/web", "deployment/api", replicas="50%")
    assert run.state is RunState.SUCCEEDED, run.error
    assert [await replicas(cluster, desk, name) for name in ("web", "api")] == [2, 1]
    undone = await desk.undo(run)
    assert undone.state is RunState.SUCCEEDED, undone.error
    assert [await replicas(cluster, desk, name) for name in ("web", "api")] == [4, 2]


async def test_one_target_that_fails_leaves_the_others_their_own_result(
    desk: Desk, cluster: KubeCluster
) -> None:
    """kubectl stops at the first error and says nothing about the rest."""
    await create(cluster, deployment("bad", desk.namespace, annotations=NEVER_READY))
    await create(cluster, deployment("good", desk.namespace))
    run = await desk.do("scale", "deployment/bad", "deployment/good", replicas="+1", timeout=30)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert run.error.code == "partial"
    assert f"1 of 2 were done: {desk.namespace}/deployments/good" in run.error.message
    assert "bad is set to 2 replicas, but 0 are ready" in run.error.message
    assert await replicas_of(cluster, "deployments", "good", desk.namespace) == (2, 2)


async def test_missing_workloads_are_named_together_before_anything_is_scaled(
    desk: Desk, cluster: KubeCluster
) -> None:
    """Nothing is half done."""
    await create(cluster, deployment("web", desk.namespace))
    with pytest.raises(NotFoundError, match=r"nope.*nah.*nothing was scaled"):
        await desk.do("scale", "deployment/nope", "deployment/web", "sts/nah", replicas=3)
    assert await replicas(cluster, desk, "web") == 1


async def test_an_autoscaler_that_would_undo_it_is_a_blocker_with_three_ways_out(
    desk: Desk, cluster: KubeCluster
) -> None:
    """kubectl scale succeeds, and a moment later the HPA has set it back (kubernetes#95695)."""
    await create(cluster, deployment("web", desk.namespace, replicas=2))
    await create(cluster, hpa(desk.namespace, "web", 2, 3))
    await desk.ready_pods(cluster, "web", 2)
    with pytest.raises(BlockedError, match=r"keeps deployment .*web between 2 and 3 replicas"):
        await desk.do("scale", "deployment/web", replicas=5)
    run = await desk.do("scale", "deployment/web", replicas=5, autoscaler="bounds")
    assert run.state is RunState.SUCCEEDED, run.error
    found = await desk.ops.object(HPA_KIND, "web", desk.namespace)
    assert (found["spec"]["minReplicas"], found["spec"]["maxReplicas"]) == (5, 5)
    await _looked(desk, cluster, 5)
    undone = await desk.undo(run)
    assert undone.state is RunState.SUCCEEDED, undone.error
    found = await desk.ops.object(HPA_KIND, "web", desk.namespace)
    assert (found["spec"]["minReplicas"], found["spec"]["maxReplicas"]) == (2, 3)
    assert await replicas(cluster, desk, "web") == 2


async def test_a_fight_with_an_autoscaler_is_told_and_never_called_a_success(
    desk: Desk, cluster: KubeCluster
) -> None:
    """The person has chosen to ignore it; the autoscaler has not."""
    await create(cluster, deployment("web", desk.namespace, replicas=2, annotations=NEVER_READY))
    await create(cluster, hpa(desk.namespace, "web", 1, 2))
    run = await desk.do("scale", "deployment/web", replicas=4, autoscaler="ignore", timeout=60)
    assert ("warning", "autoscaler") in codes(run)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "was set to 2 replicas by something else" in run.error.message


async def test_what_quota_would_refuse_is_a_blocker_and_named_when_gone_on_with(
    desk: Desk, cluster: KubeCluster
) -> None:
    """The PATCH succeeds and the pods are never made (kubernetes#25146)."""
    manifest = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "team", "namespace": desk.namespace},
        "spec": {"hard": {"pods": "2"}},
    }
    await create(cluster, manifest)
    await _counted(desk, cluster)
    await create(cluster, deployment("web", desk.namespace))
    await desk.ready_pods(cluster, "web", 1)
    with pytest.raises(BlockedError, match="3 more pods are asked for, 1 would be made"):
        await desk.do("scale", "deployment/web", replicas=4)
    run = await desk.do("scale", "deployment/web", replicas=4, allow_pending=True, timeout=15)
    assert ("warning", "quota") in codes(run)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "2 are ready" in run.error.message


async def test_pods_that_no_node_can_take_are_found_before(desk: Desk, cluster: KubeCluster) -> None:
    """They would be made and stay pending."""
    manifest = deployment("web", desk.namespace, replicas=0)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"cpu": "900"}}
    await create(cluster, manifest)
    run = await desk.plan("scale", "deployment/web", replicas=1)
    assert ("blocker", "does_not_fit") in codes(run)
    assert "Insufficient cpu" in run.plan.blockers[0].text


async def test_the_pod_that_holds_a_stateful_set_up_is_named(desk: Desk, cluster: KubeCluster) -> None:
    """With OrderedReady one sick pod keeps all later ones from being made."""
    manifest = stateful_set("db", desk.namespace, replicas=2)
    manifest["spec"]["template"]["metadata"]["annotations"] = NEVER_READY
    await create(cluster, manifest)
    await _existing(desk, cluster, "db-0")
    run = await desk.plan("scale", "sts/db", replicas=3)
    finding = next(one for one in run.plan.findings if one.code == "ordinal_blocks")
    assert f"{desk.namespace}/db-0 is not ready" in finding.text


async def test_what_gitops_keeps_is_told(desk: Desk, cluster: KubeCluster) -> None:
    """By the owner of the field, not only by a label that somebody may have forgotten."""
    manifest = deployment("web", desk.namespace)
    deployments = await cluster.resource("deployments")
    await cluster.apply(deployments, manifest, field_manager="argocd-controller")
    run = await desk.plan("scale", "deployment/web", replicas=2)
    assert ("warning", "gitops") in codes(run)
    assert "Argo CD" in next(one.text for one in run.plan.findings if one.code == "gitops")


async def test_a_namespace_goes_to_zero_and_comes_back_exactly(desk: Desk, cluster: KubeCluster) -> None:
    """Replicas of every kind, the CronJob that ran and the one that was suspended, with an HPA that goes on."""
    await create(cluster, deployment("web", desk.namespace, replicas=2))
    await create(cluster, hpa(desk.namespace, "web", 2, 3))
    await create(cluster, deployment("off", desk.namespace, replicas=0))
    await create(cluster, stateful_set("db", desk.namespace, replicas=1))
    for name, suspended in (("nightly", False), ("retired", True)):
        await create(cluster, _cron_job(name, desk.namespace, suspended=suspended))
    await desk.ready_pods(cluster, "web", 2)
    await desk.ready_pods(cluster, "db", 1)
    down = await desk.do("scale", to_zero=True)
    assert down.state is RunState.SUCCEEDED, down.error
    assert ("warning", "to_zero") in codes(down)
    assert await _state(desk, cluster) == {"web": 0, "off": 0, "db": 0, "nightly": True, "retired": True}
    up = await desk.do("scale", restore=down.id)
    assert up.state is RunState.SUCCEEDED, up.error
    assert await _state(desk, cluster) == {"web": 2, "off": 0, "db": 1, "nightly": False, "retired": True}
    found = await desk.ops.object(HPA_KIND, "web", desk.namespace)
    assert (found["spec"]["minReplicas"], found["spec"]["maxReplicas"]) == (2, 3)
    again = await desk.plan("scale", restore=down.id)
    assert again.plan.summary == "Nothing to do: all is as wanted already."


async def test_what_was_pending_before_comes_back_pending(desk: Desk, cluster: KubeCluster) -> None:
    """Bringing a namespace back must not end at a pod that found no node before either; nor may an undo."""
    manifest = deployment("gpu", desk.namespace)
    manifest["spec"]["template"]["spec"]["nodeSelector"] = {"tests.k8sops.dev/none": "such"}
    await create(cluster, manifest)
    run = await desk.do("scale", to_zero=True)
    assert run.state is RunState.SUCCEEDED, run.error
    for back in (await desk.plan("scale", restore=run.id), await desk.ops.undo(run.id, desk.actor)):
        assert codes(back) == [("warning", "does_not_fit")]
    one = await desk.do("scale", "deployment/gpu", replicas=1, allow_pending=True, timeout=1)
    assert one.error is not None
    down = await desk.do("scale", "deployment/gpu", replicas=0)
    assert codes(await desk.ops.undo(down.id, desk.actor)) == [("warning", "does_not_fit")]


async def test_restore_takes_a_run_that_scaled(desk: Desk) -> None:
    """Another kind of run has nothing that a scale could bring back."""
    other = await desk.do("annotate", f"namespace/{desk.namespace}", "a=b")
    with pytest.raises(UsageError, match="is a annotate, not a scale"):
        await desk.plan("scale", restore=other.id)


@pytest.fixture
async def scaled_objects(cluster: KubeCluster, kubeconfig: Path) -> AsyncIterator[Resource]:
    """ScaledObjects as a custom kind, without KEDA's controller."""
    manifest = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "scaledobjects.keda.sh"},
        "spec": {
            "group": "keda.sh",
            "scope": "Namespaced",
            "names": {"plural": "scaledobjects", "singular": "scaledobject", "kind": "ScaledObject"},
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                    },
                }
            ],
        },
    }
    resource = await cluster.resource("customresourcedefinitions")
    await cluster.create(resource, manifest)
    async with asyncio.timeout(120):
        async for event in cluster.watch(resource, field_selector="metadata.name=scaledobjects.keda.sh"):
            conditions: list[Any] = event.object.get("status", {}).get("conditions") or []
            if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
                break
    yield await _served(kubeconfig)
    await cluster.delete(resource, "scaledobjects.keda.sh")
    async with asyncio.timeout(120):
        async for event in cluster.watch(resource, field_selector="metadata.name=scaledobjects.keda.sh"):
            if event.type in {"deleted", "synced"} and not await _defined(cluster, resource):
                break


async def test_a_scaled_object_is_paused_and_let_go_on_again(
    desk: Desk, cluster: KubeCluster, scaled_objects: Resource
) -> None:
    """KEDA's own way to leave the replicas alone; restoring takes both annotations away (keda#944)."""
    await create(cluster, deployment("web", desk.namespace, replicas=1))
    body = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "web-keda", "namespace": desk.namespace},
        "spec": {
            "scaleTargetRef": {"name": "web"},
            "minReplicaCount": 1,
            "maxReplicaCount": 4,
            "triggers": [],
        },
    }
    await cluster.create(scaled_objects, body)
    with pytest.raises(BlockedError, match="ScaledObject web-keda keeps"):
        await desk.do("scale", "deployment/web", replicas=2)
    run = await desk.do("scale", "deployment/web", replicas=2, autoscaler="pin")
    assert run.state is RunState.SUCCEEDED, run.error
    scaled = await desk.ops.object("scaledobject", "web-keda", desk.namespace)
    assert scaled["metadata"]["annotations"]["autoscaling.keda.sh/paused-replicas"] == "2"
    undone = await desk.undo(run)
    assert undone.state is RunState.SUCCEEDED, undone.error
    scaled = await desk.ops.object("scaledobject", "web-keda", desk.namespace)
    assert not scaled["metadata"].get("annotations")
    assert await replicas(cluster, desk, "web") == 1


async def _defined(cluster: KubeCluster, resource: Resource) -> bool:
    try:
        await cluster.get(resource, "scaledobjects.keda.sh")
    except NotFoundError:
        return False
    return True


async def _served(kubeconfig: Path) -> Resource:
    """The kind as a new client discovers it, once the API server tells of it."""
    async with asyncio.timeout(120):
        while True:
            client = await connect(
                context=None, kubeconfig=[kubeconfig], impersonate=None, clock=SystemClock(), cluster_names={}
            )
            try:
                return await client.resource("scaledobjects.keda.sh")
            except UnknownKindError:
                continue
            finally:
                await client.aclose()


HPA_KIND = "horizontalpodautoscalers"


def _cron_job(name: str, namespace: str, *, suspended: bool) -> JsonObject:
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "job", "image": "example/job:1"}]}}
    spec = {"schedule": "0 0 31 2 *", "suspend": suspended, "jobTemplate": {"spec": {"template": pod}}}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}


async def _state(desk: Desk, cluster: KubeCluster) -> dict[str, int | bool]:
    state: dict[str, int | bool] = {name: await replicas(cluster, desk, name) for name in ("web", "off")}
    state["db"] = await replicas(cluster, desk, "db", "statefulsets")
    for name in ("nightly", "retired"):
        state[name] = bool((await desk.ops.object("cronjob", name, desk.namespace))["spec"].get("suspend"))
    return state


async def _looked(desk: Desk, cluster: KubeCluster, replicas: int) -> None:
    """Wait until the autoscaler has just looked, as it does every 15 s: undone are replicas and bounds, by two writes.

    A look between them is a fight, which is rightly told as one.
    """
    resource = await cluster.resource(HPA_KIND)
    async with asyncio.timeout(120):
        async for event in cluster.watch(resource, desk.namespace):
            if event.object.get("status", {}).get("currentReplicas") == replicas:
                return


async def _counted(desk: Desk, cluster: KubeCluster) -> None:
    """Wait until the quota's use is known: before that, the API server admits nothing."""
    resource = await cluster.resource("resourcequotas")
    async with asyncio.timeout(120):
        async for event in cluster.watch(resource, desk.namespace):
            if event.object.get("status", {}).get("used"):
                return


async def _existing(desk: Desk, cluster: KubeCluster, name: str) -> None:
    """Wait until a pod has been placed."""
    resource = await cluster.resource("pods")
    async with asyncio.timeout(120):
        async for event in cluster.watch(resource, desk.namespace, field_selector=f"metadata.name={name}"):
            if event.object.get("spec", {}).get("nodeName"):
                return
