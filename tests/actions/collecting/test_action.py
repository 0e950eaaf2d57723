"""`logs` on a real cluster: the plan says what is read, the bundle has it, and what it lacks is a failed run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from k8sops.bundle.opening import open_bundle
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.identity import Impersonation
from k8sops.core.errors import PartialError
from k8sops.core.plan import Plan
from k8sops.core.ports import Cluster
from k8sops.core.risk import Risk
from k8sops.sandbox.manager import SandboxHandle
from k8sops.sandbox.namespaces import create_namespace, delete_namespace
from k8sops.sandbox.pytest_plugin import in_thread
from tests.actions.collecting.desk import LogsDesk, artifact_in, left_in, until_left
from tests.actions.collecting.sources.ground import until
from tests.support.clients import client_of
from tests.support.journals import NotedJournal
from tests.support.workloads import create, deployment, naked_pod

BULK = {"sandbox.k8sops.dev/log": "bulk", "sandbox.k8sops.dev/log-size": "600000"}


async def lay_out(cluster: Cluster, namespace: str) -> None:
    """Two pods that log secrets among much else."""
    await create(cluster, deployment("web", namespace, replicas=2, annotations=BULK))

    def stands(found: dict[str, Any]) -> bool:
        return bool((found.get("status") or {}).get("readyReplicas") == 2)

    await until(cluster, "deployments", namespace, "web", stands)


@pytest.fixture
async def desk(cluster: KubeCluster, cluster_namespace: str, tmp_path: Path) -> LogsDesk:
    """A namespace with two pods, and a folder for bundles."""
    await lay_out(cluster, cluster_namespace)
    return LogsDesk(cluster, cluster_namespace, tmp_path / "bundles")


async def test_a_plan_reads_and_says_what_where(desk: LogsDesk) -> None:
    """Nothing but reading asks nobody; and a second look finds the same."""
    plan = await desk.plan(query=["deployment/web"])
    assert plan.risk is Risk.READ
    assert plan.summary.startswith("Safe: logs of 2 pods (2 containers) in the last 1h")
    assert str(desk.surroundings.folder) in plan.summary
    assert not plan.findings
    (step,) = plan.steps
    assert step.bulk is not None
    assert step.bulk.counts == {"collect pods": 2}
    assert (await desk.plan(query=["deployment/web"])).digest == plan.digest
    assert left_in(desk.surroundings.folder) == []


async def test_a_namespace_that_is_not_there_is_a_blocker(desk: LogsDesk) -> None:
    """A slip of the finger must not end as a bundle that is called complete."""
    plan = await desk.plan(namespace=f"{desk.namespace},no-such-place")
    assert [(one.code, one.text) for one in plan.blockers] == [
        ("no_namespace", "namespace no-such-place does not exist")
    ]
    assert plan.summary.startswith("Blocked: ")


async def test_a_pattern_that_meets_no_pod_makes_the_bundle_incomplete(desk: LogsDesk) -> None:
    """Whoever asked finds no log in it; what explains why there is none is kept all the same."""
    plan = await desk.plan(query=["wbe"])
    (note,) = plan.findings
    assert (note.level, note.code) == ("note", "no_pods")
    assert note.text.endswith("and the run will be incomplete")
    with pytest.raises(PartialError, match=f"no pod is meant by wbe in {desk.namespace}"):
        await desk.collect(query=["wbe"], format="folder")


async def test_a_namespace_without_pods_is_collected_as_it_is(desk: LogsDesk, sandbox: SandboxHandle) -> None:
    """That nothing runs there is what there is to be known; nothing of it is missing."""
    name = f"{desk.namespace}-bare"
    await create_namespace(sandbox, name)
    try:
        journal, plan = await desk.collect(namespace=name, format="folder")
        assert [one.level for one in plan.findings] == ["note"]
        assert open_bundle(Path(artifact_in(journal)["folder"])).index.complete
    finally:
        await delete_namespace(sandbox, name)


async def test_secrets_in_it_or_a_repository_raise_the_risk(desk: LogsDesk) -> None:
    """So that policy can ask somebody else first."""
    plan = await desk.plan(no_redact=True)
    assert plan.risk is Risk.DISRUPTIVE
    assert [(one.level, one.code) for one in plan.findings] == [("warning", "not_redacted")]
    await desk.surroundings.repositories.make()
    assert (await desk.plan(to="repository")).risk is Risk.LOW


async def test_a_bundle_has_the_logs_without_their_secrets(desk: LogsDesk) -> None:
    """And says where it lies, with size and digest, for whoever hands it on."""
    journal, _ = await desk.collect(query=["web"])
    artifact = artifact_in(journal)
    (file,) = artifact["files"]
    assert (artifact["id"], artifact["redacted"]) == (journal.run, True)
    bundle = open_bundle(Path(file["path"]))
    logs = {path: data for path, data in bundle.files() if path.endswith("/web.log") or "/pods/" in path}
    assert len(logs) == 2
    assert all(data.startswith(b"20") and len(data) > 500_000 for data in logs.values())
    assert sum(rule.count for rule in bundle.index.redaction.rules) > 10
    assert all(b"redacted:" in data for data in logs.values())
    assert bundle.index.complete
    assert f"{Path(file['path']).name}" in journal.done["collect/bundle"]
    assert left_in(desk.surroundings.folder) == [artifact["name"], f"{artifact['name']}.sha256"]


async def test_left_as_they_are_secrets_stay_and_the_bundle_says_so(desk: LogsDesk) -> None:
    """What was asked for so plainly, and may not be handed over in a chat."""
    journal, _ = await desk.collect(no_redact=True, format="folder")
    artifact = artifact_in(journal)
    bundle = open_bundle(Path(artifact["folder"]))
    assert artifact["redacted"] is False
    assert bundle.index.redaction.on is False
    assert not any(b"redacted:" in data for path, data in bundle.files() if "/pods/" in path)
    assert b"holds secrets" in bundle.read("redaction.txt")


async def test_whoever_takes_over_makes_the_same_bundle_anew(desk: LogsDesk) -> None:
    """Its name is that of the run: there are never two."""
    _, plan = await desk.collect()
    first = left_in(desk.surroundings.folder)
    await desk.action.apply(plan, desk.cluster, NotedJournal())
    assert left_in(desk.surroundings.folder) == first


async def test_a_bundle_in_the_repository_is_nowhere_else(desk: LogsDesk) -> None:
    """Encrypted there, in the clear nowhere."""
    await desk.surroundings.repositories.make()
    journal, _ = await desk.collect(to="repository")
    artifact = artifact_in(journal)
    assert artifact["repository"]
    assert len(artifact["sha256"]) == 64, (
        "the run's record says which bundle it was, should somebody delete it"
    )
    assert not artifact["files"]
    assert f"bundle {artifact['id']} in repository" in journal.done["collect/bundle"]
    assert left_in(desk.surroundings.folder) == []


async def test_all_sources_together_end_complete(desk: LogsDesk) -> None:
    """For an administrator of a healthy cluster nothing is missing."""
    journal, _ = await desk.collect(include_sources=[])
    bundle = open_bundle(Path(artifact_in(journal)["files"][0]["path"]))
    found = {path for path, _ in bundle.files()}
    assert {"timeline.html", "timeline.json", "timeline.txt", "redaction.txt"} <= found
    assert f"namespaces/{desk.namespace}/deployments.apps/web.yaml" in found
    assert bundle.index.complete


async def test_a_cancel_leaves_nothing(desk: LogsDesk) -> None:
    """Half a bundle would be taken for a whole one."""
    plan, slow = await desk.plan(), _Slow(desk.cluster)
    work = asyncio.ensure_future(desk.action.apply(plan, slow, NotedJournal()))  # type: ignore[arg-type]
    await until_left(desk.surroundings.folder, ".logs-")
    await slow.reached.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert left_in(desk.surroundings.folder) == []


async def test_when_time_is_up_the_run_fails_and_the_bundle_is_kept(desk: LogsDesk) -> None:
    """What is there is what one has."""
    plan, slow, journal = await desk.plan(within=1), _Slow(desk.cluster), NotedJournal()
    with pytest.raises(PartialError, match=r"is not complete: .*time was up") as caught:
        await desk.action.apply(plan, slow, journal)  # type: ignore[arg-type]
    assert "--within" in caught.value.hint
    bundle = open_bundle(Path(artifact_in(journal)["files"][0]["path"]))
    assert not bundle.index.complete
    assert [one.path for one in bundle.index.missing if one.path.endswith(".log")]


class _Slow:
    """A cluster whose logs never come."""

    def __init__(self, cluster: KubeCluster) -> None:
        self._cluster = cluster
        self.reached = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def bytes_at(self, *_: Any, **__: Any) -> AsyncIterator[bytes]:
        self.reached.set()
        await asyncio.Event().wait()
        yield b""


@pytest.fixture
def other(sandbox: SandboxHandle, cluster_namespace: str) -> Iterator[str]:
    """A second namespace."""
    name = f"{cluster_namespace}-closed"
    in_thread(lambda: create_namespace(sandbox, name))
    yield name
    in_thread(lambda: delete_namespace(sandbox, name))


async def test_a_namespace_whose_logs_are_refused_costs_the_other_nothing(
    desk: LogsDesk, other: str, kubeconfig: Path
) -> None:
    """Somebody with few rights gets what they may read; the run is no success, and says what is missing."""
    await lay_out(desk.cluster, other)
    name = f"reader-{desk.namespace}"
    for namespace, resources in ((desk.namespace, ["pods", "pods/log"]), (other, ["pods"])):
        rules = [{"apiGroups": [""], "resources": resources, "verbs": ["get", "list"]}]
        await create(desk.cluster, _rbac("Role", name, namespace, rules=rules))
        group = "rbac.authorization.k8s.io"
        subjects = [{"apiGroup": group, "kind": "User", "name": name}]
        role = {"apiGroup": group, "kind": "Role", "name": name}
        await create(desk.cluster, _rbac("RoleBinding", name, namespace, roleRef=role, subjects=subjects))
    async with client_of(kubeconfig, impersonate=Impersonation(user=name)) as weak:
        limited = LogsDesk(weak, f"{desk.namespace},{other}", desk.surroundings.folder)
        plan, journal = await limited.plan(), NotedJournal()
        assert [(one.code, one.subjects) for one in plan.findings] == [("logs_refused", (other,))]
        with pytest.raises(PartialError, match=r"pods/log|may not|forbidden"):
            await limited.action.apply(plan, weak, journal)
    bundle = open_bundle(Path(artifact_in(journal)["files"][0]["path"]))
    logs = [file.path for file in bundle.index.files if file.path.endswith(".log")]
    assert len(logs) == 2
    assert all(path.startswith(f"namespaces/{desk.namespace}/") for path in logs)
    assert len([one for one in bundle.index.missing if one.path.startswith(f"namespaces/{other}/")]) == 2


async def test_pods_of_several_namespaces_are_collected_each_from_its_own(desk: LogsDesk, other: str) -> None:
    """A pod of the same name elsewhere is somebody else's: of marked rows each is meant where it lies."""
    for namespace in (desk.namespace, other):
        await create(desk.cluster, naked_pod("twin", namespace))
        await until(desk.cluster, "pods", namespace, "twin", _runs)
    await create(desk.cluster, naked_pod("single", other))
    await until(desk.cluster, "pods", other, "single", _runs)
    plan = await desk.plan(query=["pod/twin", f"{other}/pod/single"])
    assert _pods(plan) == {(desk.namespace, "twin"), (other, "single")}
    plan = await desk.plan(query=[f"{other}/pod/twin"])
    assert _pods(plan) == {(other, "twin")}
    assert plan.blast_radius["namespaces"] == [other]


async def test_a_bundle_of_all_namespaces_tells_policy_which_they_are(desk: LogsDesk) -> None:
    """A rule on a namespace is not passed by asking for all of them at once."""
    assert desk.namespace in (await desk.plan(all_namespaces=True)).blast_radius["namespaces"]


def _pods(plan: Plan) -> set[tuple[str, str]]:
    bulk = plan.steps[0].bulk
    assert bulk is not None
    return {(item.target.namespace, item.target.name) for item in bulk.items}


def _runs(pod: dict[str, Any]) -> bool:
    return bool((pod.get("status") or {}).get("phase") == "Running")


def _rbac(kind: str, name: str, namespace: str, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, **fields}
