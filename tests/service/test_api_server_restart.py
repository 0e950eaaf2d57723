"""The API server dies and comes back under a waiting scale and under a live table: both say so and end true."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from k8sops.core.actor import Actor
from k8sops.core.run import RunState
from k8sops.core.tables import FeedState, LiveRows, TableQuery
from k8sops.service import open_ops
from k8sops.service.config import Config
from tests.support.clients import client_of
from tests.support.restarts import kill_api_server, repair
from tests.support.workloads import create, deployment

if TYPE_CHECKING:
    from k8sops.sandbox.manager import SandboxHandle

ALICE = Actor(name="kubernetes-admin")
DEADLINE_S = 180
READY_AFTER_RESTART = {"sandbox.k8sops.dev/ready-delay": "6s"}


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
    async with client_of(fresh_cluster.kubeconfig) as cluster:
        await create(cluster, deployment("web", "default", replicas=1, annotations=READY_AFTER_RESTART))
    async with open_ops(Config(kubeconfig=(fresh_cluster.kubeconfig,), namespace="default")) as ops:
        table = await ops.rows(TableQuery(kind="pods", namespace="default"))
        await _until(table, FeedState.LIVE)
        async with asyncio.timeout(DEADLINE_S), aclosing(table.changes()) as changes:
            while not table.rows:
                await anext(changes)
        run = await ops.propose("scale", {"target": "deployment/web", "replicas": 3}, ALICE)
        await ops.start(run.id, ALICE)
        texts: list[str] = []
        repairing: asyncio.Task[None] | None = None
        async with asyncio.timeout(DEADLINE_S), aclosing(ops.watch(run.id)) as events:
            async for event in events:
                texts.append(f"{event.kind}: {event.text}")
                if event.kind == "progress" and repairing is None:
                    await kill_api_server(fresh_cluster)
                    await _until(table, FeedState.STALE)
                    assert table.trouble
                    assert table.stale_since is not None
                    assert table.rows, "the last known rows stay on the screen"
                    repairing = asyncio.create_task(repair(fresh_cluster))
        assert repairing is not None
        await repairing
        ended = await ops.get_run(run.id)
        assert ended.state is RunState.SUCCEEDED, (ended.error, texts)
        assert any(text.startswith("note: ") for text in texts), texts
        await _until(table, FeedState.LIVE)
        async with asyncio.timeout(DEADLINE_S), aclosing(table.changes()) as changes:
            while len(table.rows) != 3:
                await anext(changes)
        await table.aclose()
