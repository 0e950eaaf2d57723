"""Restart, roll back, set an image, pause and follow, on real controllers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.drift import drift_between
from k8sops.core.errors import BlockedError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunState
from tests.support.desk import Desk
from tests.support.workloads import NEVER_READY, create, deployment, stateful_set


def daemon_set(name: str, namespace: str) -> JsonObject:
    """One pod on each node."""
    manifest = deployment(name, namespace)
    del manifest["spec"]["replicas"]
    return manifest | {"kind": "DaemonSet"}


async def image_of(desk: Desk, kind: str, name: str) -> str:
    """The image of the first container in the template."""
    found = await desk.ops.object(kind, name, desk.namespace)
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


@pytest.mark.parametrize("make", [deployment, stateful_set, daemon_set])
async def test_a_restart_replaces_every_pod_and_ends_when_the_new_ones_are_available(
    desk: Desk, cluster: KubeCluster, make: Any
) -> None:
    """Done means rolled out, for each of the three kinds."""
    manifest = await create(cluster, make("web", desk.namespace))
    kind = manifest["kind"].lower()
    followed = await desk.do("rollout-status", f"{kind}/web")
    assert followed.state is RunState.SUCCEEDED, followed.error
    selector = {"label_selector": "app=web"}
    pods = await cluster.resource("pods")
    old = {one["metadata"]["uid"] async for one in cluster.list(pods, desk.namespace, **selector)}
    assert old
    run = await desk.do("restart", f"{kind}/web")
    assert run.state is RunState.SUCCEEDED, run.error
    new = [
        one["metadata"]["uid"]
        async for one in cluster.list(pods, desk.namespace, **selector)
        if "deletionTimestamp" not in one["metadata"]
    ]
    assert len(new) == len(old)
    assert not old & set(new)


@pytest.mark.parametrize("make", [deployment, stateful_set, daemon_set])
async def test_a_rollback_shows_the_difference_and_brings_the_earlier_template_back(
    desk: Desk, cluster: KubeCluster, make: Any
) -> None:
    """Field by field, without the values of environment variables; and undo goes forward again."""
    manifest = make("web", desk.namespace)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "DSN", "value": "hunter2"}]
    kind = (await create(cluster, manifest))["kind"].lower()
    await _observed(desk, cluster, kind)
    first = await image_of(desk, kind, "web")
    changed = await desk.do("set-image", f"{kind}/web", "app=example/app:2")
    assert changed.state is RunState.SUCCEEDED, changed.error
    resource = await cluster.resource(kind)
    env = [{"name": "app", "env": [{"name": "DSN", "value": "hunter3"}]}]
    body = {"spec": {"template": {"spec": {"containers": env}}}}
    await cluster.patch(resource, "web", desk.namespace, body=body, patch_type="strategic")
    assert (await desk.do("rollout-status", f"{kind}/web")).state is RunState.SUCCEEDED
    run = await desk.do("rollback", f"{kind}/web", to_revision=1)
    assert run.state is RunState.SUCCEEDED, run.error
    assert await image_of(desk, kind, "web") == first
    step = run.plan.steps[0]
    assert step.before["spec.containers[app].image"] == "example/app:2"
    assert step.after["spec.containers[app].image"] == first
    assert step.after["spec.containers[app].env[DSN].value"] == "(not shown)"
    assert "hunter" not in str(run)
    undone = await desk.undo(run)
    assert undone.state is RunState.SUCCEEDED, undone.error
    assert await image_of(desk, kind, "web") == "example/app:2"


async def test_an_image_is_set_by_container_and_undo_sets_what_was(desk: Desk, cluster: KubeCluster) -> None:
    """A container that does not exist is named with those that do; a moving tag is told."""
    await create(cluster, deployment("web", desk.namespace))
    with pytest.raises(UsageError, match="no container nope") as caught:
        await desk.plan("set-image", "deployment/web", "nope=x:1")
    assert "app" in caught.value.hint
    floating = (await desk.plan("set-image", "deployment/web", "app=example/app")).plan
    assert [one.code for one in floating.findings] == ["floating_tag"]
    run = await desk.do("set-image", "deployment/web", "*=example/app:2")
    assert run.state is RunState.SUCCEEDED, run.error
    assert (await desk.undo(run)).state is RunState.SUCCEEDED
    assert await image_of(desk, "deployment", "web") == "example/app:1"


async def test_a_rollout_that_cannot_complete_ends_at_its_deadline_with_the_pod_and_the_reason(
    desk: Desk, cluster: KubeCluster
) -> None:
    """`kubectl rollout status` says that it waits; not for what."""
    await create(cluster, deployment("web", desk.namespace, annotations=NEVER_READY))
    run = await desk.do("restart", "deployment/web", timeout=20)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "is not complete after 20 s" in run.error.message
    assert "container app is not ready" in run.error.message


async def test_a_paused_deployment_is_not_restarted_and_resume_says_what_it_would_roll_out(
    desk: Desk, cluster: KubeCluster
) -> None:
    """kubectl refuses the first after the fact, and says nothing about the second."""
    await create(cluster, deployment("web", desk.namespace))
    await desk.ready_pods(cluster, "web", 1)
    paused = await desk.do("rollout-pause", "deployment/web")
    assert paused.state is RunState.SUCCEEDED, paused.error
    with pytest.raises(BlockedError, match="is paused"):
        await desk.do("restart", "deployment/web")
    resource = await cluster.resource("deployments")
    body = {"spec": {"template": {"metadata": {"labels": {"changed": "yes"}}}}}
    await cluster.patch(resource, "web", desk.namespace, body=body)
    await _observed(desk, cluster)
    plan = (await desk.plan("rollout-resume", "deployment/web")).plan
    assert plan.risk is Risk.DISRUPTIVE
    assert "rolled out at once" in plan.summary
    assert (await desk.undo(paused)).state is RunState.SUCCEEDED
    assert not (await desk.ops.object("deployment", "web", desk.namespace))["spec"].get("paused")


async def test_a_pod_that_is_not_ready_is_no_change_that_is_held(desk: Desk, cluster: KubeCluster) -> None:
    """Readiness comes and goes: it must not raise the risk of a resume that somebody has approved."""
    await create(cluster, deployment("web", desk.namespace))
    assert (await desk.do("rollout-status", "deployment/web")).state is RunState.SUCCEEDED
    (pod,) = await desk.ready_pods(cluster, "web", 1)
    assert (await desk.do("rollout-pause", "deployment/web")).state is RunState.SUCCEEDED
    await _observed(desk, cluster)
    before = (await desk.plan("rollout-resume", "deployment/web")).plan
    status = {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Flapping"}]}}
    await cluster.patch(
        await cluster.resource("pods"), pod["metadata"]["name"], desk.namespace,
        body=status, patch_type="strategic", subresource="status",
    )  # fmt: skip
    resource = await cluster.resource("deployments")
    async with asyncio.timeout(120):
        async for event in cluster.watch(resource, desk.namespace):
            if event.object.get("status", {}).get("unavailableReplicas"):
                break
    after = (await desk.plan("rollout-resume", "deployment/web")).plan
    assert (before.risk, after.risk) == (Risk.LOW, Risk.LOW)
    assert drift_between(before, after) == ()


async def test_waves_are_complete_one_before_the_next(desk: Desk, cluster: KubeCluster) -> None:
    """Two at a time would take both replicas of a pair of services down together."""
    for name in ("api", "web"):
        manifest = deployment(name, desk.namespace)
        manifest["metadata"]["labels"] = {"team": "shop"}
        await create(cluster, manifest)
        await desk.ready_pods(cluster, name, 1)
    run = await desk.do("restart", "deployments", selector="team=shop", wave=1)
    assert run.state is RunState.SUCCEEDED, run.error
    told = [
        (event.kind, event.step.rsplit(".", 1)[-1]) for event in run.events if event.kind.startswith("step_")
    ]
    assert told == [
        ("step_started", "api"), ("step_done", "api"), ("step_started", "web"), ("step_done", "web")
    ]  # fmt: skip


async def test_a_template_changed_by_others_voids_the_plan(desk: Desk, cluster: KubeCluster) -> None:
    """What was approved was a rollback from one template, not from any."""
    await create(cluster, deployment("web", desk.namespace))
    await _observed(desk, cluster)
    changed = await desk.do("set-image", "deployment/web", "app=example/app:2")
    assert changed.state is RunState.SUCCEEDED, changed.error
    values = {"targets": ["deployment/web"], "namespace": desk.namespace}
    run = await desk.ops.propose("rollback", values, desk.actor)
    resource = await cluster.resource("deployments")
    body = {"spec": {"template": {"metadata": {"labels": {"changed": "yes"}}}}}
    await cluster.patch(resource, "web", desk.namespace, body=body)
    assert (await desk.carried(run)).state is RunState.VOID


async def test_what_has_no_rollouts_and_revisions_that_are_not_kept_are_refused(
    desk: Desk, cluster: KubeCluster
) -> None:
    """With the revisions there are."""
    await create(cluster, deployment("web", desk.namespace))
    await desk.ready_pods(cluster, "web", 1)
    with pytest.raises(UsageError, match="has no revision 9") as caught:
        await desk.plan("rollback", "deployment/web", to_revision=9)
    assert caught.value.hint.endswith("1")
    with pytest.raises(UsageError, match="no earlier revision"):
        await desk.plan("rollback", "deployment/web")
    with pytest.raises(UsageError, match="has no rollouts"):
        await desk.plan("restart", f"namespace/{desk.namespace}")


async def _observed(desk: Desk, cluster: KubeCluster, kind: str = "deployment") -> None:
    """Wait until the controller has seen the present spec: a template that it never saw is no revision."""
    resource = await cluster.resource(kind)
    async with asyncio.timeout(120):
        async for event in cluster.watch(resource, desk.namespace, field_selector="metadata.name=web"):
            found = event.object
            seen = found.get("status", {}).get("observedGeneration")
            if found and seen == found["metadata"]["generation"]:
                return


def sequence_of(run: Run) -> list[tuple[str, str]]:
    """What was written and what was complete, in order."""
    return [
        (event.kind, event.step.rpartition(".")[2])
        for event in run.events
        if event.kind == "step_done" or (event.kind == "note" and "is complete" in event.text)
    ]


async def test_several_are_restarted_together_and_each_has_its_own_result(
    desk: Desk, cluster: KubeCluster
) -> None:
    """The one that never comes up neither holds the others up nor makes their result unknown."""
    await create(cluster, deployment("bad", desk.namespace, annotations=NEVER_READY))
    for name in ("web", "api"):
        await create(cluster, deployment(name, desk.namespace))
        await desk.ready_pods(cluster, name, 1)
    run = await desk.do("restart", "deployment/bad", "deployment/web", "deployment/api", timeout=45)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert run.error.code == "partial"
    space = desk.namespace
    assert (
        f"2 of 3 were done: {space}/deployments/web, {space}/deployments/api. Not done" in run.error.message
    )
    assert f"the rollout of {space}/deployments/bad is not complete after 45 s" in run.error.message
    done = sequence_of(run)
    assert done[:3] == [("step_done", name) for name in ("bad", "web", "api")]
    assert sorted(done[3:]) == [("note", "api"), ("note", "web")]


async def test_a_wave_is_complete_before_the_next_begins(desk: Desk, cluster: KubeCluster) -> None:
    """Told by the order on record: what is written after what was complete."""
    names = ("web", "api", "cart")
    for name in names:
        await create(cluster, deployment(name, desk.namespace))
        await desk.ready_pods(cluster, name, 1)
    run = await desk.do("restart", *(f"deployment/{name}" for name in names), wave=2)
    assert run.state is RunState.SUCCEEDED, run.error
    done = sequence_of(run)
    assert done[:2] == [("step_done", "web"), ("step_done", "api")]
    assert sorted(done[2:4]) == [("note", "api"), ("note", "web")]
    assert done[4:] == [("step_done", "cart"), ("note", "cart")]


async def test_a_wave_that_failed_is_the_last_and_says_what_was_not_begun(
    desk: Desk, cluster: KubeCluster
) -> None:
    """Whoever restarts in waves does it to stop in time."""
    await create(cluster, deployment("bad", desk.namespace, annotations=NEVER_READY))
    await create(cluster, deployment("web", desk.namespace))
    run = await desk.do("restart", "deployment/bad", "deployment/web", wave=1, timeout=4)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "0 of 2 were done: none. Not done: the rollout of" in run.error.message
    assert run.error.message.endswith(f"Not begun: {desk.namespace}/deployments/web")
    assert [step for kind, step in sequence_of(run) if kind == "step_done"] == ["bad"]


async def test_going_back_over_a_restart_says_that_nothing_would_change(
    desk: Desk, cluster: KubeCluster
) -> None:
    """A restart makes a revision: in an outage `rollback` right after one would only restart again."""
    await create(cluster, deployment("web", desk.namespace))
    await _observed(desk, cluster)
    assert (await desk.do("set-image", "deployment/web", "app=example/app:2")).state is RunState.SUCCEEDED
    assert (await desk.do("restart", "deployment/web")).state is RunState.SUCCEEDED
    plan = (await desk.plan("rollback", "deployment/web")).plan
    (told,) = [one for one in plan.findings if one.code == "only_restarted"]
    assert told.text.endswith("only by a restart; the newest that runs something else is 1: --to-revision 1")
    to_first = (await desk.plan("rollback", "deployment/web", to_revision=1)).plan
    assert "only_restarted" not in {one.code for one in to_first.findings}
