"""The commands on a real control plane, run as a script runs them: stdout, stderr and exit code.

Two are processes of their own; the others run in this one, where starting costs nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command, Told
from tests.support.persons_at_door import on_cluster
from tests.support.workloads import NEVER_READY, create, deployment, replicas_of


class Web:
    """The deployment `web` in the test's namespace."""

    def __init__(self, sandbox: SandboxHandle, namespace: str) -> None:
        self._sandbox = sandbox
        self.namespace = namespace

    def exists(self, annotations: dict[str, str] | None = None) -> None:
        """Create it, with one replica."""
        body = deployment("web", self.namespace, replicas=1, annotations=annotations)
        on_cluster(self._sandbox, lambda cluster: create(cluster, body))

    @property
    def replicas(self) -> tuple[int, int]:
        """How many are wanted, and how many are ready."""
        return on_cluster(self._sandbox, lambda c: replicas_of(c, "deployments", "web", self.namespace))


@pytest.fixture
def web(sandbox: SandboxHandle, cluster_namespace: str) -> Web:
    """To be made by the test."""
    return Web(sandbox, cluster_namespace)


@pytest.fixture
def k8sops(
    command: Command, kubeconfig: Path, cluster_namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """The program in the test's namespace."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_NAMESPACE", cluster_namespace)
    return command


@pytest.fixture
def k8sops_process(k8sops: Command) -> Callable[..., Told]:
    """The same as a process of its own, without a terminal."""

    def run(*arguments: str) -> Told:
        done = subprocess.run(
            [sys.executable, "-m", "k8sops", *arguments],
            capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return Told(done.returncode, done.stdout, done.stderr)

    return run


def test_plan_then_apply_exactly_that_plan(k8sops_process: Callable[..., Told], web: Web) -> None:
    """The way a careful script works: review, then apply by digest."""
    web.exists()
    looked = k8sops_process("scale", "deployment/web", "--replicas", "2", "--plan", "-o", "json")
    assert looked.code == 0, looked.err
    plan = json.loads(looked.out)
    assert (
        plan["summary"]
        == f"Safe: deployment {web.namespace}/web goes from 1 to 2 replicas; no running pod is touched."
    )
    assert web.replicas[0] == 1
    applied = k8sops_process(
        "scale", "deployment/web", "--replicas", "2", "--yes", "--digest", plan["digest"][:12], "-o", "json"
    )
    assert applied.code == 0, applied.err
    run = json.loads(applied.out)
    assert run["state"] == "succeeded"
    assert run["plan"]["digest"] == plan["digest"]
    assert web.replicas == (2, 2)


def test_another_plan_than_the_reviewed_one_is_not_applied(k8sops: Command, web: Web) -> None:
    """Exit 7, and nothing written."""
    web.exists()
    done = k8sops("scale", "deployment/web", "--replicas", "2", "--yes", "--digest", "0123456789ab")
    assert done.code == 7
    assert "not the reviewed one" in done.err
    assert web.replicas[0] == 1


def test_without_terminal_and_without_yes_nothing_is_done(
    k8sops_process: Callable[..., Told], web: Web
) -> None:
    """A cron job that forgot --yes must not change a cluster."""
    web.exists()
    done = k8sops_process("scale", "deployment/web", "--replicas", "2")
    assert done.code == 2
    assert "no terminal to ask at" in done.err
    assert "--yes --digest" in done.err
    assert web.replicas[0] == 1


def test_a_scale_that_does_not_get_ready_fails_and_says_why(k8sops: Command, web: Web) -> None:
    """Exit 1, the pods and their trouble, the way back."""
    web.exists(NEVER_READY)
    done = k8sops("scale", "deployment/web", "--replicas", "2", "--yes", "--timeout", "15s")
    assert done.code == 1
    assert "are ready after 15 s (web-" in done.err
    assert "to go back: k8sops scale deployments/web --replicas 1" in done.err


def test_get_prints_what_kubectl_prints(k8sops: Command, web: Web) -> None:
    """The columns people know."""
    web.exists()
    done = k8sops("get", "deploy")
    assert done.out.split("\n")[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    everywhere = k8sops("get", "deploy", "-A")
    assert everywhere.out.split("\n")[0].split()[0] == "NAMESPACE"
    one = k8sops("get", "deployment/web", "-o", "json")
    assert json.loads(one.out)["metadata"]["name"] == "web"


def test_an_empty_namespace_is_no_failure_nor_is_one_that_a_kind_has_none_of(k8sops: Command) -> None:
    """A script asks whether there is something; only a name that is wrong is an error."""
    calm = k8sops("get", "ingresses")
    assert (calm.code, calm.out) == (0, "")
    assert calm.err.startswith("No ingresses.networking.k8s.io found in namespace ")
    no_such_class = ("get", "priorityclasses", "--field-selector", "metadata.name=none", "-n", "nope")
    assert k8sops(*no_such_class).err == "No priorityclasses.scheduling.k8s.io found.\n"
    assert k8sops(*no_such_class, "-o", "json").document["items"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("get", "pod", "nope"), 1, "nope"),
        (("get", "gizmos"), 2, "gizmos"),
        (("get", "pods", "-l", "a in"), 2, "the selector 'a in' is refused as invalid"),
        (("get", "pods", "-w", "-l", "a in"), 2, "the selector 'a in' is refused as invalid"),
        (
            ("get", "pods", "-n", "defualt"),
            1,
            "namespace defualt does not exist\nhint: did you mean default?",
        ),
        (("get", "deploy,sts", "-n", "nope"), 1, "namespace nope does not exist"),
        (("get", "pod", "web", "-n", "nope"), 1, "namespace nope does not exist"),
        (("get", "pods", "-n", "nope", "-w"), 1, "namespace nope does not exist"),
        (("get", "pods", "-n", "nope", "-o", "json"), 1, "namespace nope does not exist"),
        (("get", "pods", "--context", "nowhere"), 2, "nowhere"),
        (("scale", "deployment/nope", "--replicas", "1"), 1, "nope"),
        (("scale", "deployment/web", "--replicas", "many"), 2, "replicas should be a number from 0 on"),
        (("scale", "deployment/w\x1bb", "--replicas", "1"), 2, "U+001B"),
        (("scale", "web", "--replicas", "1"), 2, "KIND/NAME"),
        (("scale", "configmap/kube-root-ca.crt", "--replicas", "1"), 2, "scale"),
        (("cordon", "nope"), 1, "there is no node nope"),
        (("cordon",), 2, "name nodes or give --selector"),
    ],
)
def test_bad_input_gets_one_sentence_and_the_right_exit_code(
    k8sops: Command, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    """Never a traceback, never a raw control character, never 0."""
    done = k8sops(*arguments)
    assert done.code == code, done.err
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.err
    assert sentence in done.err
    assert "\x1b" not in done.err
    assert "Traceback" not in done.err


def test_doctor_says_who_and_where_one_is(k8sops: Command) -> None:
    """The first command on a machine that does not work."""
    done = k8sops("doctor")
    assert done.code == 0, done.out
    assert "the cluster knows you as kubernetes-admin" in done.out
    assert "you may scale" in done.out


def test_doctor_exits_6_when_the_cluster_is_away(k8sops: Command, tmp_path: Path) -> None:
    """And says which server did not answer."""
    config = tmp_path / "kubeconfig"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\n"
        "clusters: [{name: gone, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "contexts: [{name: gone, context: {cluster: gone, user: nobody}}]\n"
        "users: [{name: nobody, user: {}}]\n"
    )
    done = k8sops("doctor", "--kubeconfig", str(config))
    assert done.code == 6, done.out
    assert "127.0.0.1:1" in done.out
