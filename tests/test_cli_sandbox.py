"""`k8sops sandbox` at the command line: what it prints, and how it ends."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from k8sops.cli.build_progress import BuildDisplay
from k8sops.cli.main import main
from k8sops.sandbox.binaries import binaries_folder
from k8sops.sandbox.build import BuildProgress
from k8sops.sandbox.locations import cache_folder
from k8sops.sandbox.manager import SandboxHandle
from tests.sandbox.waiting import wait_until


@pytest.fixture
def at_shared(sandbox: SandboxHandle, monkeypatch: pytest.MonkeyPatch) -> str:
    """The command line looks where the tests' own sandbox lives."""
    monkeypatch.setenv("K8SOPS_SANDBOX_HOME", str(sandbox.folder.parent))
    return sandbox.name


def test_status_shows_every_process_and_the_nodes(at_shared: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Text for people, JSON for programs, and exit code 0 only when all is ready."""
    wait_until("a ready sandbox", lambda: main(["sandbox", "status", "--name", at_shared]) == 0)
    text = capsys.readouterr().out
    # Nodes of other tests may be there yet.
    assert re.search(r"\d+ of \d+ Ready", text)
    assert "kube-scheduler" in text
    assert main(["sandbox", "status", "--name", at_shared, "-o", "json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["state"] == "ready"
    assert status["nodes"] >= 5
    assert {c["component"]: c["running"] for c in status["components"]} == dict.fromkeys(
        ("etcd", "kube-apiserver", "kwok", "kubelet", "kube-controller-manager", "kube-scheduler", "played"),
        True,
    )


def test_up_on_a_running_sandbox_says_so(at_shared: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Repeating a command must be harmless and quick."""
    assert main(["sandbox", "up", "--name", at_shared]) == 0
    assert "was running already" in capsys.readouterr().out


def test_list_names_the_sandbox(at_shared: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What `down --all` would end must be seen before."""
    assert main(["sandbox", "list", "-o", "json"]) == 0
    assert at_shared in [one["name"] for one in json.loads(capsys.readouterr().out)]


def test_a_kubeconfig_for_somebody_is_written_for_its_owner_alone(
    at_shared: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It holds a private key: nothing of it may reach the screen, nor others read the file."""
    target = tmp_path / "alice"
    arguments = ["--user", "alice", "--group", "ops", "--output", str(target)]
    assert main(["sandbox", "kubeconfig", "--name", at_shared, *arguments]) == 0
    assert target.stat().st_mode & 0o777 == 0o600
    assert "client-key-data" not in capsys.readouterr().out
    assert f"k8sops-{at_shared}-alice" in target.read_text()


def test_etcdctl_is_built_when_first_wanted_and_reads_the_sandbox_s_database(
    at_shared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Really built from its pinned module (2 s, as its packages are compiled already), and given the keys it needs."""
    if (fetched := cache_folder() / "toolchain").exists():
        (tmp_path / "toolchain").symlink_to(fetched)
    monkeypatch.setenv("K8SOPS_CACHE", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.delenv("K8SOPS_ASSETS_URL", raising=False)
    command = [sys.executable, "-m", "k8sops", "sandbox", "etcdctl", "--name", at_shared, "--"]
    arguments = ["get", "--keys-only", "/registry/namespaces/kube-system"]
    first, second = (
        subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=600)
        for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.split() == second.stdout.split() == ["/registry/namespaces/kube-system"]
    assert "building etcdctl (1 of 1)" in first.stderr
    assert second.stderr == ""
    assert [path.name for path in binaries_folder(tmp_path).iterdir() if os.access(path, os.X_OK)] == [
        "etcdctl"
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "--name", "nope"], "there is no sandbox 'nope'"),
        (["up", "--name", "../../etc"], "cannot be the name of a sandbox"),
        (["up", "--nodes", "-1"], "--nodes"),
        (["up", "--kubernetes-args", "'open"], "--kubernetes-args cannot be read"),
        (["up", "--kubernetes-args", "feature-gates=X=true"], "is no flag"),
        (["kubeconfig", "--group", "ops"], "--group needs --user"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """Nothing may be started or built for a request that cannot be meant."""
    monkeypatch.setenv("K8SOPS_SANDBOX_HOME", str(tmp_path))
    assert main(["sandbox", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert not list(tmp_path.iterdir())


def test_down_of_what_is_not_there_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scripts end with `down` whatever came before."""
    monkeypatch.setenv("K8SOPS_SANDBOX_HOME", str(tmp_path))
    assert main(["sandbox", "down", "--name", "nope"]) == 0
    assert "was not there" in capsys.readouterr().out


def test_ctrl_c_during_up_ends_what_was_started(tmp_path: Path) -> None:
    """The exit code tells a script it was interrupted; no process and no file may be left."""
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-m", "k8sops", "sandbox", "up"],
        env={**os.environ, "K8SOPS_SANDBOX_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        assert any("starting kube-apiserver" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(180) == 130
    commands = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
    assert [command for command in commands if str(home) in command] == []
    assert list(home.iterdir()) == []


def test_a_build_away_from_a_terminal_writes_a_line_per_binary_and_no_control_characters() -> None:
    """A log of a first run must be readable."""
    stream = io.StringIO()
    with BuildDisplay(stream) as display:
        for elapsed in range(10):
            progress = BuildProgress(
                binary="etcd", index=2, count=5, elapsed=60.0 + elapsed, remaining=190.0 - elapsed
            )
            display.build(progress)
        display.say("starting etcd")
    assert stream.getvalue().splitlines() == [
        "building etcd (2 of 5), 1 min 00 s so far, about 3 min 10 s left",
        "starting etcd",
    ]
