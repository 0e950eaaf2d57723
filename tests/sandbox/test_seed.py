"""The seed on a real control plane: the story comes true, twice is the same as once, and a load is written whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from k8sops.core.clock import SystemClock
from k8sops.core.errors import SandboxError, UsageError
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.sandbox.seed import SeedReport, seed
from k8sops.sandbox.seed.api import SeedApi, conditions_of, open_api
from k8sops.sandbox.seed.manifests import collection_path, load_before, load_company
from k8sops.sandbox.seed.story import look, untrue, wait_until_true
from tests.sandbox.waiting import PATIENCE_S
from tests.support.engine_world import eventually

COMPANY = load_company()


class Seeded(msgspec.Struct, frozen=True):
    """A sandbox with the company in it, and what the first seed reported."""

    manager: SandboxManager
    handle: SandboxHandle
    report: SeedReport
    lines: list[str]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    """Of its own: the company's DaemonSets and taken nodes would disturb tests that share a control plane."""
    manager = SandboxManager(tmp_path_factory.mktemp("seeded"))
    handle = in_thread(lambda: manager.up("seeded"))
    lines: list[str] = []
    try:
        report = in_thread(lambda: seed(handle.kubeconfig, progress=lines.append))
        yield Seeded(manager, handle, report, lines)
    finally:
        in_thread(lambda: manager.down("seeded"))


@asynccontextmanager
async def api_of(seeded: Seeded) -> AsyncIterator[SeedApi]:
    async with open_api(seeded.handle.kubeconfig, connections=8) as api:
        yield api


async def versions(api: SeedApi) -> dict[str, tuple[str, int]]:
    """Resource version and generation of everything of the company that only a seed writes to."""
    moving = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "PodDisruptionBudget", "Pod"}
    moving |= {"HorizontalPodAutoscaler", "ResourceQuota"}
    found: dict[str, tuple[str, int]] = {}
    for manifest in COMPANY:
        live = await api.find(manifest.path)
        assert live is not None, manifest.title
        metadata = live["metadata"]
        version = "" if manifest.kind in moving else metadata["resourceVersion"]
        found[manifest.title] = (version, metadata.get("generation", 0))
    return found


async def test_the_story_is_true_when_the_seed_returns(seeded: Seeded) -> None:
    """A first look straight afterwards must not meet a company that is still being set up."""
    async with api_of(seeded) as api:
        scene = await look(api)
        assert list(untrue(scene, COMPANY)) == []
        pods = [title for title in scene.objects if title.startswith("Pod ")]
        assert 60 <= len(pods) <= 80

        async def budgets_are_meant() -> bool:
            # The disruption controller counts a moment after pods have become ready.
            now = await look(api)
            allowed = {
                title.split("/")[1]: now.status(title).get("disruptionsAllowed", -1)
                for title in now.objects
                if title.startswith("PodDisruptionBudget ")
            }
            tight = {name: allowed[name] for name in ("postgres-pdb", "checkout-pdb", "ledger-pdb")}
            return list(tight.values()) == [0, 0, 1] and allowed["web-pdb"] >= 1

        await eventually(budgets_are_meant, within_s=PATIENCE_S)


async def test_the_report_counts_what_was_made(seeded: Seeded) -> None:
    """Numbers that do not add up would hide an object nobody wrote."""
    assert sum(seeded.report.applied.values()) == seeded.report.created == len(COMPANY)
    assert seeded.report.applied["Namespace"] == 7
    assert seeded.report.seconds > 0
    assert any("objects in place" in line for line in seeded.lines)


async def test_the_stuck_rollout_has_a_revision_to_go_back_to(seeded: Seeded) -> None:
    """Rolling back is what a visitor will try first."""
    async with api_of(seeded) as api:
        for namespace, app in (("shop", "checkout"), ("payments", "gateway")):
            sets = [
                one
                async for one in api.items(
                    collection_path("ReplicaSet", namespace), labelSelector=f"app={app}"
                )
            ]
            revisions = {one["metadata"]["annotations"]["deployment.kubernetes.io/revision"] for one in sets}
            assert revisions == {"1", "2"}


async def test_a_cron_job_owns_its_past_runs(seeded: Seeded) -> None:
    """A history without an owner would outlive its CronJob."""
    async with api_of(seeded) as api:
        jobs = [
            one
            async for one in api.items(collection_path("Job", "batch"), labelSelector="app=invoice-export")
        ]
    owners = [owner["name"] for job in jobs for owner in job["metadata"].get("ownerReferences", ())]
    assert owners == ["invoice-export"] * 3
    assert sorted("Failed" in conditions_of(job) for job in jobs) == [False, False, True]


async def test_a_second_seed_changes_nothing(seeded: Seeded) -> None:
    """Otherwise every seed would roll deployments, and a watcher would see changes where there are none."""
    async with api_of(seeded) as api:
        before = await versions(api)
        report = await seed(seeded.handle.kubeconfig, progress=lambda _: None)
        after = await versions(api)
    assert report.created == 0
    assert after == before


async def test_rolling_checkout_back_heals_it_and_a_seed_breaks_it_again(seeded: Seeded) -> None:
    """The way back that the story promises, and the reset for whoever plays it a second time."""
    older = next(manifest for manifest in load_before() if manifest.name == "checkout")
    async with api_of(seeded) as api:
        await api.apply(older.path, older.body)
        clock = SystemClock()
        deadline = clock.monotonic() + PATIENCE_S
        while ((await api.find(older.path)) or {}).get("status", {}).get("availableReplicas") != 3:
            assert clock.monotonic() < deadline, "checkout 3.0.4 did not become available"
            await clock.sleep(0.2)
        await seed(seeded.handle.kubeconfig, progress=lambda _: None)
        await wait_until_true(api, clock, lambda _: None)
        live = await api.find(older.path)
    assert live is not None
    assert live["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":3.1.0")


async def test_a_load_is_written_whole_and_continued_where_it_stopped(seeded: Seeded) -> None:
    """Nobody repeats twenty thousand writes because the last hundred were interrupted."""
    lines: list[str] = []
    first = await seed(seeded.handle.kubeconfig, progress=lines.append, objects=300, pods=100, nodes=5)
    assert first.applied["Node"] == 5
    assert first.objects_per_second > 0
    selector = {"labelSelector": "sandbox.k8sops.dev/load=true"}
    async with api_of(seeded) as api:
        pods = [one async for one in api.items(collection_path("Pod"), **selector)]
        assert len(pods) == 100
        assert {one["status"]["phase"] for one in pods} == {"Running"}
        assert {one["spec"]["nodeName"] for one in pods} == {f"load-node-000{n}" for n in range(5)}
        maps = [one async for one in api.items(collection_path("ConfigMap"), **selector)]
        gone = maps[0]["metadata"]
        await api.send("DELETE", f"{collection_path('ConfigMap', gone['namespace'])}/{gone['name']}")
        second = await seed(seeded.handle.kubeconfig, progress=lines.append, objects=300, pods=100, nodes=5)
    assert second.created == 1
    assert second.applied == first.applied


async def test_a_pod_of_the_load_can_be_deleted(seeded: Seeded) -> None:
    """Written without a kubelet's help, it still has to end like any other: drains of a full cluster depend on it."""
    # What is there already, by the test before this one as a rule, is not written again.
    await seed(seeded.handle.kubeconfig, progress=lambda _: None, objects=300, pods=100, nodes=5)
    async with api_of(seeded) as api:
        pods = [
            one
            async for one in api.items(collection_path("Pod"), labelSelector="sandbox.k8sops.dev/load=true")
        ]
        metadata = pods[0]["metadata"]
        path = f"{collection_path('Pod', metadata['namespace'])}/{metadata['name']}"
        await api.send("DELETE", path)
        clock = SystemClock()
        deadline = clock.monotonic() + PATIENCE_S
        while await api.find(path) is not None:
            assert clock.monotonic() < deadline, f"{path} is still there"
            await clock.sleep(0.2)


async def test_a_refused_seed_names_what_failed_and_what_was_not_tried(
    seeded: Seeded, tmp_path: Path
) -> None:
    """An auditor may read nodes and nothing else of this: the first phase fails, the rest is left alone."""
    theirs = tmp_path / "carol.kubeconfig"
    theirs.write_bytes(seeded.manager.kubeconfig_for("seeded", "carol", ["auditors"]))
    with pytest.raises(SandboxError) as refusal:
        await seed(theirs, progress=lambda _: None)
    assert "Namespace shop (cluster.yaml)" in refusal.value.message
    assert "forbidden" in refusal.value.message
    assert "were not tried" in refusal.value.message


async def test_too_few_nodes_are_said_before_anything_is_written(tmp_path: Path) -> None:
    """Three databases that keep apart cannot run on one node, and the wait would only end at its deadline."""
    manager = SandboxManager(tmp_path)
    handle = in_thread(lambda: manager.up("small", nodes=1))
    try:
        with pytest.raises(SandboxError, match="3 ready nodes") as refusal:
            await seed(handle.kubeconfig, progress=lambda _: None)
        assert "--nodes 5" in refusal.value.hint
        async with open_api(handle.kubeconfig, connections=1) as api:
            assert await api.find("/api/v1/namespaces/shop") is None
    finally:
        in_thread(lambda: manager.down("small"))


@pytest.mark.parametrize("content", ["", "apiVersion: v1\nkind: Config\n", "{"])
async def test_a_file_that_is_no_kubeconfig_is_said_so(tmp_path: Path, content: str) -> None:
    """The path comes from a person."""
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(UsageError, match="not a usable sandbox kubeconfig"):
        await seed(path, progress=lambda _: None)
