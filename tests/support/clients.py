"""The program's own client and the transport below it, for tests that need one besides the `cluster` fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.connect import connect
from k8sops.cluster.credentials import load_credentials
from k8sops.cluster.identity import Impersonation
from k8sops.cluster.transport import Transport
from k8sops.core.clock import Clock, SystemClock


@asynccontextmanager
async def client_of(
    kubeconfig: Path, *, impersonate: Impersonation | None = None, clock: Clock | None = None
) -> AsyncIterator[KubeCluster]:
    """A client of a kubeconfig's current context, closed at the end."""
    found = await connect(
        context=None,
        kubeconfig=(kubeconfig,),
        impersonate=impersonate,
        clock=clock or SystemClock(),
        cluster_names={},
    )
    try:
        yield found
    finally:
        await found.aclose()


@asynccontextmanager
async def transport_of(
    kubeconfig: Path, *, impersonate: Impersonation | None = None, **more: Any
) -> AsyncIterator[Transport]:
    """A transport with a kubeconfig's credentials, whatever this process's environment says, closed at the end."""
    credentials = await load_credentials(kubeconfig=[kubeconfig], impersonate=impersonate, environ={})
    transport = Transport(credentials, **more)
    try:
        yield transport
    finally:
        await transport.aclose()
