"""Schedules, backups and the audit trail as the screen has them: one desk on a real control plane and both stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditFilter
from k8sops.core.backups import BackupName, ObjectView
from k8sops.core.errors import DeniedError, NoSuchScheduleError, UsageError
from k8sops.core.run import RunState
from k8sops.service import open_ops
from k8sops.service.audit_asking import filter_of
from k8sops.service.backup_keys import show_keys
from k8sops.service.config import Config, config_of
from k8sops.service.ops import EngineOps
from tests.support.workloads import create, deployment

ADMIN = Actor(name="kubernetes-admin", surface="tui", auth="self_subject_review")


@pytest.fixture
async def ops(
    kubeconfig: Path,
    cluster: KubeCluster,
    cluster_namespace: str,
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[EngineOps]:
    """The service with a repository of its own, and something to back up."""
    monkeypatch.setenv("K8SOPS_DATA", str(tmp_path / "data"))
    show_keys(None)
    for kind in ("ConfigMap", "Secret"):
        metadata = {"name": "web", "namespace": cluster_namespace}
        body = {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": {"key": "dmFsdWU="}}
        await create(cluster, body)
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    repository = {"name": "here", "url": (tmp_path / "repository").as_uri(), "rpo": "26h"}
    config = config_of(
        {
            "kubeconfig": (kubeconfig,),
            "namespace": cluster_namespace,
            "database_url": store_url,
            "repositories": (repository,),
        }
    )
    async with open_ops(config) as opened:
        yield opened


async def _backed_up(ops: EngineOps, namespace: str) -> None:
    params = {"include_namespaces": [namespace], "include_kinds": ["configmaps", "secrets"]}
    run = await ops.propose("backup", params, ADMIN)
    await ops.start(run.id, ADMIN)
    async for _ in ops.watch(run.id):
        pass
    ended = await ops.get_run(run.id)
    assert ended.state is RunState.SUCCEEDED, ended.outcome


async def test_a_backup_is_looked_into_compared_and_a_secret_seen_only_on_record(
    ops: EngineOps, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """What the screen says of a backup is what the repository and the cluster say, and every look at a value stays."""
    records = await ops.records()
    assert (await records.backup_standing()).gauge == "bad"
    await _backed_up(ops, cluster_namespace)
    assert (await records.backup_standing()).gauge == "ok"
    (one,) = (await records.backups()).backups
    backup = BackupName(one.id, one.cluster)
    secret = next(found for found in await records.backup_objects(backup, "secrets") if found.name == "web")
    hidden = await records.backup_object(backup, secret)
    assert hidden["data"]["key"] != "dmFsdWU="
    assert not await records.audit(AuditFilter(code="session.secret_view"))
    assert (await records.backup_object(backup, secret, ADMIN))["data"]["key"] == "dmFsdWU="
    (seen,) = await records.audit(AuditFilter(code="session.secret_view"))
    assert seen.who == ADMIN.name
    await cluster.delete(await cluster.resource("configmaps"), "web", cluster_namespace)
    about = ObjectView(kind="configmaps", namespace=cluster_namespace, name="", uid="", resource_version="")
    told = await records.compare_backup(backup, about)
    assert [(change.name, change.change) for change in told.changes if change.name == "web"] == [
        ("web", "removed")
    ]
    with pytest.raises(UsageError, match="other-cluster"):
        await records.compare_backup(BackupName(one.id, "other-cluster"), about)


async def test_a_schedule_is_paused_and_resumed_and_the_trail_proves_it(
    ops: EngineOps, tmp_path: Path
) -> None:
    """The screen's own changes are in the trail like any other's, and the copy taken of it holds by itself."""
    records, desk = await ops.records(), ops.schedule_desk
    given = {
        "name": "night",
        "action": "restart",
        "params": {"targets": ["deployment/web"]},
        "cron": "0 3 * * *",
    }
    await desk.keep(await desk.draft(given, ADMIN), ADMIN)
    paused = await records.pause_schedule("night", "holiday", ADMIN)
    assert (paused.state, paused.paused_why) == ("paused", f"{ADMIN.name}: holiday")
    assert (await records.resume_schedule("night", ADMIN)).state == "active"
    codes = [one.code for one in await records.audit(AuditFilter(code="schedule.*"))]
    assert codes == ["schedule.resumed", "schedule.paused", "schedule.added"]
    assert (await records.verify_audit()).ok
    copy = tmp_path / "trail.jsonl"
    assert "schedule.paused" not in await records.export_audit(copy, ADMIN)
    assert b"schedule.paused" in copy.read_bytes()
    with pytest.raises(UsageError, match="is there already"):
        await records.export_audit(copy, ADMIN)
    (left,) = await records.audit(AuditFilter(code="audit.exported"))
    assert left.who == ADMIN.name
    await records.remove_schedule("night", ADMIN)
    with pytest.raises(NoSuchScheduleError):
        await records.schedule("night")


async def test_where_all_is_read_only_no_schedule_is_touched(kubeconfig: Path, tmp_path: Path) -> None:
    """A screen for looking must not be able to keep tonight's backup from being made."""
    config = Config(kubeconfig=(kubeconfig,), database_url=f"sqlite:///{tmp_path}/k8sops.db", read_only=True)
    async with open_ops(config) as ops:
        records = await ops.records()
        with pytest.raises(DeniedError, match="read-only"):
            await records.pause_schedule("night", "", ADMIN)
        with pytest.raises(DeniedError, match="read-only"):
            await records.remove_schedule("night", ADMIN)


def test_what_is_typed_to_find_records_is_what_the_command_takes() -> None:
    """The same words at both doors; a word that is not understood is named, not left out in silence."""
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    wanted = filter_of("person=alice code=run.* since=2h shop/deployments/web", now)
    assert wanted == AuditFilter(
        person="alice",
        code="run.*",
        since=datetime(2026, 11, 21, 10, tzinfo=UTC),
        object="shop/deployments/web",
    )
    assert filter_of("", now) == AuditFilter()
    for wrong in ("colour=red", "person=", "since=soon", "'open"):
        with pytest.raises(UsageError):
            filter_of(wrong, now)
