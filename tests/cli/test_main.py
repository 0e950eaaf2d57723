"""The root command without a cluster: help that teaches, and one sentence for each kind of wrong input."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8sops.cli.build_progress import BuildDisplay
from k8sops.cli.console import ProgressLine


def k8sops(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "k8sops", *arguments],
        capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL, env=env,
    )  # fmt: skip


def test_help_lists_every_command_under_a_heading() -> None:
    """The first thing a newcomer reads."""
    shown = k8sops("--help").stdout
    for word in (
        "Look:",
        "Change",
        "Practise:",
        "get",
        "scale",
        "cordon",
        "uncordon",
        "sandbox",
        "demo",
        "doctor",
    ):
        assert word in shown


@pytest.mark.parametrize("command", ["scale", "cordon", "uncordon"])
def test_an_action_s_help_shows_examples_and_the_plan_flag(command: str) -> None:
    """Nobody should need a second page to run it."""
    shown = k8sops(command, "--help").stdout
    assert f"k8sops {command} " in shown
    assert "--plan" in shown
    assert "--yes" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("skale",), "there is no command 'skale'; did you mean 'scale'?"),
        (("scale", "deployment/web"), "give one of --replicas, --to-zero, --restore, --exactly"),
        (("scale", "deployment/web", "--replicas", "2", "--frobnicate"), "No such option"),
        (("get", "pods", "web", "-A"), "--all-namespaces says nothing"),
        (("get", "pods/web\x1b[2J"), "is not an object's name"),
        (("get", "pods", "--kubeconfig", "nowhere"), "nowhere"),
    ],
)
def test_wrong_usage_exits_2_with_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    """Exit 2, an error line, a hint line, no traceback."""
    done = k8sops(*arguments)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(shell: str) -> None:
    """They are sourced by the shell's start file."""
    assert "_K8SOPS_COMPLETE" in k8sops("completion", shell).stdout


FAILS = ("get", "pods", "--kubeconfig", "nowhere", "-o", "json")


def into(stdout: int, *arguments: str, stderr: int = subprocess.PIPE) -> tuple[int, str]:
    """The exit code and stderr of a program that writes to what does not take it."""
    done = subprocess.run(
        [sys.executable, "-m", "k8sops", *arguments],
        stdout=stdout, stderr=stderr, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stderr or ""


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture
def full() -> Iterator[int]:
    """A file on a disk without room."""
    with Path("/dev/full").open("wb", buffering=0) as file:
        yield file.fileno()


@pytest.mark.parametrize(
    ("command", "says"),
    [(("restart",), True), (("evict",), True), (("logs", "collect"), True), (("taint",), False), (("drain",), False)],
)  # fmt: skip
def test_the_help_says_how_an_object_of_another_namespace_is_named(
    command: tuple[str, ...], says: bool
) -> None:
    """Beside `-n`, where one looks for it; and not where nodes alone can be meant."""
    shown = " ".join(k8sops(*command, "--help").stdout.split())
    assert ("An object of another is NAMESPACE/KIND/NAME." in shown) is says


@pytest.mark.parametrize("arguments", [("--help",), ("scale", "--help"), ("completion", "bash")])
def test_a_full_disk_is_one_sentence(full: int, arguments: tuple[str, ...]) -> None:
    """A file that is cut must not look whole, and a disk is no defect of the program."""
    said = "error: what was printed could not be written: No space left on device\n"
    assert into(full, *arguments) == (1, said)


def test_what_failed_is_told_though_the_disk_is_full(full: int) -> None:
    """The document had no room; the reason is still known."""
    code, said = into(full, *FAILS)
    assert code == 1
    assert "nowhere" in said
    assert "could not be written" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("arguments", [("--help",), ("scale", "--help"), ("completion", "bash")])
def test_a_reader_who_has_had_enough_is_no_failure(unread: int, arguments: tuple[str, ...]) -> None:
    """`| head` with pipefail, in a script."""
    assert into(unread, *arguments) == (0, "")


def test_who_reads_no_more_changes_no_exit_code(unread: int) -> None:
    """What failed has failed, whoever hears of it."""
    code, said = into(unread, *FAILS)
    assert code == 2
    assert "nowhere" in said
    assert "Traceback" not in said


def test_narration_that_nobody_hears_stops_nothing(unread: int, full: int) -> None:
    """A run under way must not break off because its log is full."""
    for stderr in (unread, full):
        assert into(subprocess.PIPE, *FAILS, stderr=stderr) == (2, "")
        assert into(subprocess.PIPE, "skale", stderr=stderr) == (2, "")
    with os.fdopen(os.dup(unread), "w") as gone:
        line = ProgressLine(gone)
        line.show("1 of 2 pods")
        line.show("2 of 2 pods")
    with os.fdopen(os.dup(unread), "w") as gone, BuildDisplay(gone) as display:
        display.say("starting etcd")
        display.say("starting kube-apiserver")


@pytest.mark.parametrize("arguments", [("sandbox", "list"), ("sandbox", "cache", "list")])
def test_what_sandbox_has_to_say_is_no_failure_where_nobody_hears_it(
    unread: int, full: int, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That there is none is an answer; a log without room, or a terminal that was closed, makes no error of it."""
    monkeypatch.setenv("K8SOPS_SANDBOX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("K8SOPS_CACHE", str(tmp_path / "cache"))
    for stderr in (unread, full):
        assert into(subprocess.PIPE, *arguments, stderr=stderr) == (0, "")
