"""The root command without a cluster: help that teaches, and one sentence for each kind of wrong input."""

from __future__ import annotations

import subprocess
import sys

import pytest


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
