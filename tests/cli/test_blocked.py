"""A plan with a blocker at the command line: shown whole, exit code 5, and nothing changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from k8sops.cli.main import main
from tests.support.blocked import BLOCKER, block_cordon

NODE = "node-2"


@pytest.fixture(autouse=True)
def blocked_cordon(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program in this process, on the shared control plane, with something in the way of every cordon."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_NAMESPACE", "default")
    block_cordon(monkeypatch)


def test_plan_of_a_blocked_action_is_printed_and_exits_5(capsys: pytest.CaptureFixture[str]) -> None:
    """A script that reviews before it applies branches on the exit code; 0 would send it on."""
    assert main(["cordon", NODE, "--plan"]) == 5
    shown = capsys.readouterr()
    assert f"blocker: {BLOCKER.text} (override: {BLOCKER.override})" in shown.out
    assert "digest" in shown.out
    assert shown.err == ""


def test_plan_of_a_blocked_action_as_json_exits_5_and_says_deny(capsys: pytest.CaptureFixture[str]) -> None:
    """Both forms of the output end alike."""
    assert main(["cordon", NODE, "--plan", "-o", "json"]) == 5
    plan = json.loads(capsys.readouterr().out)
    assert plan["decision"]["effect"] == "deny"
    assert [finding["code"] for finding in plan["findings"]] == [BLOCKER.code]


@pytest.mark.parametrize("output", ["text", "json"])
def test_yes_does_not_apply_a_blocked_plan(capsys: pytest.CaptureFixture[str], output: str) -> None:
    """--yes answers the question; it takes nothing out of the way."""
    assert main(["cordon", NODE, "--yes", "-o", output]) == 5
    assert BLOCKER.text in capsys.readouterr().err
    assert main(["get", f"node/{NODE}", "-o", "json"]) == 0
    assert "unschedulable" not in json.loads(capsys.readouterr().out)["spec"]
