"""`k8sops sandbox chaos`, `traffic` and `kubeconfig --faulty` as they are typed: what they print, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from k8sops.sandbox.binaries import ensure_binary
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.sandbox.state import SandboxFolder
from tests.sandbox.waiting import wait_until
from tests.support.command import Command, Told

PATIENCE_S: Final = 180.0
NAME: Final = "typed"
PODS: Final = 3

Chaos = Callable[..., Told]


class Typed:
    """A sandbox of these tests' own, with some pods, and kubectl at it."""

    def __init__(self, handle: SandboxHandle, kubectl: Path) -> None:
        self.handle: Final = handle
        self._kubectl: Final = kubectl

    @property
    def home(self) -> Path:
        return self.handle.folder.parent

    @property
    def chaos_port(self) -> int:
        state = SandboxFolder(self.home, NAME).load()
        assert state is not None
        return state.ports.chaos

    def command_line(self, *arguments: str, kubeconfig: Path | None = None) -> list[str]:
        return [str(self._kubectl), "--kubeconfig", str(kubeconfig or self.handle.kubeconfig), *arguments]

    def kubectl(self, *arguments: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = self.command_line(*arguments, kubeconfig=kubeconfig)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    def look(self, *what: str) -> Any:
        return json.loads(self.kubectl("get", *what, "-o", "json").stdout or "{}")

    def annotations(self, node: str) -> dict[str, str]:
        found: dict[str, str] = self.look("node", node)["metadata"]["annotations"]
        return {key: value for key, value in found.items() if "/play" in key}

    def restarts(self) -> list[int]:
        return [one["status"]["containerStatuses"][0]["restartCount"] for one in self.look("pods")["items"]]

    @contextmanager
    def beside(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """`k8sops sandbox …` in a process of its own, for Ctrl-C."""
        process = subprocess.Popen(
            [sys.executable, "-m", "k8sops", "sandbox", *arguments, "--name", NAME],
            env={**os.environ, "K8SOPS_SANDBOX_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typed]:
    manager = SandboxManager(tmp_path_factory.mktemp("typed"))
    kubectl = in_thread(lambda: ensure_binary("kubectl"))
    handle = in_thread(lambda: manager.up(NAME, nodes=2))
    try:
        found = Typed(handle, kubectl)
        assert found.kubectl("create", "deployment", "web", "--image=x", f"--replicas={PODS}").returncode == 0
        done = found.kubectl("rollout", "status", "deployment/web", f"--timeout={PATIENCE_S:.0f}s")
        assert done.returncode == 0, done.stderr
        yield found
    finally:
        in_thread(lambda: manager.down(NAME))


@pytest.fixture
def sandbox_command(typed: Typed, command: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chaos]:
    """Runs `k8sops sandbox … --name typed`; no fault is in force before and after."""
    monkeypatch.setenv("K8SOPS_SANDBOX_HOME", str(typed.home))

    def run(*arguments: str) -> Told:
        return command("sandbox", *arguments, "--name", NAME)

    run("chaos", "clear")
    yield run
    assert run("chaos", "clear").code == 0


@pytest.fixture
def chaos(sandbox_command: Chaos) -> Chaos:
    """Runs `k8sops sandbox chaos … --name typed`, where it has to succeed."""

    def run(*arguments: str) -> Told:
        told = sandbox_command("chaos", *arguments)
        assert told.code == 0, told
        return told

    return run


def in_force(chaos: Chaos) -> dict[str, dict[str, Any]]:
    """The faults, by their names."""
    return {one["id"]: one for one in chaos("list", "-o", "json").document["faults"]}


def test_the_proxy_prints_its_kubeconfig_alone_and_goes_when_told(typed: Typed, chaos: Chaos) -> None:
    """`export KUBECONFIG=$(k8sops sandbox chaos proxy)` must get a path and nothing else."""
    told = chaos("proxy")
    assert told.out.splitlines() == [str(typed.handle.folder / "faulty.kubeconfig")]
    assert f"context k8sops-{NAME}-faulty" in told.err
    assert "was running already" in chaos("proxy").err
    shown = typed.kubectl("get", "nodes", "-o", "name", kubeconfig=Path(told.out.strip()))
    assert shown.stdout.split() == ["node/node-1", "node/node-2"], shown.stderr
    assert "is gone" in chaos("proxy", "--stop").out
    assert "did not run" in chaos("proxy", "--stop").out
    assert "the proxy does not run" in chaos("list").err
    assert chaos("clear").out == "no fault was in force\n"


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        (("latency", "300ms", "--jitter", "100ms"), "latency", "300 ± 100 ms late, for 5m"),
        (("throttle", "--share", "0.5", "--retry-after", "2"), "throttle", "50% of requests answered 429"),
        (("errors", "--status", "500", "--method", "GET"), "errors", "20% of GET requests answered 500"),
        (("reset", "--path", "/secrets", "--for", "90s"), "reset", "matching '/secrets' cut off"),
        (("watches", "cut", "--every", "20s", "--for", "1h"), "watches", "cut every 20 s, for 1h"),
        (("watches", "expire", "--every", "1m30s"), "watches", "410 Expired every 90 s"),
        (("pause", "kube-scheduler", "--for", "2m"), "pause", "kube-scheduler stopped (SIGSTOP), for 2m"),
        (("node", "node-2", "not-ready"), "not-ready", "not-ready: node-2"),
        (("node", "--zone", "sandbox-1a", "unreachable"), "unreachable", "unreachable: node-1"),
        (("node", "node-2", "vanish"), "vanish", "vanish: node-2"),
    ],
)
def test_a_fault_is_told_listed_shown_by_status_and_removed_by_its_name(
    sandbox_command: Chaos, chaos: Chaos, arguments: tuple[str, ...], kind: str, says: str
) -> None:
    """Whoever comes back to a sandbox in trouble must find out what was done to it, and end it."""
    told = chaos(*arguments)
    name, _, rest = told.out.strip().partition(": ")
    assert name.rpartition("-")[0] == kind
    assert says in rest
    assert f"k8sops sandbox chaos remove {name} --name {NAME}" in told.err
    felt_by_proxy = kind in {"latency", "throttle", "errors", "reset", "watches"}
    assert (f"context k8sops-{NAME}-faulty" in told.err) is felt_by_proxy
    listed = chaos("list").out.splitlines()
    assert listed[0].split() == ["FAULT", "LEFT", "HITS", "WHAT"]
    assert [line.split()[0] for line in listed[1:]] == [name]
    assert name in sandbox_command("status").out.partition("faults in force")[2]
    assert chaos("remove", name).out.startswith(f"ended {name}: ")
    assert in_force(chaos) == {}


def test_json_is_one_document_and_the_end_is_on_record(chaos: Chaos) -> None:
    """A script keeps the name to remove the fault by."""
    made = chaos("errors", "--path", "/nowhere", "--for", "10m", "-o", "json").document
    assert made["spec"] | {"kind": "errors", "path": "/nowhere", "seconds": 600.0} == made["spec"]
    assert made["began"] < made["until"]
    assert in_force(chaos) == {made["id"]: made}


def test_running_watches_are_ended_once_without_a_fault_in_force(chaos: Chaos) -> None:
    """Without --every it is over when the command returns."""
    told = chaos("watches", "cut")
    assert (told.out, "0 running watches were ended" in told.err) == ("", True)
    assert in_force(chaos) == {}


def test_a_node_is_brought_back_by_name_and_all_by_clear(typed: Typed, chaos: Chaos) -> None:
    """`ready` undoes any trouble of a node; what else the same fault holds stays."""
    chaos("node", "node-1", "node-2", "not-ready")
    assert typed.annotations("node-1")
    assert chaos("node", "node-1", "ready").out == "node-1 comes back\n"
    assert typed.annotations("node-1") == {}
    assert "none of them was in trouble" in chaos("node", "node-1", "ready").out
    assert [one["text"] for one in in_force(chaos).values()] == ["not-ready: node-2"]
    assert "not-ready: node-2" in chaos("clear").out
    assert typed.annotations("node-2") == {}


def test_ctrl_c_takes_back_what_was_asked_for(typed: Typed, chaos: Chaos) -> None:
    """Whoever interrupts the command has not seen a name to end the fault by."""
    chaos("pause", "kube-apiserver", "--for", "10m")
    with typed.beside("chaos", "node", "node-2", "not-ready") as process:
        port = typed.chaos_port

        def asks() -> bool:
            mine = psutil.Process(process.pid).net_connections()
            return any(tuple(one.raddr)[1:] == (port,) for one in mine)

        wait_until("the command to ask for it", asks, PATIENCE_S)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    chaos("clear")
    # One fault is made after the other: once this one is, the interrupted one is decided.
    chaos("node", "node-1", "not-ready")
    wait_until("the other node to be left alone", lambda: typed.annotations("node-2") == {}, PATIENCE_S)
    wait_until("its fault to be forgotten", lambda: len(in_force(chaos)) == 1, PATIENCE_S)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chaos", "latency", "soon"), "'soon' is no time; write it as 300ms, 60s or 5m"),
        (("chaos", "latency", "0s"), "'0s' is no time"),
        (("chaos", "latency", "2h"), "DELAY and --jitter take at most 1m"),
        (("chaos", "latency", "1s", "--jitter", "5m"), "DELAY and --jitter take at most 1m"),
        (("chaos", "throttle", "--share", "2"), "'--share': 2.0 is not in the range"),
        (("chaos", "throttle", "--for", "2h"), "--for takes at most 1h here"),
        (("chaos", "pause", "--for", "11m"), "--for takes at most 10m here"),
        (("chaos", "errors", "--status", "404"), "'--status': 404 is not in the range"),
        (("chaos", "reset", "--path", "("), "'(' is no regular expression"),
        (("chaos", "watches", "slow"), "'slow' is not one of 'cut', 'expire'"),
        (("chaos", "pause", "sshd"), "'sshd' is not one of"),
        (("chaos", "node"), "Missing argument"),
        (("chaos", "node", "not-ready"), "name a node, or a --zone"),
        (("chaos", "node", "node-9", "vanish"), "there is no node 'node-9'"),
        (("chaos", "node", "--zone", "moon", "vanish"), "there is no zone 'moon'"),
        (("chaos", "remove", "latency-99"), "no fault 'latency-99' is in force"),
        (("chaos", "remove", "../x"), "'../x' is no fault's name"),
        (("traffic", "--updates", "0"), "'--updates': 0.0 is not in the range"),
        (("traffic", "--for", "3 days"), "'3 days' is no time"),
        (("traffic", "-n", "nowhere"), "no pod runs in namespace nowhere"),
    ],
)
def test_bad_input_is_one_sentence_a_hint_and_no_fault(
    sandbox_command: Chaos, chaos: Chaos, arguments: tuple[str, ...], said: str
) -> None:
    """A typing error must neither be the fault nor show this program's insides."""
    told = sandbox_command(*arguments)
    assert (told.code, told.out) == (2, "")
    error, hint = told.err.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert hint.startswith("hint: ")
    assert in_force(chaos) == {}


@pytest.mark.parametrize(
    "arguments",
    [
        *(("chaos", one) for one in ("proxy", "list", "clear")),
        ("chaos", "latency", "1s"),
        ("traffic",),
        ("kubeconfig", "--faulty"),
    ],
)
def test_a_sandbox_that_is_not_there_is_said(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """And nothing is started or written for it."""
    monkeypatch.setenv("K8SOPS_SANDBOX_HOME", str(tmp_path))
    told = command("sandbox", *arguments, "--name", "nope")
    assert told.code == 2
    assert "there is no sandbox 'nope'" in told.err
    assert not (tmp_path / "nope").exists()


def test_kubectl_goes_through_the_faulty_kubeconfig_and_feels_what_is_in_force(
    typed: Typed, sandbox_command: Chaos, chaos: Chaos, tmp_path: Path
) -> None:
    """As the person it was issued to; a delay and a refusal with Retry-After are outlived, a lasting refusal told."""
    config = tmp_path / "erin"
    told = sandbox_command(
        *("kubeconfig", "--faulty", "--user", "erin", "--group", "system:masters", "--output", str(config))
    )
    assert told.code == 0, told
    assert config.stat().st_mode & 0o777 == 0o600
    assert typed.kubectl("auth", "whoami", "-o", "name", kubeconfig=config).returncode == 0
    assert "erin" in typed.kubectl("auth", "whoami", kubeconfig=config).stdout

    slow = chaos("latency", "200ms", "--path", "/pods", "-o", "json").document["id"]
    assert len(typed.kubectl("get", "pods", "-o", "name", kubeconfig=config).stdout.split()) == PODS
    assert in_force(chaos)[slow]["hits"] >= 1
    chaos("remove", slow)

    lasting = chaos("throttle", "--share", "1", "--retry-after", "0", "--path", "/pods").out.split(":")[0]
    refused = typed.kubectl("get", "pods", kubeconfig=config)
    assert refused.returncode == 1
    assert "TooManyRequests" in refused.stderr
    assert typed.kubectl("get", "nodes", kubeconfig=config).returncode == 0
    assert typed.kubectl("get", "pods").returncode == 0, "past the proxy nothing is wrong"
    assert in_force(chaos)[lasting]["hits"] > 1, "kubectl tries again by itself"
    chaos("remove", lasting)

    brief = chaos("throttle", "--share", "1", "--retry-after", "2", "--path", "/pods").out.split(":")[0]
    command = typed.command_line("get", "pods", "-o", "name", kubeconfig=config)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as patient:
        wait_until("it to be refused", lambda: in_force(chaos)[brief]["hits"] >= 1, PATIENCE_S)
        chaos("remove", brief)
        said, _ = patient.communicate(timeout=PATIENCE_S)
    assert (patient.returncode, len(said.split())) == (0, PODS)


def test_without_a_person_the_faulty_kubeconfig_is_the_administrators(
    typed: Typed, sandbox_command: Chaos
) -> None:
    """The same file that `chaos proxy` names, printed."""
    told = sandbox_command("kubeconfig", "--faulty")
    assert told.code == 0
    assert f"https://127.0.0.1:{typed.chaos_port}" in told.out
    assert f"current-context: k8sops-{NAME}-faulty" in told.out


@pytest.mark.parametrize("through", [(), ("--through-api",)])
def test_traffic_says_what_it_did_and_leaves_pods_as_they_were(
    typed: Typed, sandbox_command: Chaos, through: tuple[str, ...]
) -> None:
    """In words and as JSON; what it says beside its result goes to stderr."""
    told = sandbox_command("traffic", "--updates", "5", "--for", "1s", *through)
    assert told.code == 0, told
    assert f" changes of {PODS} pods in " in told.out
    assert " a second of the 5 asked for" in told.out
    assert "putting the counts back" in told.err
    found = sandbox_command(
        "traffic", "--updates", "5", "--for", "1s", "-n", "default", "-o", "json", *through
    )
    assert (found.document["pods"], found.document["asked"]) == (PODS, 5.0)
    assert found.document["updates"] > 0
    assert typed.restarts() == [0] * PODS


def test_ctrl_c_ends_traffic_and_puts_every_count_back(typed: Typed) -> None:
    """It is how most of it ends; the story of the sandbox must survive it."""
    with typed.beside("traffic", "--updates", "20", "--for", "1h", "-n", "default") as process:
        wait_until("pods that change", lambda: any(typed.restarts()), PATIENCE_S)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr is not None
        said = process.stderr.read()
    assert "putting the counts back" in said
    assert "Traceback" not in said
    assert typed.restarts() == [0] * PODS
    marked = [one for one in typed.look("pods")["items"] if "before-traffic" in json.dumps(one["metadata"])]
    assert marked == []
