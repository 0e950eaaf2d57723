"""Enrolling, pinning and signing as people do it: commands, with credentials, folders and stores of their own."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.policy.keys import new_key
from k8sops.policy.load import load_policy
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.service.identity import REQUESTS, SIGNER
from k8sops.service.identity_request import build_request, request_name
from tests.support.clients import client_of
from tests.support.persons import granted, rule
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

    def __init__(self, user: str, kubeconfig: Path, home: Path, namespace: str) -> None:
        self.user = user
        self.kubeconfig = kubeconfig
        self.policy = home / "policy.yaml"
        self.key = home / "config" / "k8sops" / "keys" / "identity.pem"
        self._environ = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "K8SOPS_NAMESPACE": namespace,
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
        }

    async def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `k8sops` here, without a terminal."""
        policy = {"K8SOPS_POLICY": str(self.policy)} if self.policy.exists() else {}
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "k8sops", *arguments],
            env={**self._environ, **policy},
            capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
async def alice(
    sandbox: SandboxHandle, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> AsyncIterator[Laptop]:
    """A person who may enrol, and scale."""
    user = f"alice-{uuid.uuid4().hex[:6]}@example.org"
    async with granted(cluster, user, *RIGHTS):
        yield laptop(sandbox, user, tmp_path / "alice", cluster_namespace)


@pytest.fixture
def administrator(kubeconfig: Path, cluster_namespace: str, tmp_path: Path) -> Laptop:
    """Who pins keys; their credentials may read the requests."""
    return Laptop("kubernetes-admin", kubeconfig, tmp_path / "administrator", cluster_namespace)


def laptop(sandbox: SandboxHandle, user: str, home: Path, namespace: str) -> Laptop:
    """One with a certificate of the person's own."""
    home.mkdir()
    kubeconfig = home / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_bytes(SandboxManager(sandbox.folder.parent).kubeconfig_for(sandbox.name, user, ["ops"]))
    return Laptop(user, kubeconfig, home, namespace)


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


async def test_a_person_enrols_an_administrator_checks_and_what_is_printed_pins_the_key(
    alice: Laptop, administrator: Laptop, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The whole way from no key to a change that is signed, each at their own machine."""
    nothing = await alice("identity", "show")
    assert nothing.returncode == 2
    assert "k8sops identity enrol" in nothing.stderr

    enrolled = await alice("identity", "enrol", "-o", "json")
    assert enrolled.returncode == 0, enrolled.stderr
    mine = json.loads(enrolled.stdout)
    assert (mine["username"], mine["person"]) == (alice.user, "")
    assert stat.S_IMODE(alice.key.stat().st_mode) == 0o600
    told = json.loads((await alice("audit", "list", "-o", "json")).stdout)
    assert [one["code"] for one in told].count("identity.enrolled") == 1

    checked = await administrator("identity", "attest", mine["key"]["id"], "--person", "alice")
    assert checked.returncode == 0, checked.stderr
    assert f"was sent by {alice.user}" in checked.stderr
    assert "ops" in checked.stderr
    write_policy(alice, cluster.info.uid, yaml.safe_load(checked.stdout)["people"])
    assert load_policy(alice.policy).trust == "signed"

    shown = await alice("identity", "show")
    assert "pinned  alice" in shown.stdout
    assert "people:" not in shown.stdout
    doctor = await alice("doctor")
    assert "pinned for you" in doctor.stdout
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    scaled = await alice("scale", "deployment/web", "--replicas", "2", "--yes", "-o", "json")
    assert scaled.returncode == 0, scaled.stderr
    assert (await replicas_of(cluster, "deployments", "web", cluster_namespace))[0] == 2
    run = json.loads(scaled.stdout)["id"]
    told = json.loads((await alice("audit", "list", "-o", "json")).stdout)
    queued = next(one for one in told if one["code"] == "run.queued" and one["run"] == run)
    assert len(queued["statement"]) == 64

    withdrawn = await administrator("identity", "withdraw", mine["key"]["public"])
    assert "was deleted" in withdrawn.stdout


async def test_where_things_are_signed_a_missing_key_is_said_in_one_sentence(
    alice: Laptop, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Before anything is put into the store that nobody would believe; and doctor says it before that."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    write_policy(
        alice, cluster.info.uid, {"alice": {"cluster": [{"cluster": "demo", "username": alice.user}]}}
    )
    refused = await alice("scale", "deployment/web", "--replicas", "2", "--yes")
    assert refused.returncode == 2
    assert "there is no key at" in refused.stderr
    assert "k8sops identity enrol" in refused.stderr
    looked = await alice("scale", "deployment/web", "--replicas", "2", "--plan")
    assert looked.returncode == 0, looked.stderr
    assert "nothing can be signed here: there is no key" in (await alice("doctor")).stdout
    await alice("identity", "enrol")
    unpinned = await alice("scale", "deployment/web", "--replicas", "2", "--yes")
    assert unpinned.returncode == 3
    assert "the policy does not pin it for any person" in unpinned.stderr


async def test_a_cluster_that_cannot_be_told_apart_takes_no_signatures(
    sandbox: SandboxHandle, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """Without `get` on namespace kube-system nobody knows which cluster it is: one sentence says so."""
    user = f"dora-{uuid.uuid4().hex[:6]}"
    async with granted(cluster, user, *RIGHTS[2:]):
        dora = laptop(sandbox, user, tmp_path / "dora", cluster_namespace)
        await create(cluster, deployment("web", cluster_namespace, replicas=1))
        write_policy(dora, cluster.info.uid, {"dora": {}})
        refused = await dora("scale", "deployment/web", "--replicas", "2", "--yes")
    assert refused.returncode == 3
    assert "you may not read namespace kube-system" in refused.stderr


async def test_a_request_made_in_somebody_elses_name_is_not_believed(
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
    async with client_of(alice.kubeconfig) as client:
        await client.create(REQUESTS, {"metadata": {"name": request_name(key.key_id)}, "spec": spec})
    refused = await administrator("identity", "attest", key.public.text)
    assert refused.returncode == 3
    assert f"put forward by {alice.user}" in refused.stderr
    assert "people:" not in refused.stdout


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("nothing", "neither a public key, a key's id, nor a file"),
        ("ed25519:AAAA", "not an Ed25519 public key"),
        ("0123456789abcdef", "has no enrolment request for key"),
    ],
)
async def test_what_is_no_key_is_refused_in_one_sentence(
    administrator: Laptop, given: str, sentence: str
) -> None:
    """Whatever somebody pasted."""
    refused = await administrator("identity", "attest", given)
    assert refused.returncode in {2, 3}
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
