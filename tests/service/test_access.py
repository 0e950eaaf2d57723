"""What the API server says of who asks and who approves, and whether it is the cluster the policy means."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.credentials_tls import Trust, authority_pins
from k8sops.core.actor import Actor
from k8sops.core.errors import DeniedError
from k8sops.core.ops import Ops
from k8sops.core.run import RunState, Vote
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.service import open_ops
from k8sops.service.clusters import OneCluster, cluster_refused
from k8sops.service.config import Config
from k8sops.service.policies import policy_of
from tests.support.persons import granted, rule
from tests.support.workloads import create, deployment

LOOKS = (
    rule("", "namespaces", "get"),
    rule("", "pods", "list", "watch"),
    rule("apps", "deployments", "get", "list", "watch"),
    rule("apps", "deployments/scale", "get"),
)
CHANGES = rule("apps", "deployments/scale", "update")
NOBODYS = "sha256:" + "00" * 32


class Desk:
    """A team of two on one namespace, a policy between them, and a store on this machine."""

    def __init__(
        self, sandbox: SandboxHandle, cluster: KubeCluster, namespace: str, folder: Path, **policy: Any
    ) -> None:
        self.namespace = namespace
        self.names = {name: f"{name}-{uuid.uuid4().hex[:6]}" for name in ("alice", "bob")}
        self._sandbox = sandbox
        self._folder = folder
        self.policy = folder / "policy.yaml"
        pin = {"uid": cluster.info.uid, "name": "demo", "environment": "staging", **policy.pop("pin", {})}
        people = {
            name: {"cluster": [{"cluster": "demo", "username": user}]} for name, user in self.names.items()
        }
        self.policy.write_text(
            yaml.safe_dump({"format": 1, "clusters": [pin], "people": people, **policy}), "utf-8"
        )

    @asynccontextmanager
    async def at(self, person: str) -> AsyncIterator[tuple[Ops, Actor]]:
        """A person's program."""
        user = self.names[person]
        path = self._folder / f"{user}.kubeconfig"
        path.touch(mode=0o600)
        manager = SandboxManager(self._sandbox.folder.parent)
        path.write_bytes(manager.kubeconfig_for(self._sandbox.name, user, ()))
        config = Config(
            kubeconfig=(path,),
            namespace=self.namespace,
            policy=self.policy,
            database_url=f"sqlite:///{self._folder}/k8sops.db",
        )
        async with open_ops(config) as ops:
            yield ops, Actor(name=user, auth="self_subject_review")


async def test_a_plan_whose_requester_may_not_do_it_themselves_is_blocked(
    sandbox: SandboxHandle, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """Carried out as a service identity it would lend them that identity's powers; the blocker names what they lack."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    desk = Desk(sandbox, cluster, cluster_namespace, tmp_path, access_review={"requester": True})
    wanted = {"target": "deployment/web", "replicas": 2}
    async with granted(cluster, desk.names["alice"], *LOOKS):
        async with desk.at("alice") as (ops, actor):
            run = await ops.propose("scale", wanted, actor)
            assert [finding.code for finding in run.plan.blockers] == ["access"]
            assert f"update deployments/scale web in {cluster_namespace}" in run.plan.blockers[0].text
            assert run.plan.decision is not None
            assert run.plan.decision.effect == "deny"
        async with granted(cluster, desk.names["alice"], CHANGES), desk.at("alice") as (ops, actor):
            assert (await ops.preview("scale", wanted, actor)).plan.blockers == ()


async def test_an_approver_who_may_not_do_it_themselves_does_not_approve(
    sandbox: SandboxHandle, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """Where the policy asks that of approvers; saying no takes no right."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    always = {"low": {"effect": "approve"}}
    desk = Desk(
        sandbox, cluster, cluster_namespace, tmp_path, access_review={"approvers": True}, baseline=always
    )
    async with (
        granted(cluster, desk.names["alice"], *LOOKS, CHANGES),
        granted(cluster, desk.names["bob"], *LOOKS),
    ):
        async with desk.at("alice") as (ops, actor):
            run = await ops.propose("scale", {"target": "deployment/web", "replicas": 2}, actor)
        async with desk.at("bob") as (ops, actor):
            with pytest.raises(DeniedError, match=r"does not allow them to update deployments/scale web"):
                await ops.decide(run.id, Vote(verdict="approve", digest=run.plan.digest), actor)
            denied = await ops.decide(run.id, Vote(verdict="deny", digest=run.plan.digest), actor)
    assert denied.state is RunState.DENIED


async def test_a_cluster_that_shows_another_authority_is_not_the_one_policy_means(
    sandbox: SandboxHandle, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """Anybody's cluster can have the same uid, nobody else's the pinned authority. No plan is made there."""
    await create(cluster, deployment("web", cluster_namespace, replicas=1))
    desk = Desk(sandbox, cluster, cluster_namespace, tmp_path, pin={"ca_fingerprint": NOBODYS})
    async with granted(cluster, desk.names["alice"], *LOOKS), desk.at("alice") as (ops, actor):
        with pytest.raises(DeniedError, match="shows another certificate authority than the policy pins"):
            await ops.preview("scale", {"target": "deployment/web", "replicas": 2}, actor)


async def test_a_carrier_on_such_a_cluster_neither_reads_nor_writes_for_a_run(
    cluster: KubeCluster, tmp_path: Path
) -> None:
    """Its own policy file says which cluster is meant; here it runs with a pin that is right, and one that is not."""
    seen = {}
    for name, pin in (("right", cluster.transport.credentials.authorities[0]), ("wrong", NOBODYS)):
        path = tmp_path / f"{name}.yaml"
        entry = {"uid": cluster.info.uid, "name": "demo", "environment": "staging", "ca_fingerprint": pin}
        path.write_text(yaml.safe_dump({"format": 1, "clusters": [entry]}))
        seen[name] = cluster_refused(policy_of(Config(policy=path)), cluster)
    assert seen["right"] == ""
    carried = OneCluster(cluster, (), lambda _: None, refused=seen["wrong"])
    with pytest.raises(DeniedError, match="another certificate authority"):
        carried.reader(cluster.info.uid)


async def test_every_authority_that_would_be_believed_counts(sandbox: SandboxHandle) -> None:
    """One more in the bundle could vouch for another cluster; none at all vouches for nobody."""
    pem = (sandbox.folder / "pki" / "cluster-ca.crt").read_bytes()
    fingerprint = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()
    assert authority_pins(Trust(authority=pem)) == (f"sha256:{fingerprint}",)
    other = next(
        path.read_bytes()
        for path in sorted((sandbox.folder / "pki").glob("*.crt"))
        if hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(pem).digest()
    )
    assert len(authority_pins(Trust(authority=pem + b"\n" + other))) == 2
    assert authority_pins(Trust(authority=pem, verify=False)) == ()
    assert authority_pins(Trust()) == ()
