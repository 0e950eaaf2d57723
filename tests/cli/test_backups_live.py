"""A backup made, compared with the cluster, and put on a timetable, all by commands on a real control plane."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from k8sops.backup.bodies import Gap
from k8sops.cluster.client import KubeCluster
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.rpo import scheduled_objectives
from tests.support.backups_made import make_backup
from tests.support.command import Command
from tests.support.persons_at_door import cluster_uid, kubeconfig_of, on_cluster
from tests.support.records import in_store
from tests.support.workloads import create

PASSWORD = base64.b64encode(b"opensesame").decode()


@pytest.fixture(autouse=True)
def own_machine(
    kubeconfig: Path, own_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    """The administrator, with a repository and keys of the test's own."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_REPOSITORY", (tmp_path / "repository").as_uri())
    command.done("backups", "key")


@pytest.fixture
def filled(sandbox: SandboxHandle, cluster_namespace: str) -> str:
    """A namespace with settings and a Secret."""

    async def do(cluster: KubeCluster) -> None:
        for kind, name in (("ConfigMap", "settings"), ("ConfigMap", "other"), ("Secret", "db")):
            metadata = {"name": name, "namespace": cluster_namespace}
            data = {"password": PASSWORD} if kind == "Secret" else {"colour": "green"}
            await create(cluster, {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data})

    on_cluster(sandbox, do)
    return cluster_namespace


def _backup(command: Command, namespace: str, *more: str) -> None:
    command.done(
        "backup", "--include-namespaces", namespace, "--include-kinds", "configmaps,secrets",
        "--name", "nightly", "--yes", *more,
    )  # fmt: skip


def test_what_changed_since_a_backup_is_told_field_by_field(
    command: Command, sandbox: SandboxHandle, filled: str
) -> None:
    """Before anything is restored: what would be lost by it, and what would come back."""
    _backup(command, filled)
    assert command("backups", "diff", "nightly", "--live").code == 0

    async def change(cluster: KubeCluster) -> None:
        configs, secrets = await cluster.resource("configmaps"), await cluster.resource("secrets")
        await cluster.patch(configs, "settings", filled, body={"data": {"colour": "red"}})
        other = base64.b64encode(b"shut again").decode()
        await cluster.patch(secrets, "db", filled, body={"data": {"password": other}})
        await cluster.delete(configs, "other", filled)
        metadata = {"name": "fresh", "namespace": filled}
        await create(cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})

    on_cluster(sandbox, change)
    told = command("backups", "diff", "nightly", "--live", "-o", "json")
    assert told.code == 8
    changes = {one["name"]: one for one in told.document["objects"]}
    assert {name: one["change"] for name, one in changes.items()} == {
        "db": "changed",
        "fresh": "added",
        "other": "removed",
        "settings": "changed",
    }
    (field,) = changes["settings"]["fields"]
    assert (field["path"], field["before"], field["after"]) == ("data.colour", "green", "red")
    (hidden,) = changes["db"]["fields"]
    assert (hidden["path"], hidden["hidden"]) == ("data.password", True)
    text = command("backups", "diff", "nightly", "--live")
    assert PASSWORD not in text.out + text.err
    assert command("backups", "diff", "nightly", "--live", "--kind", "cm", "--name", "fresh").code == 8


def test_the_kinds_that_cannot_be_read_now_are_named(
    command: Command, sandbox: SandboxHandle, filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of them, which is not the same as nothing being different."""
    _backup(command, filled)
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig_of(sandbox, tmp_path, "nobody")))
    told = command("backups", "diff", "nightly", "--live", "--any-cluster")
    assert told.code == 1
    assert "configmaps could not be compared" in told.err
    assert "secrets could not be compared" in told.err


def test_what_may_lie_in_a_gap_is_not_called_new(command: Command, filled: str) -> None:
    """The backup could not read that kind: the object may have been there all the time."""
    gap = Gap(group="", resource="configmaps", namespace="", why="the API server was away")
    selection = {"include_namespaces": [filled], "include_kinds": ["configmaps"]}
    make_backup([], name="nightly", gaps=(gap,), selection=selection)
    told = command("backups", "diff", "nightly", "--live", "--any-cluster", "--name", "settings")
    assert told.code == 1
    assert f"? {filled}/configmaps/settings: not known: it lies in a gap of a backup" in told.out


def test_a_nightly_backup_is_approved_with_what_it_may_warn_of_and_where_it_goes(
    command: Command, sandbox: SandboxHandle, filled: str, own_store: str, tmp_path: Path
) -> None:
    """A claim that is new tomorrow must not keep tomorrow's backup waiting; a worker has a configuration of its own."""
    _backup(command, filled)
    hooks = tmp_path / "hooks.yaml"
    hooks.write_text("- {name: quiet, selector: app=db, pre: {command: [fsfreeze, -f, /data]}}\n")
    told = command.done(
        "schedules", "add", "nightly", "--cron", "0 3 * * *", "--rpo", "26h", "--yes", "-o", "json",
        "--", "backup", "--include-namespaces", filled, "--keep-daily", "7", "--hooks", str(hooks),
    )  # fmt: skip
    assert told.document["rpo_s"] == 26 * 3600
    assert told.document["params"]["hooks"][0]["pre"]["command"] == ["fsfreeze", "-f", "/data"]
    uid = cluster_uid(sandbox)
    (objective,) = in_store(own_store, lambda tx: scheduled_objectives(tx, uid))
    assert (objective.repository, objective.span) == ((tmp_path / "repository").as_uri(), timedelta(hours=26))
    assert filled.encode() in objective.selection
    assert "volumes_not_captured" in told.err
    shown = command.done("schedules", "show", "nightly").out
    assert (tmp_path / "repository").as_uri() in shown
    assert "--hooks '<quiet>'" in shown
    assert str(hooks) not in shown
    pruning = command.done(
        "schedules", "add", "prune", "--cron", "@weekly", "--risk", "low", "--yes", "--", "backups", "prune"
    )
    assert "does      backups prune" in pruning.out
    wrong = command(
        "schedules", "add", "x", "--cron", "@daily", "--rpo", "1d", "--yes", "--", "cordon", "node-1"
    )
    assert wrong.code == 2
    assert "--rpo goes with backup" in wrong.err


def test_backups_look_after_their_repository_by_actions(command: Command, filled: str) -> None:
    """Typed behind `backups`, planned like any other."""
    _backup(command, filled)
    _backup(command, filled)
    assert "prune" in command.done("backups", "--help").out
    plan = command.done("backups", "prune", "1", "--plan", "-o", "json").document
    assert plan["action"] == "prune_backups"
    assert len(command.done("backups", "list", "-o", "json").document["backups"]) == 2
