"""Fixtures of the drain's tests on a real control plane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from k8sops.core.ops import Ops
from k8sops.core.ports import Cluster
from tests.actions.drain.ground import Ground, service


@pytest.fixture
async def ground(cluster: Cluster, cluster_namespace: str) -> AsyncIterator[Ground]:
    """A pool of nodes of the test's own."""
    made = Ground(cluster, cluster_namespace)
    yield made
    await made.remove()


@pytest.fixture
async def ops(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Ops]:
    """The service on a store of the test's own."""
    async with service(kubeconfig, tmp_path) as opened:
        yield opened
