"""Delete on a real API server with its garbage collector: what goes along is known before."""

from __future__ import annotations

import pytest

from k8sops.actions.choosing import Chosen
from k8sops.actions.objects.delete import Delete, DeleteParams, risk_of
from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import BlockedError, NotFoundError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource
from k8sops.core.risk import Risk
from k8sops.core.run import RunState
from tests.support.desk import Desk
from tests.support.workloads import create, deployment


async def test_the_plan_lists_what_goes_with_a_deployment_and_the_run_ends_when_it_is_gone(
    desk: Desk, cluster: KubeCluster
) -> None:
    """Its ReplicaSet and pods, by owner references; nothing else of the namespace."""
    await create(cluster, deployment("web", desk.namespace, replicas=2))
    await create(cluster, deployment("other", desk.namespace))
    await desk.ready_pods(cluster, "web", 2)
    run = await desk.do("delete", "deployment/web", cascade="foreground")
    assert run.state is RunState.SUCCEEDED, run.error
    (step,) = run.plan.steps
    assert step.bulk is not None
    assert step.bulk.counts == {"delete pods": 2, "delete replicasets": 1}
    assert all(item.target.name.startswith("web-") for item in step.bulk.items)
    assert run.plan.risk is Risk.DESTRUCTIVE
    assert "there is no undo" in run.plan.summary
    with pytest.raises(NotFoundError):
        await desk.ops.object("deployment", "web", desk.namespace)
    assert await desk.ops.object("deployment", "other", desk.namespace)


async def test_orphans_are_left_and_not_listed(desk: Desk, cluster: KubeCluster) -> None:
    """`--cascade orphan` is for taking over pods without ending them."""
    await create(cluster, deployment("web", desk.namespace))
    (pod,) = await desk.ready_pods(cluster, "web", 1)
    run = await desk.do("delete", "deployment/web", cascade="orphan")
    assert run.state is RunState.SUCCEEDED, run.error
    assert run.plan.steps[0].bulk is None
    (still,) = await desk.ready_pods(cluster, "web", 1)
    assert still["metadata"]["uid"] == pod["metadata"]["uid"]


async def test_a_finalizer_is_named_before_and_when_it_does_not_act(desk: Desk, cluster: KubeCluster) -> None:
    """`kubectl delete` hangs here without a word."""
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kept", "namespace": desk.namespace, "finalizers": ["example.com/never"]},
    }
    await create(cluster, manifest)
    run = await desk.do("delete", "configmap/kept", timeout=6)
    assert [one.code for one in run.plan.findings] == ["finalizers"]
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "not gone after 6 s: its finalizers have not acted: example.com/never" in run.error.message
    body = {"metadata": {"finalizers": None}}
    await cluster.patch(await cluster.resource("configmaps"), "kept", desk.namespace, body=body)


async def test_deleting_a_namespace_lists_all_that_is_in_it_and_kubernetes_own_are_refused(
    desk: Desk, cluster: KubeCluster
) -> None:
    """The most expensive typing mistake there is."""
    await create(cluster, deployment("web", desk.namespace))
    await desk.ready_pods(cluster, "web", 1)
    plan = (await desk.plan("delete", f"namespace/{desk.namespace}")).plan
    assert plan.steps[0].bulk is not None
    assert plan.steps[0].bulk.counts["delete deployments"] == 1
    # What metrics.k8s.io lists of the same pod is no object, and goes nowhere.
    assert plan.steps[0].bulk.counts["delete pods"] == 1
    assert desk.namespace in plan.blast_radius["namespaces"]
    with pytest.raises(BlockedError, match="belongs to Kubernetes itself"):
        await desk.do("delete", "namespace/kube-system")


class _StillNaming(KubeCluster):
    """Has asked what is served a moment before kinds were gone."""

    def __init__(self, cluster: KubeCluster, *groups: str) -> None:
        super().__init__(cluster.transport, cluster.info, cluster.discovery, cluster.clock)
        self.groups = groups

    async def resources(self) -> tuple[Resource, ...]:
        """What is served, and what no longer is."""
        gone = (
            Resource(
                group=group,
                version="v1",
                plural="things",
                kind="Thing",
                namespaced=True,
                verbs=("list", "delete"),
            )
            for group in self.groups
        )
        return (*await super().resources(), *gone)


async def test_a_kind_whose_definition_went_meanwhile_is_not_one_that_could_not_be_read(
    desk: Desk, cluster: KubeCluster
) -> None:
    """There is nothing of it; a warning would void a plan whenever somebody uninstalls an operator beside it."""
    await create(cluster, deployment("web", desk.namespace, replicas=0))
    params = DeleteParams(targets=("deployment/web",), namespace=desk.namespace)
    gone = _StillNaming(cluster, "things.example.com")
    assert (await Delete().plan(params, gone, cluster.clock)).findings == ()
    unserved = _StillNaming(cluster, "apps")
    (told,) = (await Delete().plan(params, unserved, cluster.clock)).findings
    assert (told.code, told.subjects) == ("dependents_unread", ("things.apps",))


@pytest.mark.parametrize(
    ("status", "risk"),
    [
        ({"active": 1}, Risk.DESTRUCTIVE),
        ({"failed": 1}, Risk.DESTRUCTIVE),
        ({"failed": 7, "conditions": [{"type": "Failed", "status": "True"}]}, Risk.LOW),
        ({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}, Risk.LOW),
        ({"conditions": [{"type": "Suspended", "status": "True"}]}, Risk.DESTRUCTIVE),
    ],
)
def test_a_job_has_finished_by_its_conditions_alone(status: JsonObject, risk: Risk) -> None:
    """Between two tries nothing of it is active; a risk that rises with the next try would void the plan."""
    jobs = Resource(group="batch", version="v1", plural="jobs", kind="Job", namespaced=True)
    found = {"metadata": {"name": "report", "namespace": "shop", "uid": "u"}, "spec": {}, "status": status}
    assert risk_of(Chosen(resource=jobs, object=found)) is risk


async def test_a_pod_that_is_made_again_is_disruptive_and_what_has_finished_is_low(
    desk: Desk, cluster: KubeCluster
) -> None:
    """Policy goes by risk: whoever may clean up finished jobs need not be allowed to delete a database."""
    await create(cluster, deployment("web", desk.namespace))
    (pod,) = await desk.ready_pods(cluster, "web", 1)
    name = pod["metadata"]["name"]
    plan = (await desk.plan("delete", f"pod/{name}")).plan
    assert plan.risk is Risk.DISRUPTIVE
    assert [one.code for one in plan.findings] == ["owned"]
    assert (await desk.do("delete", f"pod/{name}")).state is RunState.SUCCEEDED
