"""SIGKILL to each process of a sandbox in turn: `status` names it, `up` brings it back, `down` leaves nothing.

At the command line, as a person meets it; the processes are the sandbox's own list, so that a new one is tested too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from k8sops.sandbox.components import CHAOS, START_ORDER
from k8sops.sandbox.faults.remote import ChaosRemote
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.processes import ProcessRecord, is_running
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.sandbox.state import SandboxFolder, SandboxState
from tests.sandbox.waiting import wait_until
from tests.support.command import Command

PROCESSES: Final = (*START_ORDER, CHAOS)
NODES: Final = 2
SETTLED_S: Final = 180.0
FAST: Final = {"sandbox.k8sops.dev/fast": "true"}


class Victim:
    """A sandbox with pods in it, whose processes are killed."""

    def __init__(self, handle: SandboxHandle, kubectl: Path) -> None:
        self.name: Final = handle.name
        self.folder: Final = handle.folder
        self._kubectl: Final = (str(kubectl), "--kubeconfig", str(handle.kubeconfig), "--request-timeout=60s")

    def kubectl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._kubectl, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @property
    def state(self) -> SandboxState:
        state = SandboxFolder(self.folder.parent, self.name).load()
        assert state is not None
        return state

    def record(self, component: str) -> ProcessRecord:
        return next(one for one in self.state.processes if one.component == component)

    def kill(self, component: str) -> ProcessRecord:
        """End it at once; returns when it is gone."""
        record = self.record(component)
        os.kill(record.pid, signal.SIGKILL)
        wait_until(f"the end of {component}", lambda: not is_running(record), SETTLED_S)
        return record

    def pods(self) -> dict[str, str]:
        """Uid and phase of each pod that is not being removed."""
        said = self.kubectl("get", "pods", "-o", "json").stdout
        found: list[dict[str, Any]] = json.loads(said)["items"] if said else []
        return {
            one["metadata"]["uid"]: one["status"]["phase"]
            for one in found
            if "deletionTimestamp" not in one["metadata"]
        }

    def runs(self, name: str) -> None:
        """Waits until the pod runs, has a log and is measured; then it goes."""
        phase = ("get", "pod", name, "-o", "jsonpath={.status.phase}")
        wait_until(f"{name} to run", lambda: self.kubectl(*phase).stdout == "Running", SETTLED_S)
        wait_until(f"the log of {name}", lambda: self.kubectl("logs", name).returncode == 0, SETTLED_S)
        measured = ("top", "pods", "--no-headers")
        wait_until(f"usage of {name}", lambda: name in self.kubectl(*measured).stdout, SETTLED_S)
        gone = self.kubectl("delete", "pod", name, "--timeout=100s")
        assert gone.returncode == 0, gone.stderr

    def make(self, name: str) -> bool:
        """A pod, where there is an API server to make it."""
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "annotations": FAST},
            "spec": {"containers": [{"name": "app", "image": "x"}]},
        }
        return self.kubectl("create", "-f", "-", stdin=json.dumps(body)).returncode == 0


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory, kubectl_path: Path) -> Iterator[Victim]:
    """One for all these tests: each leaves it whole."""
    home = tmp_path_factory.mktemp("victim")
    manager = SandboxManager(home)
    handle = in_thread(lambda: manager.up("victim", nodes=NODES))
    try:
        in_thread(ChaosRemote("victim", home).start)
        victim = Victim(handle, kubectl_path)
        made = victim.kubectl("create", "deployment", "web", "--image=x", "--replicas=2")
        assert made.returncode == 0, made.stderr
        wait_until("pods that run", lambda: list(victim.pods().values()) == ["Running", "Running"], SETTLED_S)
        yield victim
    finally:
        in_thread(lambda: manager.down("victim"))


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `k8sops` in this process."""
    return Command(capsys)


@pytest.fixture
def at_home(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The command line looks where the victim lives; its value are the options that name it."""
    monkeypatch.setenv("K8SOPS_SANDBOX_HOME", str(victim.folder.parent))
    return ("--name", victim.name)


def test_the_list_is_whole(victim: Victim) -> None:
    """A process that the sandbox starts and this file does not kill would be missed."""
    assert {one.component for one in victim.state.processes} == set(PROCESSES)
    known = {one.pid for one in victim.state.processes}
    ours = {
        process.pid: process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if any(str(victim.folder) in word for word in process.info["cmdline"] or ())
    }
    assert set(ours) == known, ours


@pytest.mark.parametrize("component", PROCESSES)
def test_a_killed_process_is_named_and_brought_back_and_nothing_is_lost(
    victim: Victim, at_home: tuple[str, ...], command: Command, component: str
) -> None:
    """Out of memory, a mistaken kill: whoever looks is told what is gone and how to repair it, and that works."""
    before, pods = {one.component: one for one in victim.state.processes}, victim.pods()
    victim.kill(component)
    # Without these two a request waits a minute for its refusal.
    meanwhile = component not in {"etcd", "kube-apiserver"} and victim.make(f"while-{component}")

    told = command("sandbox", "status", *at_home, "-o", "json")
    gone = [one["component"] for one in told.document["components"] if not one["running"]]
    assert (told.code, told.document["state"], gone) == (1, "degraded", [component])
    told = command("sandbox", "status", *at_home)
    assert told.code == 1
    (line,) = [line for line in told.out.splitlines() if " gone " in line]
    assert line.split()[0] == component
    assert f"`k8sops sandbox up --name {victim.name}` starts {component} again" in told.out

    repaired = command.done("sandbox", "up", *at_home)
    assert "was running already" not in repaired.out
    after = {one.component: one for one in victim.state.processes}
    assert after.keys() == before.keys()
    assert {name for name in after if after[name].pid != before[name].pid} == {component}

    def is_whole() -> bool:
        now = command("sandbox", "status", *at_home, "-o", "json").document
        return (now["state"], now["nodes"], now["nodes_ready"]) == ("ready", NODES, NODES)

    wait_until("the sandbox to be whole", is_whole, SETTLED_S)
    assert pods.items() <= victim.pods().items()
    if meanwhile:
        victim.runs(f"while-{component}")
    assert victim.make(f"after-{component}")
    victim.runs(f"after-{component}")


def test_down_ends_the_rest_and_leaves_nothing(
    victim: Victim, at_home: tuple[str, ...], command: Command
) -> None:
    """The last of these tests: the API server cannot say goodbye to a database that is gone, nor a fault be undone."""
    state = victim.state
    for component in ("etcd", CHAOS):
        victim.kill(component)
    assert "gone" in command.done("sandbox", "down", *at_home).out
    assert not [one.component for one in state.processes if is_running(one)]
    assert not victim.folder.exists()
    assert list(victim.folder.parent.iterdir()) == []
    assert command("sandbox", "status", *at_home).code == 2
