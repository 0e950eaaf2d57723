"""The composition root: from configuration to the interfaces a door sees.

`open_ops` connects to the cluster; the store opens itself when something is first put on record, so that no read
waits for it. `open_records` opens the store alone. `k8sops.service.catalog` lists the actions without importing any.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from k8sops.cluster.exec_plugin import ExecCredential
    from k8sops.service.config import Config
    from k8sops.service.live.ahead import FirstTable
    from k8sops.service.ops import EngineOps
    from k8sops.service.records import Records
    from k8sops.service.schedules import ScheduleDesk


@asynccontextmanager
async def open_ops(
    config: Config, held: ExecCredential | None = None, *, first: FirstTable | None = None
) -> AsyncIterator[EngineOps]:
    """Connect to the configured cluster and offer `Ops` on it until the block ends.

    `held` is what a credential plugin gave a person just now; `first` names a table that will be asked for at once, and
    is begun before. Runs still carried here when the block ends are
    cancelled safely, each saying what it had done. Raises UnreachableError, CredentialsError, UnknownContextError,
    PolicyError.
    """
    from k8sops.cluster.connect import connect
    from k8sops.core.clock import SystemClock, UlidSource
    from k8sops.service.ops import EngineOps
    from k8sops.service.policies import in_force

    clock = SystemClock()
    config, names = in_force(config)
    cluster = await connect(
        context=config.context or None,
        kubeconfig=config.kubeconfig or None,
        impersonate=config.impersonation(),
        clock=clock,
        cluster_names=names,
        held=held,
        early=first is not None,
    )
    ops = EngineOps(cluster, config=config, clock=clock, ids=UlidSource())
    try:
        if first is not None:
            in_sight = asyncio.Event()
            first.when_shown(in_sight.set)
            first.when_shown(cluster.transport.end_early)
            await ops.look_around()
            ops.begin(await first(cluster.info.context, ops.default_namespace), in_sight)
        yield ops
    finally:
        await ops.aclose()
        await cluster.aclose()


@asynccontextmanager
async def open_records(config: Config) -> AsyncIterator[Records]:
    """Open the store alone: what has been done, by whom. Raises what opening a store raises."""
    from k8sops.core.clock import SystemClock, UlidSource
    from k8sops.service.records import Records
    from k8sops.service.storing import Storage

    clock = SystemClock()
    storage = Storage(config, clock, UlidSource())
    try:
        yield Records(storage, clock)
    finally:
        await storage.aclose()


@asynccontextmanager
async def open_schedules(config: Config) -> AsyncIterator[tuple[EngineOps, ScheduleDesk]]:
    """Connect, and offer what people do to schedules on this cluster. Raises UsageError, and what `open_ops` raises."""
    if config.emergency:
        from k8sops.core.errors import UsageError

        raise UsageError(
            "schedules are kept in the shared store; an emergency's local one is merged without any",
            hint="do now what has to be done now, and change schedules when the shared store is back",
        )
    async with open_ops(config) as ops:
        yield ops, ops.schedule_desk
