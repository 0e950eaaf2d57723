"""`k8sops backup` as a script and a person meet it: what is counted and told, no key, and a carrier that is killed."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command
from tests.support.pauses import pause_after
from tests.support.persons_at_door import on_cluster
from tests.support.processes import Processes, processes_of_a_test
from tests.support.workloads import create

WITHIN_S = 240.0
OBJECTS = 60
ON_RECORD = "SELECT count(*) FROM run_steps WHERE path LIKE 'backup/objects/index/%' AND state = 'done'"


@pytest.fixture
def repository(kubeconfig: Path, own_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The administrator, a store and a place for a repository of the test's own."""
    assert own_store
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    place = tmp_path / "repository"
    monkeypatch.setenv("K8SOPS_REPOSITORY", place.as_uri())
    return place


@pytest.fixture
def processes() -> Iterator[Processes]:
    """`k8sops` in processes of its own."""
    with processes_of_a_test() as found:
        yield found


@pytest.fixture
def namespace(sandbox: SandboxHandle, cluster_namespace: str) -> str:
    """A namespace with so many ConfigMaps and a claim, beside the root certificates' ConfigMap."""

    async def fill(cluster: KubeCluster) -> None:
        for number in range(OBJECTS):
            metadata = {
                "name": f"item-{number:03d}",
                "namespace": cluster_namespace,
                "labels": {"of": "test"},
            }
            data = {"text": f"{number} " * 500}
            await create(
                cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
            )
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "none",
            "resources": {"requests": {"storage": "1Gi"}},
        }
        metadata = {"name": "database", "namespace": cluster_namespace}
        await create(
            cluster,
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec},
        )

    on_cluster(sandbox, fill)
    return cluster_namespace


def backing_up(namespace: str, *more: str) -> tuple[str, ...]:
    """The command."""
    return ("backup", "--include-namespaces", namespace, "--include-kinds", "configmaps,pvc", *more)


def test_without_a_key_nothing_is_planned_and_the_place_is_named(
    command: Command, repository: Path, namespace: str
) -> None:
    """Never a backup in the clear because nobody thought of a key; and never `the default repository`."""
    told = command(*backing_up(namespace, "--plan"))
    assert told.code == 2
    assert f"no key is configured for {repository.as_uri()}" in told.err
    assert "k8sops backups key" in told.err
    assert "--no-encryption" in told.err
    assert not repository.exists()


def test_a_backup_is_told_once_and_its_numbers_agree(
    command: Command, repository: Path, namespace: str
) -> None:
    """Which volumes lack their data stands where it cannot be overlooked, and once; files by hash are no news."""
    command.done("backups", "key")
    shown = command.done(*backing_up(namespace, "--plan"))
    plan = shown.out + shown.err
    assert plan.count(f"{namespace}/database") == 1
    assert "the DATA of 1 volume will NOT be in the backup" in plan
    told = command.done(*backing_up(namespace, "--yes"))
    view = command.done("backups", "show", "latest", "-o", "json").document
    objects = view["objects"]
    assert objects == OBJECTS + 2
    assert f"is complete: {objects} objects, {objects} new" in told.err
    assert f", {objects} of {objects} objects, in " in told.out
    assert "the DATA of 1 volume are NOT in it" in told.err
    assert "sha256" not in told.err
    assert "none →" not in told.err
    record = command.done("runs", "show", view["run"])
    assert "packs are on record by their index" in record.out, "it is on record all the same"


def test_a_carrier_killed_in_the_middle_is_followed_by_one_that_stores_nothing_twice(
    command: Command, processes: Processes, repository: Path, namespace: str, tmp_path: Path
) -> None:
    """kill -9 once packs are stored and their index is on record: the next carrier takes them as they lie there."""
    command.done("backups", "key")
    first = processes(*backing_up(namespace, "--yes"))
    _until_on_record(tmp_path / "store" / "k8sops.db")
    first.signal(signal.SIGKILL)
    first.ended()
    stored = _files(repository, "packs") | _files(repository, "indexes")
    assert stored
    worker = processes("worker", "--no-health")
    end = time.monotonic() + WITHIN_S
    began = time.monotonic()
    while _newest(command)["state"] in {"queued", "running"}:
        assert time.monotonic() < end, "the run never ended"
        time.sleep(pause_after(time.monotonic() - began))
        began = time.monotonic()
    worker.signal(signal.SIGTERM)
    worker.ended()
    assert _newest(command)["state"] == "succeeded"
    assert _files(repository, "packs") | _files(repository, "indexes") == stored
    (one,) = command.done("backups", "list", "-o", "json").document["backups"]
    assert one["complete"]
    assert one["objects"] >= OBJECTS + 1
    command.done("backups", "verify", "--read-data", "100%")


def _until_on_record(store: Path) -> None:
    """Wait until an index is on record; asked as often as can be, since little is left to do then."""
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        try:
            with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True, timeout=1)) as raw:
                while time.monotonic() < end:
                    if raw.execute(ON_RECORD).fetchone()[0]:
                        return
                    time.sleep(0.001)
        except sqlite3.OperationalError:
            # The file, or the table in it, is still to be made.
            time.sleep(0.01)
    raise AssertionError("no index was ever on record")


def _files(repository: Path, folder: str) -> set[str]:
    return {
        str(found.relative_to(repository)) for found in (repository / folder).rglob("*") if found.is_file()
    }


def _newest(command: Command) -> dict[str, Any]:
    listed = command.done("runs", "list", "-o", "json").document
    run: dict[str, Any] = next(one for one in listed if one["action"] == "backup")
    return run
