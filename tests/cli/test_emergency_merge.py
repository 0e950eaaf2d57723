"""The shared store is away, something has to be done now, and afterwards nothing of it is missing from the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from k8sops.cli.main import main
from k8sops.core.errors import ExitCode

NODE = "node-3"
NOBODY = "postgresql://k8sops@127.0.0.1:1/k8sops?connect_timeout=1"

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_machine(kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of its own, whose shared store does not answer."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("K8SOPS_DATABASE_URL", NOBODY)


def said(capsys: Capture, *arguments: str) -> Any:
    """What a command prints as JSON."""
    capsys.readouterr()
    assert main([*arguments, "-o", "json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def in_an_emergency(*arguments: str) -> int:
    """A change under --emergency."""
    return main([*arguments, "--emergency", "--reason", "the database burns", "--yes"])


def test_without_the_shared_store_a_change_names_the_way_out(capsys: Capture) -> None:
    """Reads work; a change is refused in one sentence that names the flag."""
    assert main(["get", "nodes"]) == 0
    assert main(["cordon", NODE, "--yes"]) == ExitCode.UNREACHABLE
    assert "--emergency" in capsys.readouterr().err


def test_what_was_done_in_an_emergency_is_merged_whole_and_reviewed(
    capsys: Capture, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gap in the record after an incident is where somebody hides something."""
    assert in_an_emergency("cordon", NODE) == 0
    assert in_an_emergency("uncordon", NODE) == 0
    local = said(capsys, "audit", "list", "--emergency")
    monkeypatch.setenv("K8SOPS_DATABASE_URL", postgres_url)
    merged = said(capsys, "store", "merge")
    assert merged["runs"] == 2
    assert merged["records"] == len(local)
    assert Path(merged["put_aside"]).exists()
    runs = said(capsys, "runs", "list")
    assert [run["action"] for run in runs] == ["uncordon", "cordon"]
    assert main(["approvals", "list"]) == 0
    assert capsys.readouterr().err.count("review open since") == 2
    shown = said(capsys, "audit", "list", "--code", "store.merged")
    assert shown[0]["data"]["records"] == len(local)
    assert shown[0]["data"]["last"] == local[-1]["hash"]
    assert main(["audit", "verify"]) == 0


def test_merging_where_there_was_no_emergency_says_so(capsys: Capture) -> None:
    """Nothing to do is told, not done."""
    assert main(["store", "merge"]) == ExitCode.USAGE
    assert "no emergency store" in capsys.readouterr().err
