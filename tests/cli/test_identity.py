"""Enrolling, pinning and signing as people do it: commands, with credentials, folders and stores of their own."""

from __future__ import annotations

import base64
import stat
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.policy.keys import new_key
from k8sops.policy.load import load_policy
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.identity import REQUESTS, SIGNER
from k8sops.service.identity_request import build_request, request_name
from tests.support.command import Command, Told
from tests.support.persons import granted, rule
from tests.support.persons_at_door import kubeconfig_of, on_cluster
from tests.support.workloads import create, deployment, replicas_of

RIGHTS = (
    rule(REQUESTS.group, REQUESTS.plural, "create"),
    rule("", "namespaces", "get"),
    rule("", "pods", "list"),
    rule("apps", "deployments", "get", "list", "watch"),
    rule("apps", "deployments/scale", "get", "update"),
)


class Laptop:
    """A person's own machine: kubeconfig, folders, policy file."""

    def __init__(self, user: str, kubeconfig: Path, home: Path, namespace: str, command: Command) -> None:
        self.user = user
        self.kubeconfig = kubeconfig
        self.policy = home / "policy.yaml"
        self.key = home / "config" / "k8sops" / "keys" / "identity.pem"
        self._command = command
        self._environ = {
            "KUBECONFIG": str(kubeconfig),
            "K8SOPS_NAMESPACE": namespace,
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
        }

    def __call__(self, *arguments: str) -> Told:
        """Run `k8sops` here, without a terminal."""
        with pytest.MonkeyPatch.context() as environ:
            for name, value in self._environ.items():
                environ.setenv(name, value)
            if self.policy.exists():
                environ.setenv("K8SOPS_POLICY", str(self.policy))
            return self._command(*arguments)


@pytest.fixture
async def alice(
    command: Command, sandbox: SandboxHandle, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> AsyncIterator[Laptop]:
    """A person who may enrol, and scale."""
    user = f"alice-{uuid.uuid4().hex[:6]}@example.org"
    async with granted(cluster, user, *RIGHTS):
        yield laptop(sandbox, user, tmp_path / "alice", cluster_namespace, command)


@pytest.fixture
async def dora(
    command: Command, sandbox: SandboxHandle, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> AsyncIterator[Laptop]:
    """A person who may scale, and cannot tell which cluster it is."""
    user = f"dora-{uuid.uuid4().hex[:6]}"
    async with granted(cluster, user, *RIGHTS[2:]):
        yield laptop(sandbox, user, tmp_path / "dora", cluster_namespace, command)


@pytest.fixture
def administrator(command: Command, kubeconfig: Path, cluster_namespace: str, tmp_path: Path) -> Laptop:
    """Who pins keys; their credentials may read the requests."""
    home = tmp_path / "administrator"
    return Laptop("kubernetes-admin", kubeconfig, home, cluster_namespace, command)


@pytest.fixture
def web(sandbox: SandboxHandle, cluster_namespace: str) -> Callable[[], int]:
    """A deployment in the test's namespace; tells how many replicas are wanted."""
    body = deployment("web", cluster_namespace, replicas=1)
    on_cluster(sandbox, lambda cluster: create(cluster, body))
    return lambda: on_cluster(sandbox, lambda c: replicas_of(c, "deployments", "web", cluster_namespace))[0]


def laptop(sandbox: SandboxHandle, user: str, home: Path, namespace: str, command: Command) -> Laptop:
    """One with a certificate of the person's own."""
    home.mkdir()
    return Laptop(user, kubeconfig_of(sandbox, home, user, ["ops"]), home, namespace, command)


def write_policy(person: Laptop, uid: str, people: dict[str, object]) -> None:
    """A team's policy on this machine."""
    document = {
        "format": 1,
        "trust": "signed",
        "clusters": [{"uid": uid, "name": "demo", "environment": "staging"}],
        "people": people,
        "administrators": {"people": [*people]},
    }
    person.policy.write_text(yaml.safe_dump(document))


def test_a_person_enrols_an_administrator_checks_and_what_is_printed_pins_the_key(
    alice: Laptop, administrator: Laptop, cluster: KubeCluster, web: Callable[[], int]
) -> None:
    """The whole way from no key to a change that is signed, each at their own machine."""
    nothing = alice("identity", "show")
    assert nothing.code == 2
    assert "k8sops identity enrol" in nothing.err

    enrolled = alice("identity", "enrol", "-o", "json")
    assert enrolled.code == 0, enrolled.err
    mine = enrolled.document
    assert (mine["username"], mine["person"]) == (alice.user, "")
    assert stat.S_IMODE(alice.key.stat().st_mode) == 0o600
    told = alice("audit", "list", "-o", "json").document
    assert [one["code"] for one in told].count("identity.enrolled") == 1

    checked = administrator("identity", "attest", mine["key"]["id"], "--person", "alice")
    assert checked.code == 0, checked.err
    assert f"was sent by {alice.user}" in checked.err
    assert "ops" in checked.err
    write_policy(alice, cluster.info.uid, yaml.safe_load(checked.out)["people"])
    assert load_policy(alice.policy).trust == "signed"

    shown = alice("identity", "show")
    assert "pinned  alice" in shown.out
    assert "people:" not in shown.out
    doctor = alice("doctor")
    assert "pinned for you" in doctor.out
    scaled = alice("scale", "deployment/web", "--replicas", "2", "--yes", "-o", "json")
    assert scaled.code == 0, scaled.err
    assert web() == 2
    run = scaled.document["id"]
    told = alice("audit", "list", "-o", "json").document
    queued = next(one for one in told if one["code"] == "run.queued" and one["run"] == run)
    assert len(queued["statement"]) == 64

    withdrawn = administrator("identity", "withdraw", mine["key"]["public"])
    assert "was deleted" in withdrawn.out


@pytest.mark.usefixtures("web")
def test_where_things_are_signed_a_missing_key_is_said_in_one_sentence(
    alice: Laptop, cluster: KubeCluster
) -> None:
    """Before anything is put into the store that nobody would believe; and doctor says it before that."""
    write_policy(
        alice, cluster.info.uid, {"alice": {"cluster": [{"cluster": "demo", "username": alice.user}]}}
    )
    refused = alice("scale", "deployment/web", "--replicas", "2", "--yes")
    assert refused.code == 2
    assert "there is no key at" in refused.err
    assert "k8sops identity enrol" in refused.err
    looked = alice("scale", "deployment/web", "--replicas", "2", "--plan")
    assert looked.code == 0, looked.err
    assert "nothing can be signed here: there is no key" in alice("doctor").out
    alice("identity", "enrol")
    unpinned = alice("scale", "deployment/web", "--replicas", "2", "--yes")
    assert unpinned.code == 3
    assert "the policy does not pin it for any person" in unpinned.err


@pytest.mark.usefixtures("web")
def test_a_cluster_that_cannot_be_told_apart_takes_no_signatures(dora: Laptop, cluster: KubeCluster) -> None:
    """Without `get` on namespace kube-system nobody knows which cluster it is: one sentence says so."""
    write_policy(dora, cluster.info.uid, {"dora": {}})
    refused = dora("scale", "deployment/web", "--replicas", "2", "--yes")
    assert refused.code == 3
    assert "you may not read namespace kube-system" in refused.err


def test_a_request_made_in_somebody_elses_name_is_not_believed(
    alice: Laptop, administrator: Laptop, cluster: KubeCluster
) -> None:
    """Whatever stands in it: the API server writes who sent it, and the two must agree."""
    key = new_key()
    pem = build_request(key, cluster_uid=cluster.info.uid, username="bob@example.org")
    spec = {
        "request": base64.b64encode(pem).decode(),
        "signerName": SIGNER,
        "usages": ["digital signature"],
        "username": "bob@example.org",
        "groups": ["system:masters"],
    }
    manifest = {"metadata": {"name": request_name(key.key_id)}, "spec": spec}
    on_cluster(alice, lambda client: client.create(REQUESTS, manifest))
    refused = administrator("identity", "attest", key.public.text)
    assert refused.code == 3
    assert f"put forward by {alice.user}" in refused.err
    assert "people:" not in refused.out


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("nothing", "neither a public key, a key's id, nor a file"),
        ("ed25519:AAAA", "not an Ed25519 public key"),
        ("0123456789abcdef", "has no enrolment request for key"),
    ],
)
def test_what_is_no_key_is_refused_in_one_sentence(administrator: Laptop, given: str, sentence: str) -> None:
    """Whatever somebody pasted."""
    refused = administrator("identity", "attest", given)
    assert refused.code in {2, 3}
    assert sentence in refused.err
    assert "Traceback" not in refused.err
