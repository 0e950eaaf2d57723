"""What people get wrong, against a real API server: one sentence each, and the right exit code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.connect import UNVERIFIED, connect
from k8sops.cluster.discovery import Discovery
from k8sops.cluster.identity import Impersonation
from k8sops.core import errors
from k8sops.core.clock import SystemClock
from k8sops.core.errors import ExitCode, K8sOpsError
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from tests.support.certificates import Authority
from tests.support.kubeconfigs import b64, write

ALICE = Impersonation(user="alice", groups=("interns",))


async def connected(config: Path, **more: Any) -> KubeCluster:
    """A client by this kubeconfig."""
    given: dict[str, Any] = {"context": None, "impersonate": None, **more}
    return await connect(kubeconfig=[config], clock=SystemClock(), cluster_names={}, **given)


def altered(kubeconfig: Path, folder: Path, section: str, **fields: Any) -> Path:
    """A copy of the kubeconfig with its only cluster or user replaced in these fields."""
    content = yaml.safe_load(kubeconfig.read_text())
    for entry in content[f"{section}s"]:
        entry[section].update(fields)
    return write(folder / "altered", content)


def assert_one_sentence(error: K8sOpsError, exit_code: ExitCode) -> None:
    """Fit for a terminal: one line, nothing that moves a cursor, an exit code that scripts can rely on."""
    assert error.message.isprintable()
    assert len(error.message) < 400
    assert error.exit_code is exit_code


async def test_an_unknown_context(kubeconfig: Path) -> None:
    """Exit 2, and the contexts there are."""
    with pytest.raises(errors.UnknownContextError) as caught:
        await connected(kubeconfig, context="nope")
    assert_one_sentence(caught.value, ExitCode.USAGE)
    assert "contexts there: " in caught.value.hint


async def test_an_expired_client_certificate(kubeconfig: Path, tmp_path: Path) -> None:
    """The API server only says 401; we look at the certificate and say when it ended."""
    pair = Authority().issue("alice", client=True, expired=True)
    fields = {"client-certificate-data": b64(pair.certificate), "client-key-data": b64(pair.key)}
    with pytest.raises(
        errors.CredentialsError, match=r"client certificate of user .* expired on 20"
    ) as caught:
        await connected(altered(kubeconfig, tmp_path, "user", **fields))
    assert_one_sentence(caught.value, ExitCode.UNREACHABLE)


async def test_a_client_certificate_of_another_authority(kubeconfig: Path, tmp_path: Path) -> None:
    """A kubeconfig of a cluster that was made anew on the same address."""
    pair = Authority().issue("alice", client=True)
    fields = {"client-certificate-data": b64(pair.certificate), "client-key-data": b64(pair.key)}
    with pytest.raises(errors.CredentialsError, match="refused the credentials") as caught:
        await connected(altered(kubeconfig, tmp_path, "user", **fields))
    assert_one_sentence(caught.value, ExitCode.UNREACHABLE)


async def test_a_wrong_authority(kubeconfig: Path, tmp_path: Path) -> None:
    """Nothing is sent to a server that cannot prove itself."""
    fields = {"certificate-authority-data": b64(Authority().pem)}
    with pytest.raises(errors.TlsError, match="not signed by the authority") as caught:
        await connected(altered(kubeconfig, tmp_path, "cluster", **fields))
    assert_one_sentence(caught.value, ExitCode.UNREACHABLE)


async def test_a_name_the_servers_certificate_does_not_have(kubeconfig: Path, tmp_path: Path) -> None:
    """tls-server-name is checked, not just sent."""
    config = altered(kubeconfig, tmp_path, "cluster", **{"tls-server-name": "api.elsewhere"})
    with pytest.raises(errors.TlsError, match="for another name") as caught:
        await connected(config)
    assert_one_sentence(caught.value, ExitCode.UNREACHABLE)


@pytest.mark.parametrize("how", ["impersonated", "certificate"])
async def test_no_permission(
    sandbox: SandboxHandle, tmp_path: Path, cluster_namespace: str, how: str
) -> None:
    """Verb, resource, namespace and user: what has to be asked for. Such a cluster's uid is only a stand-in."""
    if how == "certificate":
        issued = SandboxManager(sandbox.folder.parent).kubeconfig_for(sandbox.name, "alice", ["interns"])
        config = tmp_path / "alice"
        config.write_bytes(issued)
        alice = await connected(config)
    else:
        alice = await connected(sandbox.kubeconfig, impersonate=ALICE)
    try:
        assert (await alice.whoami()).username == "alice"
        assert alice.info.uid.startswith(UNVERIFIED)
        deployments = await alice.resource("deploy")
        with pytest.raises(errors.ForbiddenError) as caught:
            await alice.get(deployments, "web", cluster_namespace)
    finally:
        await alice.aclose()
    assert_one_sentence(caught.value, ExitCode.FAILED)
    told = f'user "alice" may not get deployments.apps in namespace {cluster_namespace}'
    assert caught.value.message.endswith(told)


async def test_an_unknown_kind(cluster: KubeCluster) -> None:
    """With what was probably meant."""
    with pytest.raises(errors.UnknownKindError) as caught:
        await cluster.resource("deploymnet")
    assert_one_sentence(caught.value, ExitCode.USAGE)
    assert "deployments" in caught.value.hint


def definition(group: str) -> dict[str, Any]:
    """A CustomResourceDefinition whose kind and short name are the same in every group."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gizmos.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "gizmos", "singular": "gizmo", "kind": "Gizmo", "shortNames": ["gz"]},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


async def once_served(cluster: KubeCluster, groups: tuple[str, ...]) -> Discovery:
    """A discovery that found `gizmos` in each group: the server lists a kind a moment after it has established it."""
    async with asyncio.timeout(120):
        while True:
            fresh = Discovery(cluster.transport, SystemClock())
            served = {found.group for found in await fresh.resources() if found.plural == "gizmos"}
            if served.issuperset(groups):
                return fresh
            await asyncio.sleep(0.05)


async def test_an_ambiguous_short_name(cluster: KubeCluster) -> None:
    """Two extensions, one short name: a question back, and the long names work."""
    crds = await cluster.resource("crd")
    groups = ("one.test", "two.test")
    for group in groups:
        await cluster.create(crds, definition(group))
    try:
        fresh = await once_served(cluster, groups)
        with pytest.raises(errors.AmbiguousKindError) as caught:
            await fresh.resource("gz")
        assert_one_sentence(caught.value, ExitCode.USAGE)
        assert "gizmos.one.test or gizmos.two.test" in caught.value.message
        assert (await fresh.resource("gz.two.test")).group == "two.test"
    finally:
        for group in groups:
            await cluster.delete(crds, f"gizmos.{group}")


@pytest.mark.parametrize("name", ["web\x1b[31m", "web\n", "../web", "..", "a%2fb", ""])
async def test_a_name_that_is_none(cluster: KubeCluster, name: str) -> None:
    """Refused before it becomes a path or reaches a terminal."""
    with pytest.raises(errors.UsageError) as caught:
        await cluster.get(await cluster.resource("deploy"), name, "default")
    assert_one_sentence(caught.value, ExitCode.USAGE)


async def test_negative_replicas(cluster: KubeCluster, cluster_namespace: str) -> None:
    """The API server's own word, with the field's name."""
    deployments = await cluster.resource("deploy")
    await cluster.create(deployments, deployment(cluster_namespace))
    scale = await cluster.scale_of(deployments, "web", cluster_namespace)
    with pytest.raises(errors.InvalidError, match=r"spec\.replicas") as caught:
        await cluster.set_scale(
            deployments,
            "web",
            cluster_namespace,
            replicas=-1,
            uid=scale.uid,
            resource_version="",
        )
    assert_one_sentence(caught.value, ExitCode.FAILED)


def deployment(namespace: str) -> dict[str, Any]:
    """A Deployment of no replicas."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "c"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    metadata = {"name": "web", "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
