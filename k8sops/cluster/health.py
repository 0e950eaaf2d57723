"""How the control plane says it is: the API server's own checks, and whether the other two still renew their leases.

Sources: /readyz (Kubernetes API health endpoints), the Leases kube-scheduler and kube-controller-manager elect their
leaders by (coordination.k8s.io/v1). A control plane of one replica may keep none; then nothing is said of them.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import ForbiddenError, NotFoundError
from k8sops.core.ports import ClusterReader

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

LEADERS: Final = ("kube-scheduler", "kube-controller-manager")
SILENT: Final = timedelta(seconds=60)
"""Whoever has not renewed its lease for so long does not lead any more."""
DEADLINE_S: Final = 10.0


async def ask_ready(transport: Transport) -> None:
    """Return if the API server says that it is ready. Raises ServerError with what is not, ForbiddenError."""
    await transport.request(
        "GET", "/readyz", accept="*/*", deadline_s=DEADLINE_S, subject="whether the API server is ready"
    )


async def leaders(reader: ClusterReader) -> list[tuple[str, str, datetime]]:
    """Control plane components that elect a leader: who it is, and when that one last renewed its lease."""
    leases, found = await reader.resource("leases.coordination.k8s.io"), []
    for name in LEADERS:
        with suppress(NotFoundError, ForbiddenError):
            spec = (await reader.get(leases, name, "kube-system")).get("spec") or {}
            renewed = parse_rfc3339(spec["renewTime"]) if spec.get("renewTime") else None
            if renewed is not None:
                found.append((name, str(spec.get("holderIdentity") or "nobody"), renewed))
    return found
