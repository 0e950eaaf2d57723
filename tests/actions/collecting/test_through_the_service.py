"""`logs` as doors have it: proposed, carried under a lease, on record, with our own record of the window in it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from k8sops.bundle.opening import open_bundle
from k8sops.cluster.client import KubeCluster
from k8sops.core.artifacts import artifact_of
from k8sops.core.run import RunState
from k8sops.service.config import data_folder
from tests.support.desk import Desk
from tests.support.workloads import create, deployment


async def test_a_run_collects_and_our_own_record_is_in_the_bundle(desk: Desk, cluster: KubeCluster) -> None:
    """Half of what happens to a cluster is what one did oneself."""
    await create(cluster, deployment("web", desk.namespace))
    scaled = await desk.do("scale", "deployment/web", replicas=2)
    run = await desk.carried(
        await desk.ops.propose(
            "logs", {"namespace": desk.namespace, "include_sources": ["audit"]}, desk.actor
        )
    )
    assert run.state is RunState.SUCCEEDED
    artifact = artifact_of(run.events)
    assert artifact is not None
    assert artifact.id == run.id
    path = Path(artifact.files[0].path)
    assert path.parent == data_folder() / "bundles"
    bundle = open_bundle(path)
    assert bundle.index.actor == run.actor.name
    records = [msgspec.json.decode(line) for line in bundle.read("k8sops/audit.jsonl").splitlines()]
    assert {scaled.id, run.id} <= {record.get("run") for record in records}
    assert {record["cluster_uid"] for record in records} == {run.plan.cluster.uid}
    assert [record["seq"] for record in records] == sorted(record["seq"] for record in records)
    assert f"run {scaled.id}" in bundle.read("k8sops/runs.txt").decode()
    assert scaled.id.encode() in bundle.read("timeline.txt")
