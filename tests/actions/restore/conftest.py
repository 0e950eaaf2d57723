"""A namespace of the shared control plane and an empty repository."""

from __future__ import annotations

import pytest

from k8sops.cluster.client import KubeCluster
from tests.actions.restore.restoring import RestoreDesk


@pytest.fixture
def desk(cluster: KubeCluster, cluster_namespace: str) -> RestoreDesk:
    """Backups and restores of the test's own namespace."""
    return RestoreDesk(cluster, cluster_namespace)
