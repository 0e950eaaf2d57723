"""The commands on a real control plane, run as a script runs them: stdout, stderr and exit code."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from tests.support.workloads import NEVER_READY, create, deployment, replicas_of


class Shell:
    """Runs `k8sops` with one kubeconfig and namespace, without a terminal."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._env = {**os.environ, "KUBECONFIG": str(kubeconfig), "K8SOPS_NAMESPACE": namespace}

    async def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "k8sops", *arguments],
            env=self._env, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
def k8sops(kubeconfig: Path, cluster_namespace: str) -> Shell:
    """The program in the test's namespace."""
    return Shell(kubeconfig, cluster_namespace)


async def test_plan_then_apply_exactly_that_plan(
    k8sops: Shell, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The way a careful script works: review, then apply by digest."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    looked = await k8sops("scale", "deployment/web", "--replicas", "2", "--plan", "-o", "json")
    assert looked.returncode == 0, looked.stderr
    plan = json.loads(looked.stdout)
    assert (
        plan["summary"]
        == f"Safe: deployment {cluster_namespace}/web goes from 1 to 2 replicas; no running pod is touched."
    )
    assert (await replicas_of(cluster, "deployments", "web", cluster_namespace))[0] == 1
    applied = await k8sops(
        "scale", "deployment/web", "--replicas", "2", "--yes", "--digest", plan["digest"][:12], "-o", "json"
    )
    assert applied.returncode == 0, applied.stderr
    run = json.loads(applied.stdout)
    assert run["state"] == "succeeded"
    assert run["plan"]["digest"] == plan["digest"]
    assert await replicas_of(cluster, "deployments", "web", cluster_namespace) == (2, 2)


async def test_another_plan_than_the_reviewed_one_is_not_applied(
    k8sops: Shell, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Exit 7, and nothing written."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    done = await k8sops("scale", "deployment/web", "--replicas", "2", "--yes", "--digest", "0123456789ab")
    assert done.returncode == 7
    assert "not the reviewed one" in done.stderr
    assert (await replicas_of(cluster, "deployments", "web", cluster_namespace))[0] == 1


async def test_without_terminal_and_without_yes_nothing_is_done(
    k8sops: Shell, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """A cron job that forgot --yes must not change a cluster."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    done = await k8sops("scale", "deployment/web", "--replicas", "2")
    assert done.returncode == 2
    assert "no terminal to ask at" in done.stderr
    assert "--yes --digest" in done.stderr
    assert (await replicas_of(cluster, "deployments", "web", cluster_namespace))[0] == 1


async def test_a_scale_that_does_not_get_ready_fails_and_says_why(
    k8sops: Shell, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Exit 1, the pods and their trouble, the way back."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1, annotations=NEVER_READY))
    done = await k8sops("scale", "deployment/web", "--replicas", "2", "--yes", "--timeout", "3s")
    assert done.returncode == 1
    assert "are ready after 3 s (web-" in done.stderr
    assert "to go back: k8sops scale deployments/web --replicas 1" in done.stderr


async def test_get_prints_what_kubectl_prints(
    k8sops: Shell, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The columns people know."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    done = await k8sops("get", "deploy")
    assert done.stdout.split("\n")[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    everywhere = await k8sops("get", "deploy", "-A")
    assert everywhere.stdout.split("\n")[0].split()[0] == "NAMESPACE"
    one = await k8sops("get", "deployment/web", "-o", "json")
    assert json.loads(one.stdout)["metadata"]["name"] == "web"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("get", "pod", "nope"), 1, "nope"),
        (("get", "gizmos"), 2, "gizmos"),
        (("get", "pods", "--context", "nowhere"), 2, "nowhere"),
        (("scale", "deployment/nope", "--replicas", "1"), 1, "nope"),
        (("scale", "deployment/web", "--replicas", "-1"), 2, "replicas should be greater than or equal to 0"),
        (("scale", "deployment/w\x1bb", "--replicas", "1"), 2, "U+001B"),
        (("scale", "web", "--replicas", "1"), 2, "KIND/NAME"),
        (("scale", "configmap/kube-root-ca.crt", "--replicas", "1"), 2, "scale"),
        (("cordon", "nope"), 1, "there is no node nope"),
        (("cordon",), 2, "name nodes or give --selector"),
    ],
)
async def test_bad_input_gets_one_sentence_and_the_right_exit_code(
    k8sops: Shell, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    """Never a traceback, never a raw control character, never 0."""
    done = await k8sops(*arguments)
    assert done.returncode == code, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert sentence in done.stderr
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr


async def test_doctor_says_who_and_where_one_is(k8sops: Shell) -> None:
    """The first command on a machine that does not work."""
    done = await k8sops("doctor")
    assert done.returncode == 0, done.stdout
    assert "the cluster knows you as kubernetes-admin" in done.stdout
    assert "you may scale" in done.stdout


async def test_doctor_exits_6_when_the_cluster_is_away(k8sops: Shell, tmp_path: Path) -> None:
    """And says which server did not answer."""
    config = tmp_path / "kubeconfig"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\n"
        "clusters: [{name: gone, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "contexts: [{name: gone, context: {cluster: gone, user: nobody}}]\n"
        "users: [{name: nobody, user: {}}]\n"
    )
    done = await k8sops("doctor", "--kubeconfig", str(config))
    assert done.returncode == 6, done.stdout
    assert "127.0.0.1:1" in done.stdout
