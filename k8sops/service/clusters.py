"""The cluster a process is connected to, as carriers reach it: for planning again, and for carrying out as somebody.

A run is carried as this process's own user, or by impersonation as the policy file of this process says; what the
store says of identities is only a name to look up there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.identity import Impersonation
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.cluster.run_view import view_for_run
from k8sops.core.errors import DeniedError, UsageError
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.run import RunId
from k8sops.engine.port import Gate
from k8sops.policy.policy import Policy

OWN: Final = "user:"


class OneCluster:
    """`engine.port.Clusters` over one connection."""

    def __init__(
        self,
        cluster: KubeCluster,
        own: Collection[str],
        impersonated: Callable[[str], Impersonation | None],
        *,
        refused: str = "",
    ) -> None:
        """`refused` says why this is not the cluster the policy means; then nothing is done on it."""
        self._cluster = cluster
        self._own = own
        self._impersonated = impersonated
        self._refused = refused

    def reader(self, cluster_uid: str) -> ClusterReader:
        """A view that can only read."""
        self._check(cluster_uid)
        return ReadOnlyCluster(self._cluster)

    async def writer(self, cluster_uid: str, run: RunId, execute_as: str, gate: Gate) -> Cluster:
        """A view for one run. Raises DeniedError where this process may not act as that identity."""
        self._check(cluster_uid)
        if execute_as in self._own:
            view = await view_for_run(self._cluster, run)
        else:
            whom = self._impersonated(execute_as)
            if whom is None:
                raise DeniedError(
                    f"run {run} is to be carried out as {execute_as}, which this process's policy does not allow"
                )
            view = await view_for_run(self._cluster, run, impersonate=whom)
        return view.gated(gate)

    def _check(self, cluster_uid: str) -> None:
        if cluster_uid != self._cluster.info.uid:
            raise UsageError(f"this process is connected to {self._cluster.info.name}, not to {cluster_uid}")
        if self._refused:
            raise DeniedError(self._refused)


def cluster_refused(policy: Policy, cluster: KubeCluster) -> str:
    """Why this may not be the cluster the policy means by its uid; empty where it may.

    Whoever else's authority would be believed, too, could show the same uid: all of them must be the pinned one.
    """
    uid = cluster.info.uid
    authorities = cluster.transport.credentials.authorities or ("",)
    return next((why for one in authorities if (why := policy.cluster_refused(uid, one))), "")
