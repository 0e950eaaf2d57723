"""`k8sops restore` as a script meets it: preview, exit codes, undo, and a worker that is killed in the middle."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import NotFoundError
from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command
from tests.support.pauses import LEAST_S, pause_after
from tests.support.persons_at_door import on_cluster
from tests.support.processes import Processes, processes_of_a_test
from tests.support.workloads import create

WITHIN_S = 180.0


@pytest.fixture(autouse=True)
def own_machine(
    kubeconfig: Path, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    """The administrator, each store in turn, and a repository of the test's own; no namespace is configured."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_DATABASE_URL", store_url)
    monkeypatch.setenv("K8SOPS_REPOSITORY", (tmp_path / "repository").as_uri())
    command.done("backups", "key")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line."""
    return Command(capsys)


@pytest.fixture
def processes() -> Iterator[Processes]:
    """`k8sops` in processes of its own."""
    with processes_of_a_test() as found:
        yield found


class Shop:
    """ConfigMaps of the test's namespace."""

    def __init__(self, sandbox: SandboxHandle, namespace: str) -> None:
        self._sandbox = sandbox
        self._namespace = namespace

    def make(self, *names: str) -> None:
        """Make some."""

        async def do(cluster: KubeCluster) -> None:
            for name in names:
                metadata = {"name": name, "namespace": self._namespace}
                manifest = {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": metadata,
                    "data": {"of": name},
                }
                await create(cluster, manifest)

        on_cluster(self._sandbox, do)

    def delete(self, *names: str) -> None:
        """Take some away."""

        async def do(cluster: KubeCluster) -> None:
            for name in names:
                await cluster.delete(await cluster.resource("configmaps"), name, self._namespace)

        on_cluster(self._sandbox, do)

    def change(self, name: str) -> None:
        """Change one."""

        async def do(cluster: KubeCluster) -> None:
            resource = await cluster.resource("configmaps")
            await cluster.patch(resource, name, self._namespace, body={"data": {"of": "somebody else"}})

        on_cluster(self._sandbox, do)

    def there(self, *names: str) -> list[str]:
        """Which of them are there."""

        async def do(cluster: KubeCluster) -> list[str]:
            found = []
            for name in names:
                try:
                    await cluster.get(await cluster.resource("configmaps"), name, self._namespace)
                except NotFoundError:
                    continue
                found.append(name)
            return found

        return on_cluster(self._sandbox, do)


@pytest.fixture
def shop(sandbox: SandboxHandle, cluster_namespace: str) -> Shop:
    """The test's namespace."""
    return Shop(sandbox, cluster_namespace)


def backed_up(command: Command, namespace: str) -> None:
    """A backup of the namespace's ConfigMaps."""
    command.done("backup", "--include-namespaces", namespace, "--include-kinds", "configmaps", "--yes")


def test_preview_restore_and_undo(command: Command, shop: Shop, cluster_namespace: str) -> None:
    """The way there and back again, each with a plan first; `-n` narrows it, and nothing else does."""
    shop.make("settings", "other")
    backed_up(command, cluster_namespace)
    shop.delete("settings", "other")
    shown = command.done("restore", "latest", "--plan", "-o", "json").document
    assert shown["blast_radius"]["objects"] == 2
    assert shown["risk"] == "low"
    assert shop.there("settings", "other") == []
    told = command.done("restore", "latest", "-n", cluster_namespace, "--yes", "-o", "json").document
    assert told["state"] == "succeeded"
    assert shop.there("settings", "other") == ["settings", "other"]
    again = command.done("restore", "latest", "-n", cluster_namespace, "--plan")
    assert "Nothing to do" in again.out + again.err
    printed = command.done("runs", "undo", told["id"], "--commands").out
    assert sorted(printed.split()) == sorted(
        f"k8sops delete configmaps/settings configmaps/other -n {cluster_namespace}".split()
    )
    command.done("runs", "undo", told["id"], "--yes", "--confirm", "k8sops-tests")
    assert shop.there("settings", "other") == []


def test_anything_less_than_all_of_it_exits_1_and_is_named(
    command: Command, shop: Shop, cluster_namespace: str
) -> None:
    """Never 0: a script goes on only if everything is as it was."""
    shop.make("settings")
    backed_up(command, cluster_namespace)
    shop.change("settings")
    told = command("restore", "latest", "-n", cluster_namespace, "--yes")
    assert told.code == 1
    assert "configmaps/settings" in told.err
    blocked = command("restore", "latest", "-n", cluster_namespace, "--existing", "update", "--plan")
    assert blocked.code == 5
    assert "--force-conflicts" in blocked.out + blocked.err
    command.done(
        "restore", "latest", "-n", cluster_namespace, "--existing", "update", "--force-conflicts", "--yes"
    )


def test_what_is_in_no_backup_is_a_usage_error(command: Command, shop: Shop, cluster_namespace: str) -> None:
    """A mistake in typing, told before anything is looked at."""
    shop.make("settings")
    backed_up(command, cluster_namespace)
    told = command("restore", "latest", "-n", cluster_namespace, "--object", "cm/none", "--plan")
    assert told.code == 2
    assert "has no cm/none" in told.err


def test_a_worker_that_dies_in_the_middle_is_followed_by_one_that_finishes(
    command: Command, processes: Processes, shop: Shop, cluster_namespace: str
) -> None:
    """kill -9 of the carrier: the next finds on record and on the cluster what is done, and does the rest."""
    names = [f"item-{number:03d}" for number in range(120)]
    shop.make(*names)
    backed_up(command, cluster_namespace)
    shop.delete(*names)
    first = processes("restore", "latest", "-n", cluster_namespace, "--yes")
    _until(lambda: bool(shop.there(names[0], names[-1])), soon=True)
    first.signal(signal.SIGKILL)
    first.ended()
    worker = processes("worker", "--no-health")
    _until(lambda: _newest(command)["state"] not in {"queued", "running"})
    worker.signal(signal.SIGTERM)
    worker.ended()
    assert _newest(command)["state"] == "succeeded"
    assert shop.there(*names) == names


def _newest(command: Command) -> dict[str, Any]:
    listed = command.done("runs", "list", "-o", "json").document
    run: dict[str, Any] = next(one for one in listed if one["action"] == "restore")
    return run


def _until(holds: Callable[[], bool], *, soon: bool = False) -> None:
    """`soon` asks as often as can be: for what is to be interrupted in the middle."""
    began = time.monotonic()
    end = began + WITHIN_S
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(LEAST_S if soon else pause_after(time.monotonic() - began))
        began = time.monotonic()
