"""A cluster as a carrier sees it: `core.ports.Cluster` on a real API server.

Made by `connect`. `run_view.view_for_run` gives a view for one run; the pool belongs to the cluster it was taken from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from k8sops.cluster.client_reads import ClusterReads
from k8sops.cluster.client_writes import ClusterWrites
from k8sops.cluster.identity import Impersonation


class KubeCluster(ClusterReads, ClusterWrites):
    """Reads and mutations over one pool of connections; close it with `aclose`."""

    def for_run(self, run_id: str, impersonation: Impersonation | None = None) -> KubeCluster:
        """The same cluster, its requests carrying the run's id to the API server's audit log.

        `run_view.view_for_run` checks what it is given and asks what may be sent; this does not.
        """
        transport = self.transport.for_run(run_id, impersonation)
        return KubeCluster(transport, self.info, self.discovery, self.clock)

    def acting_as(self, impersonation: Impersonation) -> KubeCluster:
        """The same cluster, every request made as that user; `run_view.view_as` checks whom it is given."""
        return KubeCluster(self.transport.acting_as(impersonation), self.info, self.discovery, self.clock)

    def gated(self, gate: Callable[[], Awaitable[None]]) -> KubeCluster:
        """The same cluster, `gate` asked before each attempt of a mutation."""
        return KubeCluster(self.transport.gated(gate), self.info, self.discovery, self.clock)

    async def aclose(self) -> None:
        """Close the connections. Idempotent; on a `for_run` view it does nothing."""
        await self.transport.aclose()
