"""The drain action: its plan is made in `planning`, carried out in `executing`."""

from __future__ import annotations

from typing import ClassVar

from k8sops.actions.drain.executing import Execution
from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.planning import plan_drain
from k8sops.core.clock import Clock
from k8sops.core.journal import Journal
from k8sops.core.plan import Plan
from k8sops.core.ports import Cluster, ClusterReader

__all__ = ["Drain", "DrainParams"]


class Drain:
    """Moves all pods off nodes."""

    name: ClassVar[str] = "drain"
    version: ClassVar[int] = 1

    async def plan(self, params: DrainParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Say what happens to each pod."""
        return await plan_drain(self, params, cluster, clock)

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Cordon, evict, wait. Raises PartialError, WaitError, BlockedError; see `executing`."""
        if plan.steps:
            await Execution(plan, DrainParams.model_validate(plan.params), cluster, journal).go()
