"""The composition root: from configuration to the one interface a door sees.

`open_ops` connects and builds everything; `k8sops.service.catalog` lists the actions without importing any of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from k8sops.core.ports import Ops
    from k8sops.service.config import Config


@asynccontextmanager
async def open_ops(config: Config) -> AsyncIterator[Ops]:
    """Connect to the configured cluster and offer `Ops` on it until the block ends.

    Runs still going when the block ends are cancelled safely, each saying what it had done. Raises UnreachableError,
    CredentialsError, UnknownContextError.
    """
    from k8sops.cluster.connect import connect
    from k8sops.cluster.readonly import ReadOnlyCluster
    from k8sops.core.clock import SystemClock, UlidSource
    from k8sops.service.local import LocalOps

    clock = SystemClock()
    cluster = await connect(
        context=config.context or None,
        kubeconfig=config.kubeconfig or None,
        impersonate=config.impersonation(),
        clock=clock,
        cluster_names=config.cluster_names(),
    )
    ops = LocalOps(
        cluster,
        reader=ReadOnlyCluster(cluster),
        clock=clock,
        ids=UlidSource(),
        default_namespace=config.namespace or cluster.default_namespace,
    )
    try:
        yield ops
    finally:
        await ops.aclose()
        await cluster.aclose()
