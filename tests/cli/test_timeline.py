"""`k8sops timeline` on a real control plane: a rollout that broke, and what a person did about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from k8sops.core.timeline import Moment
from k8sops.sandbox.manager import SandboxHandle
from k8sops.timeline.as_json import read_timeline
from tests.support.command import Command
from tests.support.persons_at_door import kubeconfig_of, on_cluster
from tests.support.workloads import create, deployment

pytestmark = pytest.mark.usefixtures("own_store")


@pytest.fixture
def k8sops(
    command: Command, kubeconfig: Path, cluster_namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """The program in the test's namespace."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_NAMESPACE", cluster_namespace)
    return command


@pytest.fixture
def scaled(k8sops: Command, sandbox: SandboxHandle, cluster_namespace: str) -> Command:
    """A Deployment `web` that somebody scaled, for a reason."""
    body = deployment("web", cluster_namespace, replicas=1)
    on_cluster(sandbox, lambda cluster: create(cluster, body))
    k8sops.done("scale", "deployment/web", "--replicas", "2", "--yes", "--reason", "evening peak")
    return k8sops


def _moments(text: str) -> tuple[Moment, ...]:
    return read_timeline(text.encode()).moments


def test_a_run_and_what_the_cluster_did_stand_in_one_line_of_time(
    scaled: Command, cluster_namespace: str
) -> None:
    """Who asked and why, the replicas that came of it, and that they belong together."""
    done = scaled.done("timeline", "deployment/web", "-o", "json")
    moments = _moments(done.out)
    asked = next(one for one in moments if one.matter == "run")
    assert "evening peak" in asked.text
    began = next(place for place, one in enumerate(moments) if one.targets)
    grown = next(
        place for place, one in enumerate(moments) if one.matter == "scale" and "from 1 to 2" in one.text
    )
    assert began < grown
    assert moments[grown].subject == f"Deployment {cluster_namespace}/web"
    assert moments[grown].run
    assert any(one.text.startswith("revision 1: app example/app:1") for one in moments)


def test_text_and_page_tell_the_same(scaled: Command, tmp_path: Path) -> None:
    """One goes into a terminal, the other into a mail."""
    text = scaled.done("timeline")
    assert "UTC" in text.out.splitlines()[0]
    assert "evening peak" in text.out
    page = tmp_path / "incident.html"
    told = scaled.done("timeline", "--to", str(page))
    assert told.out == ""
    assert "evening peak" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    again = scaled("timeline", "--to", str(page))
    assert again.code == 2
    assert "is there already" in again.err


def test_what_is_read_goes_to_stderr_and_stdout_holds_the_document_alone(scaled: Command) -> None:
    """`k8sops timeline -o json | jq` must work while one sees how far it is."""
    done = scaled.done("timeline", "-o", "json")
    assert json.loads(done.out)["format"] == "k8sops/timeline/1"
    assert "reading pods" in done.err


def test_only_trouble_leaves_out_the_calm_events(scaled: Command) -> None:
    """Scheduled, Pulled, Created: nobody reads these in an incident, while what changed stays."""
    whole, narrowed = scaled.done("timeline"), scaled.done("timeline", "--only-trouble")
    assert "SuccessfulCreate" in whole.out
    assert "SuccessfulCreate" not in narrowed.out
    assert "evening peak" in narrowed.out


def test_who_may_read_nothing_is_told_so(
    k8sops: Command, sandbox: SandboxHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty timeline would be taken for a calm hour."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig_of(sandbox, tmp_path, "nobody-here")))
    done = k8sops("timeline")
    assert done.code != 0
    assert "forbidden" in done.err or "may not" in done.err
    assert done.out == ""


def test_a_bundle_s_timeline_needs_no_cluster(
    scaled: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gets a bundle rarely has the cluster."""
    scaled.done("logs", "collect", "deployment/web", "--yes", "--to", f"{tmp_path}/")
    (bundle,) = tmp_path.glob("*.tar.zst")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    done = scaled.done("timeline", "--from-bundle", str(bundle))
    assert "evening peak" in done.out
    refused = scaled("timeline", "--from-bundle", str(bundle), "--since", "1h")
    assert refused.code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("web",),
        ("--since", "soon"),
        ("--since", "1h", "--from", "2026-11-22"),
        ("--from", "2026-11-22", "--until", "2026-11-21"),
        ("--timezone", "Mars/Olympus"),
        ("--from-bundle", "/nowhere"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_read(
    k8sops: Command, arguments: tuple[str, ...]
) -> None:
    """Exit 2 and a sentence."""
    done = k8sops("timeline", *arguments)
    assert done.code == 2, done
    assert done.out == ""
    assert "error: " in done.err


def test_runs_about_other_namespaces_are_not_told(scaled: Command) -> None:
    """Neither of a namespace, nor in a bundle of it."""
    scaled.done("logs", "collect", "-n", "kube-system", "--include-sources", "audit", "--yes")
    runs = [
        one for one in _moments(scaled.done("timeline", "--no-logs", "-o", "json").out) if one.matter == "run"
    ]
    assert {one.text.partition(" ")[0] for one in runs} == {"asked", "began:", "succeeded:"}
    assert len({one.subject for one in runs}) == 1
