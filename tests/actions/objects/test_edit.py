"""Editing real objects: what the server makes of it is planned, written under a lock, and taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from k8sops.actions.objects.edit import Edit, EditParams
from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import ConflictError, InvalidError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource
from k8sops.core.risk import Risk
from k8sops.core.run import RunState
from tests.support.desk import Desk
from tests.support.workloads import create, deployment


async def test_an_edit_sets_replaces_and_removes_and_undo_brings_back_what_was(
    desk: Desk, cluster: KubeCluster
) -> None:
    """Removing is what server-side apply could not do with a field that somebody else has set."""
    manifest = deployment("web", desk.namespace, replicas=0)
    manifest["metadata"]["labels"] = {"old": "yes", "tier": "tin"}
    await create(cluster, manifest)
    patch = {"metadata": {"labels": {"old": None, "tier": "gold"}}, "spec": {"minReadySeconds": 5}}
    plan = (await desk.plan("edit", "deployment/web", patch=json.dumps(patch))).plan
    (step,) = plan.steps
    assert step.after == {
        "metadata.labels.old": None, "metadata.labels.tier": "gold", "spec.minReadySeconds": 5
    }  # fmt: skip
    assert plan.risk is Risk.DISRUPTIVE
    run = await desk.do("edit", "deployment/web", patch=json.dumps(patch))
    assert run.state is RunState.SUCCEEDED, run.error
    assert await desk.labels("deployment", "web") == {"tier": "gold"}
    assert (await desk.undo(run)).state is RunState.SUCCEEDED
    assert await desk.labels("deployment", "web") == {"old": "yes", "tier": "tin"}
    again = (await desk.plan("edit", "deployment/web", patch=json.dumps({"spec": {"replicas": 0}}))).plan
    assert again.steps == ()


class _Annotating(KubeCluster):
    """A controller that writes right after each of the first reads, as the one of Deployments does to a new one."""

    def __init__(self, cluster: KubeCluster, times: int) -> None:
        super().__init__(cluster.transport, cluster.info, cluster.discovery, cluster.clock)
        self.left = times

    async def get(self, resource: Resource, name: str, namespace: str = "") -> JsonObject:
        """The object as it was before."""
        found = await super().get(resource, name, namespace)
        if self.left:
            self.left -= 1
            body = {"metadata": {"annotations": {"revision": str(self.left)}}}
            await super().patch(resource, name, namespace, body=body)
        return found


async def test_what_a_controller_writes_while_the_plan_is_made_is_no_part_of_the_edit(
    desk: Desk, cluster: KubeCluster
) -> None:
    """It would stand in the plan as ours, and the run would be void for lack of it."""
    await create(cluster, deployment("web", desk.namespace, replicas=0))
    params = EditParams(
        targets=("deployment/web",), namespace=desk.namespace, patch='{"spec":{"minReadySeconds":5}}'
    )
    (step,) = (await Edit().plan(params, _Annotating(cluster, 2), cluster.clock)).steps
    assert step.after == {"spec.minReadySeconds": 5}
    with pytest.raises(ConflictError, match="was changed by others 5 times in a row while it was looked at"):
        await Edit().plan(params, _Annotating(cluster, 6), cluster.clock)


async def test_what_the_server_would_not_take_is_told_when_planning(desk: Desk, cluster: KubeCluster) -> None:
    """A misspelt field would be dropped without a word by a plain patch."""
    await create(cluster, deployment("web", desk.namespace, replicas=0))
    with pytest.raises(InvalidError, match=r'unknown field "spec\.minReadySecond"') as told:
        await desk.plan("edit", "deployment/web", patch='{"spec":{"minReadySecond":5}}')
    assert "apiVersion" not in told.value.message, "the object itself is no news"


async def test_a_field_that_somebody_else_changes_meanwhile_is_not_overwritten(
    desk: Desk, cluster: KubeCluster
) -> None:
    """Who approved 0 → 1 did not approve 2 → 1."""
    await create(cluster, deployment("web", desk.namespace, replicas=0))
    run = await desk.ops.propose(
        "edit",
        {"targets": ["deployment/web"], "namespace": desk.namespace, "patch": '{"spec":{"replicas":1}}'},
        desk.actor,
    )
    deployments = await cluster.resource("deployments")
    await cluster.patch(deployments, "web", desk.namespace, body={"spec": {"replicas": 2}})
    over = await desk.carried(run)
    assert over.state is RunState.VOID
    assert "replicas" in over.outcome
    found = await desk.ops.object("deployments", "web", desk.namespace)
    assert found["spec"]["replicas"] == 2


async def test_fields_held_by_server_side_apply_are_named_with_who_holds_them(
    desk: Desk, cluster: KubeCluster
) -> None:
    """A controller or a pipeline that applies sets them back within the minute."""
    deployments = await cluster.resource("deployments")
    manifest = deployment("web", desk.namespace, replicas=0)
    await cluster.apply(deployments, manifest, field_manager="pipeline")
    found = await desk.ops.object("deployments", "web", desk.namespace)
    containers = found["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = "example/app:2"
    patch = {"spec": {"paused": True, "template": {"spec": {"containers": containers}}}}
    plan = (await desk.plan("edit", "deployment/web", patch=json.dumps(patch))).plan
    told = {finding.code: finding.text for finding in plan.findings}
    assert set(told) == {"managed_elsewhere", "pods_replaced"}
    assert "pipeline holds spec.template.spec.containers[0].image of" in told["managed_elsewhere"]


async def test_secrets_are_not_edited_and_finalizers_only_as_what_destroys(
    desk: Desk, cluster: KubeCluster
) -> None:
    """A plan is read by many; and without its finalizer an object may be gone for good."""
    place = {"namespace": desk.namespace}
    await create(
        cluster, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", **place}, "data": {}}
    )
    with pytest.raises(UsageError, match="is not edited here"):
        await desk.plan("edit", "secret/key", patch='{"stringData":{"a":"b"}}')
    meta = {"name": "held", **place, "finalizers": ["example.com/hold"]}
    await create(cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    loose = (await desk.plan("edit", "configmap/held", patch='{"metadata":{"finalizers":null}}')).plan
    noted = (await desk.plan("edit", "configmap/held", patch='{"metadata":{"annotations":{"a":"b"}}}')).plan
    assert (loose.risk, noted.risk) == (Risk.DESTRUCTIVE, Risk.LOW)
    assert (await desk.do("edit", "configmap/held", patch='{"metadata":{"finalizers":[]}}')).state


def _applied(found: Any) -> Any:
    """The fields that edits hold of an object."""
    return next(
        entry["fieldsV1"]
        for entry in found["metadata"]["managedFields"]
        if entry["manager"] == "k8sops-edit" and entry["operation"] == "Apply"
    )


async def test_an_edit_holds_what_it_changed_and_the_next_one_keeps_it(
    desk: Desk, cluster: KubeCluster
) -> None:
    """Who applies a whole object takes every field of it; and what a manager leaves out the server removes."""
    await create(cluster, deployment("web", desk.namespace, replicas=0))
    first = await desk.do("edit", "deployment/web", patch='{"spec":{"minReadySeconds":5}}')
    assert first.state is RunState.SUCCEEDED, first.error
    found = await desk.ops.object("deployments", "web", desk.namespace)
    assert _applied(found) == {"f:spec": {"f:minReadySeconds": {}}}
    containers = found["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = "example/app:2"
    template = {"template": {"spec": {"containers": containers}}}
    second = await desk.do("edit", "deployment/web", patch=json.dumps({"spec": template}))
    assert second.state is RunState.SUCCEEDED, second.error
    assert not any(one.code == "sent_as_patch" for one in second.plan.findings)
    found = await desk.ops.object("deployments", "web", desk.namespace)
    assert found["spec"]["minReadySeconds"] == 5
    spec = _applied(found)["f:spec"]
    ((_, container),) = spec["f:template"]["f:spec"]["f:containers"].items()
    assert (set(spec), set(container)) == (
        {"f:minReadySeconds", "f:template"}, {".", "f:name", "f:image"}
    )  # fmt: skip
    assert (await desk.undo(first)).state is RunState.SUCCEEDED
    found = await desk.ops.object("deployments", "web", desk.namespace)
    assert "minReadySeconds" not in found["spec"], "what an edit set, it takes away by applying without it"
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "example/app:2"


async def test_what_others_hold_is_taken_over_once_they_are_named(desk: Desk, cluster: KubeCluster) -> None:
    """Apply refuses such a change unless it is forced, and force is for what was read and approved."""
    deployments = await cluster.resource("deployments")
    await cluster.apply(deployments, deployment("web", desk.namespace, replicas=0), field_manager="pipeline")
    run = await desk.do("edit", "deployment/web", patch='{"spec":{"replicas":1}}')
    assert run.state is RunState.SUCCEEDED, run.error
    (told,) = [one for one in run.plan.findings if one.code == "managed_elsewhere"]
    assert told.text.startswith("pipeline holds spec.replicas of ")
    assert "takes it over, and it may set it back" in told.text
    found = await desk.ops.object("deployments", "web", desk.namespace)
    assert found["spec"]["replicas"] == 1
    assert _applied(found) == {"f:spec": {"f:replicas": {}}}


async def test_a_holder_that_the_plan_does_not_name_stops_it(desk: Desk, cluster: KubeCluster) -> None:
    """The value is as planned; that somebody else has meanwhile taken charge of it is news all the same."""
    await create(cluster, deployment("web", desk.namespace, replicas=0))
    run = await desk.ops.propose(
        "edit",
        {"targets": ["deployment/web"], "namespace": desk.namespace, "patch": '{"spec":{"replicas":1}}'},
        desk.actor,
    )
    for replicas in (2, 0):
        await cluster.transport.request(
            "PATCH",
            f"/apis/apps/v1/namespaces/{desk.namespace}/deployments/web",
            query={"fieldManager": "somebody-else"},
            body=json.dumps({"spec": {"replicas": replicas}}).encode(),
            content_type="application/merge-patch+json",
            subject="deployment web",
        )
    over = await desk.carried(run)
    assert over.state is not RunState.SUCCEEDED
    assert over.error is not None
    assert "somebody-else took spec.replicas of " in over.error.message
    found = await desk.ops.object("deployments", "web", desk.namespace)
    assert found["spec"]["replicas"] == 0


async def test_what_apply_cannot_say_is_one_merge_patch_and_the_plan_says_so(
    desk: Desk, cluster: KubeCluster
) -> None:
    """Two requests would roll the pods out twice; and a volume of no type between them would be refused."""
    deployments = await cluster.resource("deployments")
    manifest = deployment("web", desk.namespace, replicas=0)
    manifest["spec"]["template"]["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    await cluster.apply(deployments, manifest, field_manager="pipeline")
    before = await desk.ops.object("deployments", "web", desk.namespace)
    volumes = [{"name": "data", "configMap": {"name": "web"}}]
    patch = {"spec": {"template": {"spec": {"volumes": volumes}}}}
    run = await desk.do("edit", "deployment/web", patch=json.dumps(patch))
    assert run.state is RunState.SUCCEEDED, run.error
    assert any(one.code == "sent_as_patch" for one in run.plan.findings)
    after = await desk.ops.object("deployments", "web", desk.namespace)
    (volume,) = after["spec"]["template"]["spec"]["volumes"]
    assert "emptyDir" not in volume
    assert volume["configMap"]["name"] == "web"
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("", "is no JSON"),
        ("[]", "has to be an object"),
        ("{}", "changes something"),
        ('{"status":{}}', "may not change status"),
        ('{"kind":"X"}', "may not change kind"),
        ('{"metadata":{"uid":"x"}}', "may not change uid"),
        ('{"metadata":{"name":"x"}}', "may not change name"),
        ('{"metadata":[]}', "an object as its metadata"),
        ('{"a":"' + "x" * 300_000 + '"}', "larger than 256 KiB"),
    ],
)
def test_what_is_no_edit_is_refused(patch: str, why: str) -> None:
    """Before the cluster is asked, and in words."""
    with pytest.raises(ValueError, match=why):
        EditParams(targets=("pod/x",), patch=patch)


def test_one_edit_has_one_spelling() -> None:
    """The digest that was approved covers the text."""
    first = EditParams(targets=("pod/x",), patch='{"b": 1, "a": {"d":2,"c":3}}')
    second = EditParams(targets=("pod/x",), patch='{"a":{"c":3,"d":2},"b":1}')
    assert first == second
