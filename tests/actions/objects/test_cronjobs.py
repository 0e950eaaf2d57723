"""Suspend, resume and trigger on real CronJobs."""

from __future__ import annotations

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import NotFoundError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.run import RunState
from tests.support.desk import Desk
from tests.support.workloads import create, deployment


def cron_job(name: str, namespace: str) -> JsonObject:
    """One that is never due by itself."""
    pod = {
        "metadata": {"labels": {"job": name}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "job", "image": "example/job:1"}]},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "schedule": "0 0 31 2 *",
            "jobTemplate": {"metadata": {"labels": {"from": name}}, "spec": {"template": pod}},
        },
    }


async def _jobs(desk: Desk, cluster: KubeCluster) -> list[JsonObject]:
    return [job async for job in cluster.list(await cluster.resource("jobs.batch"), desk.namespace)]


async def test_a_suspended_cron_job_makes_no_jobs_and_undo_resumes_it(
    desk: Desk, cluster: KubeCluster
) -> None:
    """The one that was suspended before is not resumed by the undo: another person did that."""
    for name in ("nightly", "hourly"):
        await create(cluster, cron_job(name, desk.namespace))
    await desk.do("suspend", "hourly")
    run = await desk.do("suspend", "nightly", "cronjob/hourly")
    assert run.state is RunState.SUCCEEDED, run.error
    assert [finding.code for finding in run.plan.findings] == ["no_change"]
    assert (await desk.undo(run)).state is RunState.SUCCEEDED
    suspended = {
        name: (await desk.ops.object("cronjob", name, desk.namespace))["spec"]["suspend"]
        for name in ("nightly", "hourly")
    }
    assert suspended == {"nightly": False, "hourly": True}


async def test_trigger_makes_a_job_as_kubectl_would(desk: Desk, cluster: KubeCluster) -> None:
    """Owned by the CronJob, marked as made by hand, with the template's labels: tools look at all three."""
    await create(cluster, cron_job("nightly", desk.namespace))
    run = await desk.do("trigger", "nightly")
    assert run.state is RunState.SUCCEEDED, run.error
    (job,) = await _jobs(desk, cluster)
    metadata = job["metadata"]
    assert metadata["name"].startswith("nightly-")
    assert metadata["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert metadata["labels"]["from"] == "nightly"
    assert metadata["ownerReferences"][0]["name"] == "nightly"
    again = await desk.do("trigger", "nightly")
    assert again.state is RunState.SUCCEEDED, again.error
    assert len(await _jobs(desk, cluster)) == 2, "asked for twice, it runs twice"


async def test_a_run_that_is_taken_over_makes_no_second_job(desk: Desk, cluster: KubeCluster) -> None:
    """The first carrier may have died right after the Job was made: the name is the same, and it is found."""
    from k8sops.actions.objects.cronjobs import job_manifest

    await create(cluster, cron_job("nightly", desk.namespace))
    proposed = await desk.ops.propose(
        "trigger", {"targets": ["nightly"], "namespace": desk.namespace}, desk.actor
    )
    found = await desk.ops.object("cronjob", "nightly", desk.namespace)
    await create(cluster, job_manifest(found, proposed.plan))
    await desk.ops.start(proposed.id, desk.actor)
    async for _ in desk.ops.watch(proposed.id):
        pass
    assert (await desk.ops.get_run(proposed.id)).state is RunState.SUCCEEDED
    assert len(await _jobs(desk, cluster)) == 1


async def test_what_is_no_cron_job_is_refused(desk: Desk, cluster: KubeCluster) -> None:
    """A bare name is taken for a CronJob's, so the message says what was looked for."""
    await create(cluster, deployment("web", desk.namespace))
    with pytest.raises(UsageError, match="is no CronJob"):
        await desk.plan("trigger", "deployment/web")
    with pytest.raises(NotFoundError, match="no cronjob web"):
        await desk.plan("suspend", "web")


async def test_a_selector_alone_means_cron_jobs(desk: Desk, cluster: KubeCluster) -> None:
    """Nothing else can be suspended, so nobody has to say it."""
    manifest = cron_job("nightly", desk.namespace)
    manifest["metadata"]["labels"] = {"team": "data"}
    await create(cluster, manifest)
    plan = (await desk.plan("suspend", selector="team=data")).plan
    assert [step.target.name for step in plan.steps] == ["nightly"]
    with pytest.raises(UsageError, match="name at least one CronJob, or give --selector"):
        await desk.plan("suspend")
