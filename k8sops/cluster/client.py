"""A cluster as a carrier sees it: `core.ports.Cluster` on a real API server.

Made by `connect`. `for_run` gives a view for one run's requests; the pool belongs to the cluster it was taken from.
"""

from __future__ import annotations

from k8sops.cluster.client_reads import ClusterReads
from k8sops.cluster.client_writes import ClusterWrites


class KubeCluster(ClusterReads, ClusterWrites):
    """Reads and mutations over one pool of connections; close it with `aclose`."""

    def for_run(self, run_id: str) -> KubeCluster:
        """The same cluster, its requests carrying the run's id to the API server's audit log."""
        return KubeCluster(self.transport.for_run(run_id), self.info, self.discovery, self.clock)

    async def aclose(self) -> None:
        """Close the connections. Idempotent; on a `for_run` view it does nothing."""
        await self.transport.aclose()
