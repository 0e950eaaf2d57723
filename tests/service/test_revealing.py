"""Showing a Secret's values on a real control plane: on record first, or not at all; on both stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditFilter
from k8sops.core.errors import NotFoundError, UnreachableError
from k8sops.core.plan import JsonObject
from k8sops.service import open_ops
from k8sops.service.audit_trail import open_audit
from k8sops.service.config import Config

ALICE = Actor(name="alice", surface="tui")
VALUE = "made-up-value"


def _secret(namespace: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "token", "namespace": namespace},
        "stringData": {"token": VALUE},
    }


async def test_a_look_at_a_secret_is_on_record_without_its_values(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str, store_url: str
) -> None:
    """Who knew the password is the first question after a leak."""
    made = await cluster.create(await cluster.resource("secrets"), _secret(cluster_namespace))
    config = Config(kubeconfig=(kubeconfig,), namespace=cluster_namespace, database_url=store_url)
    async with open_ops(config) as ops:
        found = await (await ops.reading()).reveal("token", "", ALICE)
        assert found["data"]["token"] == "bWFkZS11cC12YWx1ZQ=="
        with pytest.raises(NotFoundError):
            await (await ops.reading()).reveal("other", "", ALICE)
    async with open_audit(config) as trail:
        (one,) = await trail.find(AuditFilter(code="session.secret_view"))
    assert one.record is not None
    assert one.record.actor is not None
    assert one.record.actor.name == ALICE.name
    (about,) = one.record.objects
    assert (about.kind, about.name, about.namespace) == ("secrets", "token", cluster_namespace)
    assert about.uid == made["metadata"]["uid"]
    assert one.record.data == {"keys": ["token"]}
    assert VALUE not in str(one.document)


async def test_without_a_store_to_record_in_nothing_is_shown(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """A look that leaves no trace is what the trail exists to prevent."""
    await cluster.create(await cluster.resource("secrets"), _secret(cluster_namespace))
    config = Config(
        kubeconfig=(kubeconfig,), namespace=cluster_namespace, database_url="postgresql://x@127.0.0.1:9/none"
    )
    async with open_ops(config) as ops:
        with pytest.raises(UnreachableError):
            await (await ops.reading()).reveal("token", "", ALICE)
