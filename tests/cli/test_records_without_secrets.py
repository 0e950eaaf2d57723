"""What a person says of a change and what the cluster answers may hold a secret; nothing that is stored or told does.

Run as people run it, then everything is looked through: the store's own bytes, what the commands show, an export.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import K8sOpsError
from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command
from tests.support.persons_at_door import on_cluster
from tests.support.workloads import create, deployment

ADMISSION = "admissionregistration.k8s.io/v1"
# Put together here, so that nothing in this file is what a scanner of repositories looks for.
GITHUB = "ghp_" + "pLanted6aB3daB3daB3daB3daB3daB3daB3d"
PASSWORD = "pLanted4-hunter2"
ORDER = "ord_471147"
SAID = f"{ORDER} of alice@example.org; with {GITHUB}, password={PASSWORD}"
MARKS = (GITHUB[:12], GITHUB[-12:], PASSWORD, "471147")


@pytest.fixture
def k8sops(
    command: Command,
    own_store: str,
    kubeconfig: Path,
    cluster_namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """The program in the test's namespace, with a store and a rule of redaction of its own."""
    config = tmp_path / "config.yaml"
    config.write_text("redaction: {rules: [{name: order, pattern: 'ord_([0-9]{6})'}], emails: true}\n")
    monkeypatch.setenv("K8SOPS_CONFIG", str(config))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_NAMESPACE", cluster_namespace)
    return command


def guard(sandbox: SandboxHandle, namespace: str) -> None:
    """Admission refuses every change of deployments there, and its words quote secrets."""
    name = f"{namespace}-quotes"
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    rules = {
        "apiGroups": ["apps"], "apiVersions": ["v1"],
        "resources": ["deployments", "deployments/scale"], "operations": ["UPDATE"],
    }  # fmt: skip
    policy = {
        "matchConstraints": {"resourceRules": [rules], **here},
        "validations": [{"expression": "false", "message": f"refused: {SAID}"}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    for kind, spec in (
        ("ValidatingAdmissionPolicy", policy),
        ("ValidatingAdmissionPolicyBinding", binding),
    ):
        body = {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
        on_cluster(sandbox, lambda cluster, body=body: create(cluster, body))  # type: ignore[misc]


def refuses(sandbox: SandboxHandle, namespace: str) -> bool:
    """Whether admission has heard of it."""

    async def tries(cluster: KubeCluster) -> bool:
        deployments = await cluster.resource("deployments")
        body = {"metadata": {"annotations": {"tried": "yes"}}}
        try:
            await cluster.patch(deployments, "web", namespace, body=body)
        except K8sOpsError:
            return True
        return False

    return on_cluster(sandbox, tries)


def until_it_refuses(sandbox: SandboxHandle, namespace: str) -> None:
    """Admission hears of a policy a moment after it was made."""
    deadline = time.monotonic() + 120
    while not refuses(sandbox, namespace):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def everything_stored(url: str) -> str:
    """Every value of every table."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as store:
        tables = [name for (name,) in store.execute("select name from sqlite_master where type = 'table'")]
        return "\n".join(str(row) for table in tables for row in store.execute(f'select * from "{table}"'))  # noqa: S608


def test_neither_a_reason_nor_a_webhook_s_words_leave_a_secret_on_record(
    k8sops: Command, own_store: str, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path
) -> None:
    """The audit trail is kept for years and handed to auditors; a chat reads the events."""
    on_cluster(sandbox, lambda cluster: create(cluster, deployment("web", cluster_namespace, replicas=1)))
    guard(sandbox, cluster_namespace)
    until_it_refuses(sandbox, cluster_namespace)
    failed = k8sops("scale", "deployment/web", "--replicas", "2", "--yes", "--reason", SAID)
    assert failed.code == 1, failed
    assert "refused: " in failed.err + failed.out, "it is the admission's answer that is told"
    night = ("night", "--cron", "30 3 * * *", "--zone", "UTC", "--yes", "--reason", SAID)
    k8sops.done("schedules", "add", *night, "--", "scale", "deployment/web", "--replicas", "1")
    export = tmp_path / "trail.jsonl"
    run = k8sops.done("runs", "list", "-o", "json").document[0]["id"]
    told = [
        k8sops.done("runs", "show", run).out,
        k8sops.done("runs", "show", run, "-o", "json").out,
        k8sops.done("audit", "list", "-o", "json").out,
        k8sops.done("schedules", "show", "night", "-o", "json").out,
        str(k8sops.done("audit", "export", "--output", str(export))),
        export.read_text(),
        everything_stored(own_store),
    ]
    for number, text in enumerate(told):
        for mark in MARKS:
            at = text.find(mark)
            assert at < 0, (number, text[max(0, at - 200) : at + 60])
    for text in (told[1], told[2], told[6]):
        assert "redacted:" in text
    assert "alice@example.org" in told[2], "who asked for something is what a record is for"
    k8sops.done("audit", "verify")
