"""The service on the shared control plane, in a namespace of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from k8sops.service import open_ops
from k8sops.service.config import Config
from tests.support.desk import Desk


@pytest.fixture
async def desk(kubeconfig: Path, cluster_namespace: str) -> AsyncIterator[Desk]:
    """The service, in the test's namespace."""
    async with open_ops(Config(kubeconfig=(kubeconfig,))) as ops:
        yield Desk(ops, cluster_namespace)
