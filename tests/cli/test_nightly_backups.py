"""Backups by schedule under real workers that are killed: every firing is accounted for, and retention is right.

The clock is fast: the schedule is due every two seconds, and half of the firings are due before a worker has begun. How
many there are comes from K8SOPS_TEST_FIRINGS; `make test` takes a few, which cross every path once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import func, select, update

from k8sops.backup.bodies import BackupBody, backup_body
from k8sops.cluster.client import KubeCluster
from k8sops.core.run import RunState
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.backup_desk import open_backups
from k8sops.service.config import load_config
from k8sops.store.database import Tx
from k8sops.store.schema import firings, runs, schedules
from k8sops.store.times import to_ms
from tests.support.command import Command
from tests.support.persons_at_door import on_cluster
from tests.support.processes import Process, Processes, processes_of_a_test
from tests.support.records import in_store
from tests.support.workloads import create

FIRINGS = int(os.environ.get("K8SOPS_TEST_FIRINGS", "8"))
KILLED = 2 if FIRINGS >= 50 else 1
KEPT = 3
OPEN = ("claimed", "queued")
WITHIN_S = 600.0 + 10 * FIRINGS


class Found(NamedTuple):
    """The runs that the manifests name, the numbers of complete backups, and which of those still count."""

    runs: list[str]
    complete: list[int]
    live: list[int]


@pytest.fixture(autouse=True)
def own_machine(
    kubeconfig: Path, cluster_namespace: str, each_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The administrator, each store in turn, and a repository of the test's own."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_NAMESPACE", cluster_namespace)
    monkeypatch.setenv("K8SOPS_REPOSITORY", (tmp_path / "repository").as_uri())


@pytest.fixture
def processes() -> Iterator[Processes]:
    """`k8sops` in processes of its own."""
    with processes_of_a_test() as found:
        yield found


def _until(holds: Callable[[], bool], worker: Process | None = None) -> None:
    end = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < end, f"it never held{f': {worker.said}' if worker else ''}"
        time.sleep(0.1)


def _until_made(url: str, runs_made: int, worker: Process) -> None:
    _until(lambda: _settled(url)["run"] >= runs_made, worker)


def _settled(url: str) -> Counter[str]:
    """How many firings came to what; open ones left out."""

    def work(tx: Tx) -> Counter[str]:
        rows = tx.execute(select(firings.c.outcome, func.count().label("many")).group_by(firings.c.outcome))
        return Counter({row.outcome: int(row.many) for row in rows if row.outcome not in OPEN})

    return in_store(url, work)


def _runs(url: str) -> list[tuple[str, str]]:
    """Every run and its state."""

    def work(tx: Tx) -> list[tuple[str, str]]:
        return [(row.id, row.state) for row in tx.execute(select(runs.c.id, runs.c.state))]

    return in_store(url, work)


def _due_long_ago(url: str, seconds: int) -> None:
    def work(tx: Tx) -> None:
        due = to_ms(tx.now().replace(microsecond=0) - timedelta(seconds=seconds))
        tx.execute(update(schedules).values(next_due=due, next_fire=due))

    in_store(url, work)


def _fill(sandbox: SandboxHandle, namespace: str, number: int) -> None:
    async def do(cluster: KubeCluster) -> None:
        manifest = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"settings-{number}", "namespace": namespace},
            "data": {"number": str(number)},
        }
        await create(cluster, manifest)

    on_cluster(sandbox, do)


def test_every_firing_is_accounted_for_though_workers_are_killed(
    command: Command, processes: Processes, sandbox: SandboxHandle, cluster_namespace: str, each_store: str
) -> None:
    """A nightly backup that silently did not happen is found out when it is needed."""
    command.done("backups", "key")
    _fill(sandbox, cluster_namespace, 0)
    command.done(
        "schedules", "add", "nightly", "--cron", "*/2 * * * * *", "--missed", "catch_up(100)",
        "--concurrency", "queue", "--risk", "disruptive", "--rpo", "1h", "--yes",
        "--", "backup", "--include-namespaces", cluster_namespace, "--include-kinds", "configmaps",
        "--keep-last", str(KEPT),
    )  # fmt: skip
    _due_long_ago(each_store, FIRINGS)
    for number in range(1, KILLED + 1):
        worker = processes("worker", "--no-health")
        _until_made(each_store, number * FIRINGS // (KILLED + 1), worker)
        _fill(sandbox, cluster_namespace, number)
        worker.signal(signal.SIGKILL)
        worker.ended()
    worker = processes("worker", "--no-health")
    _until_made(each_store, FIRINGS, worker)
    command.done("schedules", "pause", "nightly")
    _until(
        lambda: not _open(each_store) and all(RunState(state).ended for _, state in _runs(each_store)), worker
    )
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0, worker.said

    assert not _unexplained(each_store)
    succeeded = [run for run, state in _runs(each_store) if state == RunState.SUCCEEDED]
    assert len(succeeded) > FIRINGS // 2
    found = asyncio.run(_backups())
    assert len(set(found.runs)) == len(found.runs), "no run made two backups"
    assert set(succeeded) <= set(found.runs), "each run that succeeded made one"
    assert found.live == found.complete[-KEPT:]
    assert command.done("backups", "verify", "--read-data", "100%", "-o", "json").document["good"]


def _open(url: str) -> int:
    def work(tx: Tx) -> int:
        found = select(func.count()).select_from(firings).where(firings.c.outcome.in_(OPEN))
        return int(tx.execute(found).scalar_one())

    return in_store(url, work)


def _unexplained(url: str) -> int:
    """How many firings came to nothing without saying why, or to a run that is not there."""

    def work(tx: Tx) -> int:
        found = select(func.count()).select_from(firings.outerjoin(runs, firings.c.run == runs.c.id))
        silent = (firings.c.outcome != "run") & (firings.c.why == "")
        lost = (firings.c.outcome == "run") & runs.c.id.is_(None)
        return int(tx.execute(found.where(silent | lost)).scalar_one())

    return in_store(url, work)


async def _backups() -> Found:
    """What the repository has; none that a tombstone took was the last good one then."""
    async with open_backups(load_config({})) as desk:
        (cluster,) = await desk.uids()
        chain = await desk.chain(cluster)
        bodies: dict[int, BackupBody] = {}
        for seq, file in chain.files.items():
            if file.manifest.kind == "backup":
                bodies[seq] = backup_body(file, desk.vault.keyring)
                continue
            good = max(one for one, body in bodies.items() if body.complete)
            assert good not in {item.seq for item in file.manifest.removes}
        complete = [seq for seq, body in bodies.items() if body.complete]
        return Found(
            runs=[body.run for body in bodies.values()],
            complete=complete,
            live=[seq for seq in chain.live if seq in complete],
        )
