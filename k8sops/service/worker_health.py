"""What a worker says of itself to a supervisor: whether it is ready, and its figures."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from sqlalchemy import func, select

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import K8sOpsError
from k8sops.engine.carrier import EmbeddedCarrier
from k8sops.engine.health import Check, Figures
from k8sops.engine.schedules.firing import Scheduler
from k8sops.engine.schedules.gauge import pulse
from k8sops.engine.timing import LEASE_TTL_S
from k8sops.store.audit_rows import audit_head_of
from k8sops.store.database import Database, Tx
from k8sops.store.leases import CARRIED
from k8sops.store.schema import runs

STALLED_S: Final = 15.0
"""Both loops come round within a second; a store that is away ends a round, and is what this tells of."""


class StalledError(K8sOpsError):
    """A loop of the worker has not come round for too long."""

    code: ClassVar[str] = "stalled"


def readiness(
    database: Database, cluster: KubeCluster, carrier: EmbeddedCarrier, scheduler: Scheduler | None
) -> dict[str, Check]:
    """What has to be well for new work to be taken on."""

    async def store() -> None:
        await database.read(lambda tx: tx.now())

    async def api_server() -> None:
        # Answered only where the credentials still hold.
        await cluster.whoami()

    async def carrying() -> None:
        came_round(carrier.last_round)

    async def scheduling() -> None:
        came_round(scheduler.last_round if scheduler else float("inf"))

    checks: dict[str, Check] = {"store": store, "cluster": api_server, "carrier": carrying}
    return {**checks, "scheduler": scheduling} if scheduler else checks


def figures(tx: Tx, carrying: int | None) -> Figures:
    """For /metrics."""
    states = {
        row.state: int(row.many)
        for row in tx.execute(select(runs.c.state, func.count().label("many")).group_by(runs.c.state))
    }
    now = tx.lease_time()
    until = select(func.min(runs.c.lease_until)).where(
        runs.c.state.in_(CARRIED), runs.c.lease_boot == now.boot
    )
    soonest = tx.execute(until).scalar_one_or_none()
    beat = pulse(tx)
    return Figures(
        runs=states,
        oldest_lease_s=0.0 if soonest is None else max(0.0, LEASE_TTL_S - (soonest - now.seconds)),
        schedule_lateness_s=beat.lateness_s,
        open_firings=beat.open,
        paused_schedules=beat.paused,
        audit_seq=audit_head_of(tx)[0],
        carrying=carrying,
    )


def came_round(last_round: float) -> None:
    """Raise StalledError where that is too long ago, on the running loop's clock."""
    silent = asyncio.get_running_loop().time() - last_round
    if silent > STALLED_S:
        raise StalledError(f"it has not come round for {silent:.0f} s")
