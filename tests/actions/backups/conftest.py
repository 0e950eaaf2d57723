"""A namespace of the shared control plane and an empty repository."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from k8sops.cluster.client import KubeCluster
from tests.actions.backups.backing_up import Desk


@pytest.fixture
async def backups(cluster: KubeCluster, cluster_namespace: str) -> Desk:
    """Backups of the test's own namespace, once it holds what controllers put into every one."""
    for kind, name in (("configmaps", "kube-root-ca.crt"), ("serviceaccounts", "default")):
        resource = await cluster.resource(kind)
        async with asyncio.timeout(180), aclosing(cluster.watch(resource, cluster_namespace)) as events:
            async for event in events:
                if event.object.get("metadata", {}).get("name") == name:
                    break
    return Desk(cluster, cluster_namespace)
