"""The API server dies and comes back under a waiting scale and under a live table: both say so and end true."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing
from typing import TYPE_CHECKING

from k8sops.cluster.connect import connect
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock
from k8sops.core.run import RunState
from k8sops.core.tables import FeedState, LiveRows, TableQuery
from k8sops.sandbox.manager import SandboxManager
from k8sops.service import open_ops
from k8sops.service.config import Config
from tests.support.workloads import create, deployment

if TYPE_CHECKING:
    from k8sops.sandbox.manager import SandboxHandle

ALICE = Actor(name="alice")
DEADLINE_S = 90
READY_AFTER_RESTART = {"sandbox.k8sops.dev/ready-delay": "6s"}


async def _kill_api_server(handle: SandboxHandle) -> None:
    status = await SandboxManager(handle.folder.parent).status(handle.name)
    pid = next(one.pid for one in status.components if one.component == "kube-apiserver")
    os.kill(pid, signal.SIGKILL)


async def _repair(handle: SandboxHandle) -> None:
    await SandboxManager(handle.folder.parent).up(handle.name)


async def _until(rows: LiveRows, state: FeedState) -> None:
    async with asyncio.timeout(DEADLINE_S), aclosing(rows.changes()) as changes:
        if rows.state is state:
            return
        async for _ in changes:
            if rows.state is state:
                return


async def test_a_waiting_scale_and_a_live_table_outlive_an_api_server_restart(
    fresh_cluster: SandboxHandle,
) -> None:
    """An upgrade of the control plane must not turn a good change into a failed run, or a screen into a lie."""
    cluster = await connect(
        context=None,
        kubeconfig=(fresh_cluster.kubeconfig,),
        impersonate=None,
        clock=SystemClock(),
        cluster_names={},
    )
    await create(cluster, deployment("web", "default", replicas=1, annotations=READY_AFTER_RESTART))
    await cluster.aclose()
    async with open_ops(Config(kubeconfig=(fresh_cluster.kubeconfig,), namespace="default")) as ops:
        table = await ops.rows(TableQuery(kind="pods", namespace="default"))
        await _until(table, FeedState.LIVE)
        run = await ops.propose("scale", {"target": "deployment/web", "replicas": 3}, ALICE)
        await ops.start(run.id, ALICE)
        texts: list[str] = []
        repair: asyncio.Task[None] | None = None
        async with asyncio.timeout(DEADLINE_S), aclosing(ops.watch(run.id)) as events:
            async for event in events:
                texts.append(f"{event.kind}: {event.text}")
                if event.kind == "progress" and repair is None:
                    await _kill_api_server(fresh_cluster)
                    await _until(table, FeedState.STALE)
                    assert table.trouble
                    assert table.stale_since is not None
                    assert table.rows, "the last known rows stay on the screen"
                    repair = asyncio.create_task(_repair(fresh_cluster))
        assert repair is not None
        await repair
        ended = await ops.get_run(run.id)
        assert ended.state is RunState.SUCCEEDED, (ended.error, texts)
        assert any(text.startswith("note: ") for text in texts), texts
        await _until(table, FeedState.LIVE)
        async with asyncio.timeout(DEADLINE_S), aclosing(table.changes()) as changes:
            while len(table.rows) != 3:
                await anext(changes)
        await table.aclose()
